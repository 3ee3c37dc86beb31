"""Salon's room programs: the daemon, the media engine and everything they share."""
