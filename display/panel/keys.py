"""A key big enough for a finger: shows a `Button` of the room and reports when it is pressed."""

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widget import Widget

from appliance.state.buttons import Button, Tone
from appliance.state.commands import Command
from display.panel import palette

_SETTLE_S = 0.6
_TALL, _HIGH = 5, 4
"""Lines from which on a note stands below the label, with and without an empty line between."""
_NARROW = 12


class TouchKey(Widget, can_focus=True):
    """Acts on release. A second touch within `pause_s` is taken for a bouncing finger.

    A key that has just changed its meaning, from Leave to Join say, ignores touches for a moment: they were meant for
    what it said before.
    """

    FOCUS_ON_CLICK = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter,space", "press", show=False)]

    class Pressed(Message):
        """The key was pressed; a disabled one too, so that somebody can say why nothing happens."""

        def __init__(self, key: "TouchKey") -> None:
            super().__init__()
            self.key = key
            self.button = key.button

        @property
        def control(self) -> "TouchKey":
            """Let `@on` select by the key."""
            return self.key

    def __init__(self, *, key_id: str, clock: Callable[[], float], pause_s: float = 0.3) -> None:
        super().__init__(id=key_id)
        self.button = Button("", enabled=False)
        self._meant: Command | None = None
        self._clock = clock
        self._pause_s = pause_s
        self._deaf_until = 0.0

    def show(self, button: Button) -> None:
        """Become this button."""
        if button == self.button:
            return
        if button.command is not None:
            if self._meant is not None and type(button.command) is not type(self._meant):
                self.settle()
            self._meant = button.command
        self.button = button
        for tone in Tone:
            self.set_class(button.enabled and button.tone is tone, f"-{tone}")
        self.set_class(not button.enabled, "-off")
        self.refresh()

    def settle(self) -> None:
        """Ignore touches for a moment: they were meant for what was here before."""
        self._deaf_until = max(self._deaf_until, self._clock() + _SETTLE_S)

    def press(self) -> None:
        """Press the key, unless it has just been pressed or has just changed."""
        now = self._clock()
        if now >= self._deaf_until:
            self._deaf_until = now + self._pause_s
            self.post_message(self.Pressed(self))

    def action_press(self) -> None:
        self.press()

    def on_click(self, event: Click) -> None:
        event.stop()
        self.press()

    def render(self) -> Content:
        label = Content.styled(self.button.label, "bold")
        width, height = self.content_size
        note = self._note(tall=height >= _TALL)
        if height < _HIGH:
            beside = width - label.cell_length - 2
            fits = beside >= min(_NARROW, note.cell_length)
            return Content.assemble(label, "  ", note).truncate(width, ellipsis=True) if note and fits else label
        if not note or width < _NARROW:
            return label
        # the empty line keeps both around the middle of an odd height
        lines = [label.truncate(width, ellipsis=True), note.truncate(width, ellipsis=True)]
        return Content("\n" if height < _TALL else "\n\n").join(lines)

    def _note(self, *, tall: bool) -> Content:
        """Return what stands beside the label; a flat key also says why it is off, others leave that to the hint."""
        lamp = Content.styled("● ", palette.GREEN) if self.button.live else Content()
        words = self.button.detail or ("" if tall else self.button.why)
        return Content.assemble(lamp, (words, palette.MIST if self.button.enabled else palette.FAINT))
