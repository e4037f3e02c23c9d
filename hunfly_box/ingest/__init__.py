"""What comes in from providers: receiver, group commit, spill while Postgres is away, journal and its replay.

Tables: journal, pending_changes; writes contacts, conversations, messages and channel states through app.ingest().
"""
