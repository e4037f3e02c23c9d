"""The command line: one file a group of verbs. Each module imports what is heavy only when its verb runs."""
