"""The list of devices: each in a line, and under one that needs attention what would help, in full."""

from collections.abc import Sequence

from textual.content import Content
from textual.widget import Widget

from appliance.state.device_views import DeviceRow
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

    @property
    def page(self) -> Page:
        """Which of the devices are shown."""
        return self._pages()[1]

    def show(self, rows: Sequence[DeviceRow]) -> None:
        """Show these devices."""
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
        blocks = [_device(row, max(_INDENT + 1, width), max(1, height)) for row in self._rows]
        return blocks, pages([block.plain.count("\n") + 1 for block in blocks], self._number, fits=height)


def _device(row: DeviceRow, width: int, height: int) -> Content:
    """Set a device in lines: what and how, then the remedy, which may be as long as the page."""
    mark, colour = _look(row)
    words = Content.styled(row.words, colour)
    room = max(1, width - words.cell_length - 2 * _INDENT)
    title = Content.styled(row.title, f"bold {palette.BRIGHT}").truncate(room, ellipsis=True, pad=True)
    lines = [Content.assemble((f"{mark} ", colour), title, "  ", words).truncate(width)]
    remedy = Content.styled(row.remedy, palette.SOFT).wrap(width - _INDENT) if row.remedy else []
    return Content("\n").join((lines + [line.pad_left(_INDENT) for line in remedy])[:height])


def _look(row: DeviceRow) -> tuple[str, str]:
    """Return the sign and the colour that say how a device does, beside the words."""
    if row.severity in _MARKS:
        return _MARKS[row.severity]
    if not row.named:
        return "○", palette.FAINT
    return "●" if row.in_use else "○", palette.GREEN if row.well else palette.SOFT
