"""Making a machine a room: its identity and its secrets."""
