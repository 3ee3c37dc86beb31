"""The embedded meeting server: LiveKit's signalling, forwarding without decoding, guest links and the guest page."""
