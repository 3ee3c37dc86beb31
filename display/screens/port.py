"""What every presenter can do."""

from typing import Protocol

from appliance.errors import SalonError
from display.canvas import Canvas


class ScreenError(SalonError):
    """The picture cannot be shown; says why and what would help."""


class ScreenClosed(ScreenError):
    """Somebody closed the window on purpose: it does not come back by itself."""


class Presenter(Protocol):
    """Shows canvases. All calls come from the compose thread; whatever fails raises `ScreenError`."""

    def open(self, width: int, height: int) -> None:
        """Take the screen."""

    def present(self, canvas: Canvas) -> None:
        """Show the picture; called about once a second even when `canvas.rev` has not changed."""

    def close(self) -> None:
        """Give the screen back; harmless when it is not open."""
