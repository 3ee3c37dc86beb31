"""Scenes around a call's end, and those the display can make with nobody to tell it anything."""

from datetime import datetime

from appliance.link.faults import Fault
from appliance.state.clean import clean_text
from appliance.state.room import RoomState
from display import theme
from display.icons import Icon
from display.scenes import words
from display.scenes.message import Corners, Hint, Mark, Words
from display.scenes.scene import Patch, Scene

_PROGRAMS = {
    "daemon": "The room’s control program",
    "media": "Sound and picture",
    "display": "The TV’s program",
    "panel": "The touch panel",
    "hub": "The meeting server of this room",
    "broker": "The message broker",
}
_WHAT_STOPS = {
    "daemon": "The room does not join meetings until it is back.",
    "media": "Microphone and camera are off. The room cannot be in a call.",
    "display": "Meetings go on; the touch panel works.",
}


def program_name(program: str) -> str:
    """Return what people call one of our programs."""
    return _PROGRAMS.get(program, f"The program “{clean_text(program, 24)}”")


def leaving_scene(room: RoomState, now: datetime) -> Scene:
    """Build the scene between "leave" and being out."""
    patches: tuple[Patch, ...] = (
        Corners(clean_text(room.name), words.clock(now)),
        Words("Leaving …", theme.HERO, theme.TEXT, 540),
        Words(clean_text(room.call.title, 100), theme.BODY, theme.QUIET, 630),
    )
    return Scene("leaving", patches)


def ended_scene(room: RoomState, now: datetime) -> Scene:
    """Build the few seconds in which people read why the call is over."""
    patches: tuple[Patch, ...] = (
        Corners(clean_text(room.name), words.clock(now)),
        Words("The call is over", theme.HERO, theme.TEXT, 500),
        Words(clean_text(room.call.reason, 160), theme.HEADING, theme.QUIET, 600, lines=3),
    )
    return Scene("ended", patches)


def starting_scene(now: datetime) -> Scene:
    """Build the scene of a display that nobody has told anything yet."""
    patches: tuple[Patch, ...] = (
        Corners("", words.clock(now)),
        Mark(Icon.CLOCK, theme.ACCENT),
        Words("The room is starting", theme.HERO, theme.TEXT, 540),
        Words("This takes a few seconds.", theme.BODY, theme.QUIET, 630),
    )
    return Scene("starting", patches)


def safe_scene(fault: Fault, now: datetime, room: RoomState | None = None) -> Scene:
    """Build the scene of a room that cannot work, from nothing but the fault."""
    since = f"Since {words.clock(fault.since.astimezone(now.tzinfo))}. " if fault.since else ""
    patches: tuple[Patch, ...] = (
        Corners(clean_text(room.name) if room else "", words.clock(now)),
        Mark(Icon.WARNING, theme.CAUTION),
        Words(f"{program_name(fault.program)} stopped", theme.HERO, theme.TEXT, 500),
        Words(clean_text(fault.reason, 200) or "It does not say why.", theme.HEADING, theme.QUIET, 590, lines=3),
        Words(since + _WHAT_STOPS.get(fault.program, ""), theme.NOTE, theme.FAINT, 800),
        Hint(Icon.REFRESH, "Switch the room off and on. If this stays, run “salon doctor” on it."),
    )
    return Scene("safe", patches)
