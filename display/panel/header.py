"""The top of the panel: which room, what it does, and the time."""

from datetime import datetime

from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.events import Click
from textual.message import Message

from appliance.state.room import Phase, RoomState
from appliance.state.views import Availability, availability
from display.panel import palette
from display.panel.words import Words

_DOTS = {Phase.LIVE: palette.RED, Phase.RECONNECTING: palette.AMBER, Phase.LEAVING: palette.AMBER}
_IDLE_DOTS = {
    Availability.FREE: palette.GREEN,
    Availability.BOOKED: palette.AMBER,
    Availability.UNKNOWN: palette.FAINT,
}


def dot(state: RoomState, now: datetime) -> str:
    """Return the colour that says from afar what the room does."""
    if state.call.phase is not Phase.IDLE:
        return _DOTS.get(state.call.phase, palette.BLUE)
    return palette.BLUE if state.countdown else _IDLE_DOTS[availability(state, now)]


class Header(Container):
    """Left: the room, what it does, and more of it. Right: the time, the date, the calendar's age.

    A touch anywhere on it opens what is not needed in each meeting.
    """

    class Touched(Message):
        """Somebody touched the header."""

    def __init__(self) -> None:
        super().__init__(id="header")

    def compose(self) -> ComposeResult:
        for left, right in (("room", "clock"), ("status", "date"), ("detail", "calendar")):
            with Horizontal(classes="line"):
                yield Words(widget_id=left, grows=left == "status")
                yield Words(widget_id=right, grows=True)

    def on_click(self, event: Click) -> None:
        event.stop()
        self.post_message(self.Touched())

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

    def show_status(self, status: str, detail: str, colour: str = palette.FAINT) -> None:
        """Say what the room does; the faint colour is for what nobody knows."""
        line = Content.assemble(("● ", colour), (status, f"bold {palette.BRIGHT}"))
        self.query_one("#status", Words).say(line)
        self.query_one("#detail", Words).say(Content.styled(detail, palette.SOFT))

    def show_time(self, now: datetime, calendar: str) -> None:
        """Set the clock, the date and how old the calendar is."""
        more = "≡" if self.screen.has_class("-compact") else " More "
        clock = Content.assemble((more, f"{palette.MIST} on #222f5e"), "  ", (f"{now:%H:%M}", f"bold {palette.BRIGHT}"))
        self.query_one("#clock", Words).say(clock)
        self.query_one("#date", Words).say(Content.styled(f"{now:%A} {now.day} {now:%B}", palette.SOFT))
        self.query_one("#calendar", Words).say(Content.styled(calendar, palette.FAINT))
