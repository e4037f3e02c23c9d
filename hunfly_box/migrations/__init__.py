"""Alembic versions and the SQL they run, shipped as data."""
