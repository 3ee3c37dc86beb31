"""See ../README.md."""


class Picamera2Camera:
    """A name."""
