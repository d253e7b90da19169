"""From settings to a finished run in a folder: what is planned, trained and kept."""
