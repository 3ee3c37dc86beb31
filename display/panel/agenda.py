"""The booked meetings, each a row that a finger can choose; Join then means that one."""

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widget import Widget

from appliance.state.room import MeetingKey
from appliance.state.views import MeetingRow
from display.panel import palette
from display.panel.keys import TouchKey
from display.panel.paging import page
from display.panel.words import Words

_POOL = 16
_TIMES = 8


class MeetingLine(Widget):
    """One meeting in two lines: when and what, until when and who."""

    class Chosen(Message):
        """Somebody touched a meeting."""

        def __init__(self, key: MeetingKey) -> None:
            super().__init__()
            self.key = key

    def __init__(self) -> None:
        super().__init__()
        self.row: MeetingRow | None = None

    def show(self, row: MeetingRow | None, *, chosen: bool) -> None:
        """Become this meeting, or nothing."""
        self.display = row is not None
        self.set_class(chosen, "-chosen")
        self.set_class(row is not None and row.on_now, "-now")
        if row != self.row:
            self.row = row
            self.refresh()

    def on_click(self, event: Click) -> None:
        event.stop()
        if self.row is not None:
            self.post_message(self.Chosen(self.row.key))

    def render(self) -> Content:
        if self.row is None:
            return Content()
        row, width = self.row, self.content_size.width
        end = row.day[:6] if row.day else row.end
        title = palette.BRIGHT if row.joinable else palette.SOFT
        first = _line((row.start, f"bold {palette.BRIGHT}"), (row.title, f"bold {title}"), width)
        second = _line((end, palette.FAINT), (_about(row), palette.SOFT), width)
        return Content("\n").join([first, second])


class Agenda(Container):
    """The list; shows a page of it."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        super().__init__(id="agenda")
        self._clock = clock
        self._rows: Sequence[MeetingRow] = ()
        self._chosen: MeetingKey | None = None
        self._page = 0

    def compose(self) -> ComposeResult:
        yield Words(widget_id="no-meetings")
        with Container(classes="rows"):
            for _ in range(_POOL):
                yield MeetingLine()
        yield TouchKey(key_id="more-meetings", clock=self._clock)

    def show(self, rows: Sequence[MeetingRow], *, chosen: MeetingKey | None, empty: str) -> None:
        """Show these meetings, the chosen one marked."""
        self.query_one("#no-meetings", Words).say(Content.styled(empty, palette.SOFT))
        if (rows, chosen) != (self._rows, self._chosen):
            self._rows, self._chosen = rows, chosen
            self._fill()

    def on_resize(self) -> None:
        self._fill()

    def on_touch_key_pressed(self, event: TouchKey.Pressed) -> None:
        event.stop()
        self._page += 1
        self._fill()

    def _fill(self) -> None:
        compact = self.screen.has_class("-compact")
        row_height, key_height = (2, 0) if compact else (3, 4)
        height = self.size.height + (0 if compact else 1)
        shown = page(
            len(self._rows),
            self._page,
            fits=min(_POOL, height // row_height),
            fits_paged=min(_POOL, (height - key_height) // row_height),
        )
        for place, line in enumerate(self.query(MeetingLine)):
            row = self._rows[shown.start + place] if place < shown.count else None
            line.show(row, chosen=row is not None and row.key == self._chosen)
        more = self.query_one("#more-meetings", TouchKey)
        more.display = shown.paged
        more.show(shown.more)
        self.query_one("#no-meetings").display = not self._rows


def _about(row: MeetingRow) -> str:
    """Say first what the room will do: where there is little room, the name gives way."""
    return f"{row.note}  ·  {row.organizer}" if row.organizer else row.note


def _line(left: tuple[str, str], right: tuple[str, str], width: int) -> Content:
    time = Content.styled(*left).truncate(_TIMES, pad=True)
    words = Content.styled(*right).truncate(max(0, width - _TIMES), ellipsis=True)
    return Content.assemble(time, words)
