"""On the way into a meeting: the countdown that anybody may cancel, then connecting, then waiting to be let in."""

from datetime import datetime
from typing import Final

from appliance.state.clean import clean_text
from appliance.state.room import Countdown, Phase, RoomState
from display import theme
from display.icons import Icon
from display.scenes import words
from display.scenes.message import Corners, Hint, Mark, Words
from display.scenes.scene import Patch, Scene

_LONG_TITLE: Final = 34
_DIGITS_BELOW: Final = 0.2


def countdown_scene(room: RoomState, countdown: Countdown, now: datetime) -> Scene:
    """Build the scene of the last seconds before the room joins by itself."""
    left = words.remaining(countdown.joins_at, now)
    meeting = next((meeting for meeting in room.agenda.meetings if meeting.key == countdown.key), None)
    detail = (
        "  ·  ".join(part for part in (words.span(meeting, now), clean_text(meeting.organizer)) if part)
        if meeting
        else ""
    )
    patches: tuple[Patch, ...] = (
        _corners(room, now),
        Words("Joining in", theme.HEADING, theme.QUIET, 264),
        Words(left, theme.COUNTDOWN, theme.TEXT, 556, below=_DIGITS_BELOW),
        _title(countdown.title or "Untitled meeting", 700),
        Words(detail, theme.BODY, theme.QUIET, 776),
        Hint(Icon.TOUCH, "Cancel on the touch panel"),
    )
    return Scene("countdown", patches)


def joining_scene(room: RoomState, now: datetime) -> Scene:
    """Build the scene between "join" and the first picture."""
    lobby = room.call.phase is Phase.LOBBY
    title = room.call.title or (room.wanted.title if room.wanted else "")
    trouble = clean_text(room.call.reason, 160)
    detail = "The host has been told that this room is here." if lobby else trouble and f"Trying again: {trouble}"
    patches: tuple[Patch, ...] = (
        _corners(room, now),
        Mark(Icon.CLOCK if lobby else Icon.ENTER, theme.ACCENT),
        Words("Waiting to be let in" if lobby else "Connecting …", theme.HEADING, theme.QUIET, 500),
        _title(title or "Meeting", 610),
        Words(detail, theme.BODY, theme.QUIET, 700, lines=2),
        Hint(Icon.TOUCH, "Leave on the touch panel"),
    )
    return Scene("joining", patches)


def _title(title: str, baseline: int) -> Words:
    """Long titles are set smaller rather than cut."""
    title = clean_text(title, 100)
    return Words(title, theme.HERO if len(title) <= _LONG_TITLE else theme.TITLE, theme.TEXT, baseline)


def _corners(room: RoomState, now: datetime) -> Corners:
    return Corners(clean_text(room.name), words.clock(now))
