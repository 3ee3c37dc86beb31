"""Which presenter a URI names."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from appliance.errors import SalonError
from display.screens.null import NullPresenter
from display.screens.png import PngPresenter
from display.screens.port import Presenter

KNOWN = "sdl:, sdl:?fullscreen=1, png:/path/tv.png?every=1.0, null:"


class UnknownScreen(SalonError, ValueError):
    """The URI names no presenter."""


def presenter_for(uri: str) -> Presenter:
    """Make the presenter a URI names; it opens nothing yet."""
    parts = urlsplit(uri)
    query = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
    match parts.scheme, parts.path:
        case "sdl", "":
            return _sdl(uri, query)
        case "png", path if path:
            return PngPresenter(Path(path), every=_seconds(uri, query))
        case "null", "":
            return NullPresenter()
    raise UnknownScreen(f"{uri!r} names no screen; known are {KNOWN}")


def _sdl(uri: str, query: dict[str, str]) -> Presenter:
    fullscreen = query.get("fullscreen", "0")
    if fullscreen not in {"0", "1"}:
        raise UnknownScreen(f"{uri!r}: fullscreen is 0 or 1")
    try:
        from display.screens.sdl import SdlPresenter  # noqa: PLC0415 - loads the SDL library
    except ImportError as err:
        raise UnknownScreen(f"{uri!r} needs PySDL2: pip install 'salon[display]' ({err})") from err
    return SdlPresenter(fullscreen=fullscreen == "1")


def _seconds(uri: str, query: dict[str, str]) -> float:
    try:
        every = float(query.get("every", "1.0"))
    except ValueError:
        every = -1.0
    if not 0.05 <= every <= 3600:
        raise UnknownScreen(f"{uri!r}: every is a number of seconds, 0.05 to 3600")
    return every
