"""Microphone and speaker drivers."""
