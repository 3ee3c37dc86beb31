"""Who is in the call: names in columns, those who speak first and marked."""

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content

from appliance.state.room import RoomState
from appliance.state.views import PersonRow, people
from display.panel import palette
from display.panel.keys import TouchKey
from display.panel.paging import Page, page
from display.panel.words import Words

_COLUMN = 30
_GAP = 2
_PADDING = 2


class People(Container):
    """The list; makes only the rows that fit, however many people there are."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        super().__init__(id="people")
        self._clock = clock
        self._state: RoomState | None = None
        self._page = 0

    def compose(self) -> ComposeResult:
        yield Words(widget_id="names")
        yield TouchKey(key_id="more-people", clock=self._clock)

    def show(self, state: RoomState) -> None:
        """Show the people of this call."""
        old = self._state
        self._state = state
        call = (state.call.participants, state.call.speakers)
        if old is None or call != (old.call.participants, old.call.speakers):
            self._fill()

    def on_resize(self) -> None:
        self._fill()

    def on_touch_key_pressed(self, event: TouchKey.Pressed) -> None:
        event.stop()
        self._page += 1
        self._fill()

    def _fill(self) -> None:
        if self._state is None or not self.size.height:
            return
        total = len(self._state.call.participants)
        shown, columns = self._layout(total)
        more = self.query_one("#more-people", TouchKey)
        more.display = shown.paged
        more.show(shown.more)
        width = (self._names_width(paged=shown.paged) - _GAP * (columns - 1)) // columns
        rows = people(self._state, shown.start, shown.count)
        airy = not shown.paged and (len(rows) + columns - 1) // columns * 2 <= self.size.height + 1
        self.query_one("#names", Words).say(_table(rows, columns, width, airy=airy) if rows else _nobody())

    def _layout(self, total: int) -> tuple[Page, int]:
        compact = self.screen.has_class("-compact")
        height = self.size.height
        columns = (
            1
            if total <= height and not compact
            else max(1, (self._names_width(paged=False) + _GAP) // (_COLUMN + _GAP))
        )
        columns_paged = max(1, (self._names_width(paged=True) + _GAP) // (_COLUMN + _GAP))
        rows_paged = height if compact else height - 4
        found = page(total, self._page, fits=height * columns, fits_paged=rows_paged * columns_paged)
        return found, columns_paged if found.paged else columns

    def _names_width(self, *, paged: bool) -> int:
        beside = paged and self.screen.has_class("-compact")
        return max(1, self.size.width - _PADDING - (10 if beside else 0))


def _nobody() -> Content:
    return Content.styled("Nobody else is here yet.", palette.SOFT)


def _table(rows: tuple[PersonRow, ...], columns: int, width: int, *, airy: bool) -> Content:
    lines = [rows[start : start + columns] for start in range(0, len(rows), columns)]
    gap = Content(" " * _GAP)
    return Content("\n\n" if airy else "\n").join([gap.join([_person(row, width) for row in line]) for line in lines])


def _person(row: PersonRow, width: int) -> Content:
    mark, word, colour, name_style = _look(row)
    name = Content.styled(row.name, name_style).truncate(max(1, width - 3 - len(word)), ellipsis=True, pad=True)
    return Content.assemble((f"{mark} ", colour), name, " ", (word, colour))


def _look(row: PersonRow) -> tuple[str, str, str, str]:
    if row.speaking:
        return "●", "speaks", palette.GREEN, f"bold {palette.BRIGHT}"
    if row.sharing:
        return "▪", "shares", palette.BLUE, palette.BRIGHT
    if row.mic_muted:
        return "○", "muted", palette.FAINT, palette.SOFT
    return "○", "", palette.SOFT, palette.BRIGHT
