"""Which presenter a URI names."""

from display.screens.null import NullPresenter
from display.screens.png import PngPresenter
from display.screens.port import Presenter
from display.screens.uri import ScreenUri, UnknownScreen


def presenter_for(text: str) -> Presenter:
    """Make the presenter a URI names; it opens nothing yet."""
    uri = ScreenUri.parse(text)
    match uri.scheme:
        case "png":
            return PngPresenter(uri.path, every=uri.every)
        case "sdl":
            return _sdl(text, fullscreen=uri.fullscreen)
        case _:
            return NullPresenter()


def _sdl(uri: str, *, fullscreen: bool) -> Presenter:
    try:
        from display.screens.sdl import SdlPresenter  # noqa: PLC0415 - loads the SDL library
    except ImportError as err:
        raise UnknownScreen(f"{uri!r} needs PySDL2: pip install 'salon[display]' ({err})") from err
    return SdlPresenter(fullscreen=fullscreen)
