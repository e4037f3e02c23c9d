"""Evolution API 2.3: its webhooks read into port types (parsing), its HTTP API called (client)."""
