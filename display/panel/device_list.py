"""The list of devices: each in a line, and under one that needs attention what would help, in full."""

from collections.abc import Sequence
from datetime import datetime

from textual.content import Content
from textual.widget import Widget

from appliance.state.device_views import DeviceRow, since_text
from appliance.state.devices import Severity
from display.panel import palette
from display.panel.paging import Page, pages

_INDENT = 2
_URGENCY = (Severity.IMPORTANT, Severity.WARNING, Severity.FINE)
_MARKS = {Severity.IMPORTANT: ("!", palette.RED), Severity.WARNING: ("!", palette.AMBER)}


class DeviceList(Widget):
    """As many devices as fit, those that need attention first."""

    def __init__(self) -> None:
        super().__init__(id="device-list")
        self._rows: tuple[DeviceRow, ...] = ()
        self._number = 0
        self._now: datetime | None = None

    @property
    def page(self) -> Page:
        """Which of the devices are shown."""
        return self._pages()[1]

    def show(self, rows: Sequence[DeviceRow], now: datetime) -> None:
        """Show these devices; times are in the zone of `now`."""
        self._now = now
        ordered = tuple(sorted(rows, key=lambda row: _URGENCY.index(row.severity)))
        if ordered != self._rows:
            self._rows = ordered
            self.refresh()

    def turn(self) -> None:
        """Show the next page, after the last the first."""
        self._number += 1
        self.refresh()

    def render(self) -> Content:
        if not self._rows:
            return Content.styled("No devices are named in the settings, and none is plugged in.", palette.SOFT)
        blocks, shown = self._pages()
        return Content("\n").join(blocks[shown.start : shown.start + shown.count])

    def _pages(self) -> tuple[list[Content], Page]:
        width, height = self.content_size
        blocks = [_device(row, self._now, max(_INDENT + 1, width), max(1, height)) for row in self._rows]
        return blocks, pages([block.plain.count("\n") + 1 for block in blocks], self._number, fits=height)


def _device(row: DeviceRow, now: datetime | None, width: int, height: int) -> Content:
    """Set a device in lines: what and how, then since when and the remedy, which may be as long as the page."""
    mark, colour = _look(row)
    words = Content.styled(row.words, colour)
    room = max(1, width - words.cell_length - 2 * _INDENT)
    title = Content.styled(row.title, f"bold {palette.BRIGHT}").truncate(room, ellipsis=True, pad=True)
    first = Content.assemble((f"{mark} ", colour), title, "  ", words).truncate(width)
    under = [line.pad_left(_INDENT) for line in _trouble(row, now).wrap(width - _INDENT)] if row.remedy else []
    return Content("\n").join([first, *under][:height])


def _trouble(row: DeviceRow, now: datetime | None) -> Content:
    """Say since when, what would help, and what the device is called on the phone and in the fleet."""
    since = f"Since {since_text(row.since, now)}. " if row.since and now else ""
    return Content.assemble((f"{since}{row.remedy}", palette.SOFT), (f" [{row.id}]", palette.FAINT))


def _look(row: DeviceRow) -> tuple[str, str]:
    """Return the sign and the colour that say how a device does, beside the words."""
    if row.severity in _MARKS:
        return _MARKS[row.severity]
    if not row.named:
        return "○", palette.FAINT
    return "●" if row.in_use else "○", palette.GREEN if row.well else palette.SOFT
