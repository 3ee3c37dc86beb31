"""Pictures of the room's TV for its console: the interface alone, drawn anew without people, names and titles.

Where the room's own settings agree, it may be the picture as it is.
"""

import asyncio
import json
import signal
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path

from appliance.children import send
from appliance.errors import SalonError
from appliance.sections import Settings
from appliance.state.room import RoomState
from appliance.state.wire import to_json
from appliance.values import secret

_DRAWN_S = 60
_MOST = 4 * 1024 * 1024
_MEETING = "Meeting"


class NoPicture(SalonError):
    """There is no picture to be had; says what would help."""


async def picture_of(room: RoomState, what: str, settings: Settings, zone: str) -> bytes:
    """Return a PNG, or raise `NoPicture`."""
    if what == "picture":
        return await asyncio.to_thread(_page, settings)
    return await _drawn(discreet(room), zone)


def discreet(room: RoomState) -> RoomState:
    """Return a room as everybody may see it: how it does, and nobody's name or business."""
    agenda = tuple(replace(meeting, title=_MEETING, organizer="", why="") for meeting in room.agenda.meetings)
    people = tuple(replace(person, name=f"Guest {n}") for n, person in enumerate(room.call.participants, 1))
    countdown, wanted = room.countdown, room.wanted
    return replace(
        room,
        agenda=replace(room.agenda, meetings=agenda, error="", warning=""),
        call=replace(room.call, title=_MEETING if room.call.title else "", participants=people, reason=""),
        countdown=None if countdown is None else replace(countdown, title=_MEETING),
        wanted=None if wanted is None else replace(wanted, title=_MEETING),
        notice="",
    )


async def _drawn(room: RoomState, zone: str) -> bytes:
    """Have a program of its own draw it: the daemon holds no fonts and no canvas."""
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    command = (sys.executable, "-m", "display.interface", zone)
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=nowhere)
    try:
        async with asyncio.timeout(_DRAWN_S):
            drawn, _ = await process.communicate(json.dumps(to_json(room)).encode())
    except TimeoutError as err:
        send(process, signal.SIGKILL)
        await process.wait()
        raise NoPicture(f"The interface was not drawn within {_DRAWN_S} s.") from err
    if process.returncode or not drawn:
        raise NoPicture("The interface cannot be drawn here; is the display's part installed? See: salon doctor")
    return drawn


def _page(settings: Settings) -> bytes:
    wanted = settings.display
    if not wanted.picture_address or not wanted.picture_port:
        raise NoPicture("The room keeps no picture of its TV: set display.picture_address and picture_port.")
    word = f"{secret(str(Path(wanted.picture_secret_file).expanduser()))}/" if wanted.picture_secret_file else ""
    host = f"[{wanted.picture_address}]" if ":" in wanted.picture_address else wanted.picture_address
    try:
        with urllib.request.urlopen(f"http://{host}:{wanted.picture_port}/{word}tv.png", timeout=10) as answer:
            return bytes(answer.read(_MOST))
    except OSError as err:
        raise NoPicture("The TV's picture cannot be had: is salon display running?") from err
