"""`sdl:?fullscreen=1`, `png:/path/tv.png?every=1.0`, `null:`: how settings name a screen. Loads no presenter."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from appliance.errors import SalonError

KNOWN = "sdl:, sdl:?fullscreen=1, png:/path/tv.png?every=1.0, null:"


class UnknownScreen(SalonError, ValueError):
    """The URI names no presenter."""


@dataclass(frozen=True, slots=True)
class ScreenUri:
    """A screen's URI in its parts."""

    scheme: str
    path: Path
    fullscreen: bool
    every: float
    """Seconds between two pictures in a file."""

    @classmethod
    def parse(cls, text: str) -> "ScreenUri":
        """Take a URI apart, or raise `UnknownScreen`."""
        parts = urlsplit(text)
        query = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        if parts.scheme not in {"sdl", "png", "null"} or bool(parts.path) != (parts.scheme == "png"):
            raise UnknownScreen(f"{text!r} names no screen; known are {KNOWN}")
        fullscreen = query.get("fullscreen", "0")
        if fullscreen not in {"0", "1"}:
            raise UnknownScreen(f"{text!r}: fullscreen is 0 or 1")
        path = Path(parts.path).expanduser()
        return cls(parts.scheme, path, fullscreen == "1", _seconds(text, query.get("every", "1.0")))


def _seconds(uri: str, text: str) -> float:
    try:
        every = float(text)
    except ValueError:
        every = -1.0
    if not 0.05 <= every <= 3600:
        raise UnknownScreen(f"{uri!r}: every is a number of seconds, 0.05 to 3600")
    return every
