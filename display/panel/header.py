"""The top of the panel: which room, what it does, and the time."""

from datetime import datetime

from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.content import Content

from appliance.state.room import Phase
from display.panel import palette
from display.panel.words import Words

_DOTS = {
    Phase.IDLE: palette.GREEN,
    Phase.LIVE: palette.RED,
    Phase.RECONNECTING: palette.AMBER,
    Phase.LEAVING: palette.AMBER,
}


class Header(Container):
    """Left: the room, what it does, and more of it. Right: the time, the date, the calendar's age."""

    def __init__(self) -> None:
        super().__init__(id="header")

    def compose(self) -> ComposeResult:
        for left, right in (("room", "clock"), ("status", "date"), ("detail", "calendar")):
            with Horizontal(classes="line"):
                yield Words(widget_id=left, grows=left == "status")
                yield Words(widget_id=right, grows=True)

    @property
    def room_for(self) -> int:
        """How many columns the status has."""
        return self.query_one("#status").content_size.width

    def show_room(self, name: str, *, simulated: bool = False, far: str = "") -> None:
        """Name the room; simulated devices are never passed off as real ones, nor a far panel as the room's."""
        compact = self.screen.has_class("-compact")
        badges = [far if compact else f"{far}: unmute at the room"] if far else []
        if simulated:
            badges.append("SIMULATED" if compact else "SIMULATED DEVICES")
        parts: list[tuple[str, str]] = [(name, f"bold {palette.SOFT}")]
        for badge in badges:
            parts += [("  ", ""), (f" {badge} ", f"bold {palette.NIGHT} on {palette.AMBER}")]
        self.query_one("#room", Words).say(Content.assemble(*parts))

    def show_status(self, status: str, detail: str, phase: Phase | None) -> None:
        """Say what the room does; without a phase nobody knows."""
        dot = _DOTS.get(phase, palette.BLUE) if phase else palette.FAINT
        line = Content.assemble(("● ", dot), (status, f"bold {palette.BRIGHT}"))
        self.query_one("#status", Words).say(line)
        self.query_one("#detail", Words).say(Content.styled(detail, palette.SOFT))

    def show_time(self, now: datetime, calendar: str) -> None:
        """Set the clock, the date and how old the calendar is."""
        self.query_one("#clock", Words).say(Content.styled(f"{now:%H:%M}", f"bold {palette.BRIGHT}"))
        self.query_one("#date", Words).say(Content.styled(f"{now:%A} {now.day} {now:%B}", palette.SOFT))
        self.query_one("#calendar", Words).say(Content.styled(calendar, palette.FAINT))
