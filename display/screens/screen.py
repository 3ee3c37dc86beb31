"""The screen the display presents on: the chosen presenter while it works, and until it works again nothing."""

import logging
from collections.abc import Callable
from typing import Final

from display.canvas import Canvas
from display.screens.port import Presenter, ScreenClosed, ScreenError

logger = logging.getLogger(__name__)
_FIRST_WAIT_S: Final = 1.0
_LONGEST_WAIT_S: Final = 60.0
_LIT_S: Final = 2.0


class Screen:
    """Never fails; says what is wrong in `error`."""

    def __init__(self, uri: str, make: Callable[[str], Presenter], *, monotonic: Callable[[], float]) -> None:
        self.uri = uri
        self.error = ""
        """Why the chosen presenter does not work, empty when it does."""
        self._chosen = make(uri)
        self._monotonic = monotonic
        self._open = False
        self._retry_at = float("-inf")
        self._wait = _FIRST_WAIT_S
        self._presented_at = float("-inf")

    @property
    def showing(self) -> str:
        """Return the URI of what is used now."""
        return self.uri if self._open else "null:"

    @property
    def lit(self) -> bool:
        """Whether the chosen presenter took a picture within the last two seconds."""
        return self._monotonic() - self._presented_at < _LIT_S

    def present(self, canvas: Canvas) -> None:
        """Show the picture if that is possible now."""
        if not self._open and self._monotonic() < self._retry_at:
            return
        try:
            if not self._open:
                self._chosen.open(canvas.width, canvas.height)
                self._open = True
            self._chosen.present(canvas)
        except ScreenError as err:
            self._fall(err)
        else:
            self._rise()

    def close(self) -> None:
        """Give the screen back."""
        if self._open:
            self._chosen.close()
            self._open = False

    def _rise(self) -> None:
        self._presented_at = self._monotonic()
        if self.error:
            logger.info("the screen %s works again", self.uri)
        self.error, self._wait = "", _FIRST_WAIT_S

    def _fall(self, err: ScreenError) -> None:
        if str(err) != self.error:
            logger.warning("screen %s: %s", self.uri, err)
        self.error = str(err)
        self.close()
        self._presented_at = float("-inf")
        # a person's decision stands until the display is started again
        self._retry_at = float("inf") if isinstance(err, ScreenClosed) else self._monotonic() + self._wait
        self._wait = min(self._wait * 2, _LONGEST_WAIT_S)
