"""The top of the panel: which room, what it does, and the time."""

from datetime import datetime

from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.events import Click
from textual.message import Message

from appliance.state.room import Phase, RoomState
from appliance.state.views import Availability, availability, status_line
from display.panel import palette
from display.panel.words import Words

CONNECTING = "Connecting to the room"
NOT_UNDERSTOOD = "This panel does not understand the room"
_CALL_GOES_ON = "The room's control program is restarting; the call goes on"
_COMES_BACK = "The room's control program is restarting"
_CALL = frozenset({Phase.LIVE, Phase.RECONNECTING, Phase.LEAVING})
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


def status_words(state: RoomState | None, now: datetime, *, connected: bool, trouble: str, width: int) -> Content:
    """Say in a line what the room does, as far as anybody knows; the faint dot is for what nobody does."""
    if trouble:
        return dotted(NOT_UNDERSTOOD)
    if state is None:
        return dotted(CONNECTING)
    if not connected:
        return dotted(_CALL_GOES_ON if state.call.phase in _CALL else _COMES_BACK)
    return dotted(status_line(state, now, max(0, width - 2)), dot(state, now))


def dotted(words: str, colour: str = palette.FAINT) -> Content:
    """Set a status behind its dot."""
    return Content.assemble(("● ", colour), (words, f"bold {palette.BRIGHT}"))


def badges(*, simulated: bool, far: str, short: bool) -> list[Content]:
    """Mark simulated devices, which are never passed off as real ones, and a far panel, which is not the room's."""
    words = [far if short else f"{far}: unmute at the room"] if far else []
    if simulated:
        words.append("SIMULATED" if short else "SIMULATED DEVICES")
    return [Content.assemble("  ", (f" {word} ", f"bold {palette.NIGHT} on {palette.AMBER}")) for word in words]


def clock_words(now: datetime) -> Content:
    """Tell the time."""
    return Content.styled(f"{now:%H:%M}", f"bold {palette.BRIGHT}")


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
        """Name the room, with what everybody must know of it."""
        marks = badges(simulated=simulated, far=far, short=self.screen.has_class("-compact"))
        self.query_one("#room", Words).say(Content.assemble((name, f"bold {palette.SOFT}"), *marks))

    def show_status(self, status: Content, detail: str) -> None:
        """Say what the room does, and what stands behind it."""
        self.query_one("#status", Words).say(status)
        self.query_one("#detail", Words).say(Content.styled(detail, palette.SOFT))

    def show_time(self, now: datetime, calendar: str) -> None:
        """Set the clock, the date and how old the calendar is."""
        more = "≡" if self.screen.has_class("-compact") else " More "
        clock = Content.assemble((more, f"{palette.MIST} on #222f5e"), "  ", clock_words(now))
        self.query_one("#clock", Words).say(clock)
        self.query_one("#date", Words).say(Content.styled(f"{now:%A} {now.day} {now:%B}", palette.SOFT))
        self.query_one("#calendar", Words).say(Content.styled(calendar, palette.FAINT))
