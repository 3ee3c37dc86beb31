"""See ../README.md."""


class PICAM2DNG:
    """A name."""
