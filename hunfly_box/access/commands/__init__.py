"""Writes of the access slice, in control-plane transactions; they announce whose rights have changed."""
