"""What people in the room should read: one line of it in a band, all of it on a sheet."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget

from appliance.state.buttons import Button
from appliance.state.problems import Problem
from display.panel import palette
from display.panel.keys import TouchKey
from display.panel.words import Words

_SHEET_S = 45.0


class Band(Widget):
    """The first problem with its remedy; there is no band while all is well."""

    class Opened(Message):
        """Somebody wants to read all of it."""

    def __init__(self) -> None:
        super().__init__(id="band")
        self.items: tuple[Problem, ...] = ()
        self.display = False

    def show(self, items: tuple[Problem, ...]) -> None:
        """Show the first of these; the others are a touch away."""
        if items != self.items:
            self.items = items
            self.display = bool(items)
            self.refresh(layout=True)

    def on_click(self, event: Click) -> None:
        event.stop()
        self.post_message(self.Opened())

    def render(self) -> Content:
        if not self.items:
            return Content()
        first, others = self.items[0], len(self.items) - 1
        parts = [("! ", f"bold {palette.AMBER}"), (first.what, f"bold {palette.BRIGHT}")]
        if others:
            parts.append((f"  +{others} more", palette.AMBER))
        head = Content.assemble(*parts)
        return Content("\n  ").join([head, Content.styled(first.help, palette.SOFT)]) if first.help else head


class Sheet(ModalScreen[None]):
    """Things to read, one at a time, in full."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", show=False)]

    def __init__(self, items: Sequence[Problem], *, clock: Callable[[], float]) -> None:
        super().__init__()
        self._items = items
        self._clock = clock
        self._place = 0

    def compose(self) -> ComposeResult:
        with Container(id="sheet"):
            yield Words(widget_id="sheet-count")
            yield Words(widget_id="sheet-text", grows=True)
            with Horizontal(id="sheet-keys"):
                yield TouchKey(key_id="sheet-next", clock=self._clock)
                yield TouchKey(key_id="sheet-close", clock=self._clock)

    def on_mount(self) -> None:
        self.query_one("#sheet-next", TouchKey).show(Button("Next", enabled=True))
        self.query_one("#sheet-next").display = len(self._items) > 1
        self.query_one("#sheet-close", TouchKey).show(Button("Close", enabled=True))
        self._say()
        # nobody may be there to close it
        self.set_timer(_SHEET_S, self.dismiss)

    def on_touch_key_pressed(self, event: TouchKey.Pressed) -> None:
        event.stop()
        if event.key.id == "sheet-close":
            self.dismiss()
        else:
            self._place = (self._place + 1) % len(self._items)
            self._say()

    def _say(self) -> None:
        item = self._items[self._place]
        count = f"{self._place + 1} of {len(self._items)}" if len(self._items) > 1 else ""
        self.query_one("#sheet-count", Words).say(Content.styled(count, palette.AMBER))
        what = Content.styled(item.what, f"bold {palette.BRIGHT}")
        text = Content("\n\n").join([what, Content.styled(item.help, palette.SOFT)])
        self.query_one("#sheet-text", Words).say(text)
