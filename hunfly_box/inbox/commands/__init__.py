"""Writes of the inbox, one module for each thing people do. Each takes the transaction first and never commits."""
