"""The fleet on disk: one schema on SQLite and on PostgreSQL, and everything that is read from it and written to it."""
