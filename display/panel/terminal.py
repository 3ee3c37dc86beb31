"""The terminal a panel draws on."""

import sys

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver


class Terminal(LinuxDriver):
    """Draws where output goes. Textual's own draws where errors go, and in a room that is the journal."""

    def __init__(
        self, app: App[object], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._file = sys.__stdout__
