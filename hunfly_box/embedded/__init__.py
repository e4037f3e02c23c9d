"""Postgres and Valkey out of Python wheels: started, watched, restarted and stopped with the box."""
