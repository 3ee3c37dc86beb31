"""The embedded meeting server: LiveKit's signalling, forwarding, and the guest page."""
