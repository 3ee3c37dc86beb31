"""Devices behind URIs. A leaf library: it has no idea what a meeting is."""
