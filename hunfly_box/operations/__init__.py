"""What the command line does: migrate, check the catalogue, make sample data. Callable from elsewhere too."""
