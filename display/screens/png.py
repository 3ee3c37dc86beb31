"""A presenter that keeps a PNG file up to date, for demonstrations and for looking at a machine without a screen."""

import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from display.canvas import Canvas
from display.colour import to_image
from display.screens.port import ScreenError


class PngPresenter:
    """Replaces the file atomically, at most once in `every` seconds and only when the picture changed.

    Encoding takes tens of milliseconds, so it happens beside the compose thread.
    """

    def __init__(self, path: Path, *, every: float = 1.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._every = every
        self._monotonic = monotonic
        self._writer: ThreadPoolExecutor | None = None
        self._writing: Future[None] | None = None
        self._shown = -1
        self._next = 0.0
        self._last: Canvas | None = None

    def open(self, width: int, height: int) -> None:  # noqa: ARG002 - the file takes any size
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise ScreenError(f"the folder of {self._path} cannot be made: {err.strerror}") from err
        self._writer = ThreadPoolExecutor(1, "png")
        self._shown, self._next = -1, 0.0

    def present(self, canvas: Canvas) -> None:
        self._last = canvas
        busy = self._writing is not None and not self._writing.done()
        if self._writer is None or busy or canvas.rev == self._shown or self._monotonic() < self._next:
            return
        self._check()
        self._shown, self._next = canvas.rev, self._monotonic() + self._every
        self._writing = self._writer.submit(self._write, canvas.copy())

    def close(self) -> None:
        """Finish, so that the file shows the last picture."""
        if self._writer is None:
            return
        if self._last is not None and self._last.rev != self._shown:
            self._writer.submit(self._write, self._last.copy())
        self._writer.shutdown()
        self._writer = self._writing = self._last = None

    def _check(self) -> None:
        error = self._writing.exception() if self._writing else None
        if isinstance(error, OSError):
            self._writing = None
            raise ScreenError(f"{self._path} cannot be written: {error.strerror}") from error
        if error:
            raise error

    def _write(self, canvas: Canvas) -> None:
        new = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            to_image(canvas).save(new, "PNG", compress_level=1)
            new.replace(self._path)
        finally:
            new.unlink(missing_ok=True)
