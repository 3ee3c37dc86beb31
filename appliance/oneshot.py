"""The one-shot commands: ask the running room something, print the answer, end."""

import asyncio
import json
import sys
from datetime import datetime

from appliance.errors import SalonError
from appliance.link.client import connected
from appliance.link.messages import LinkError, Message, new_boot
from appliance.programs import room_zone
from appliance.service import utc_now
from appliance.settings import Settings
from appliance.state.commands import Ack, AckStatus, Command
from appliance.state.problems import problems
from appliance.state.room import Meeting, Phase, RoomState
from appliance.state.views import MeetingRow, agenda_rows, calendar_line, open_meetings
from appliance.state.wire import from_json, tagged

_ANSWER_S = 6.0
_MEETINGS = 5


class NoRoom(SalonError, ConnectionError):
    """The room's daemon cannot be reached."""


async def status(settings: Settings, *, as_json: bool) -> int:
    """Print the room's state."""
    zone = room_zone(settings)
    try:
        async with asyncio.timeout(_ANSWER_S), _room(settings, "watch") as connection:
            async for message in connection.messages():
                if as_json:
                    _say(json.dumps(message.body, indent=2, ensure_ascii=False))
                else:
                    _say("\n".join(describe(from_json(RoomState, message.body), utc_now().astimezone(zone))))
                return 0
    except (OSError, TimeoutError, LinkError) as err:
        raise _no_room(settings, err) from err
    return 1


async def watch(settings: Settings) -> int:
    """Print the state as a JSON line at each change, until interrupted or the daemon ends."""
    try:
        async with _room(settings, "watch") as connection:
            async for message in connection.messages():
                _say(json.dumps(message.body, ensure_ascii=False))
    except (OSError, TimeoutError, LinkError) as err:
        if isinstance(err, BrokenPipeError):
            raise
        raise _no_room(settings, err) from err
    return 0


async def command(settings: Settings, wish: Command) -> int:
    """Send one command; say the refusal, if it is one."""
    try:
        async with asyncio.timeout(_ANSWER_S), _room(settings, "control") as connection:
            await connection.send(Message("command", tagged(wish), 1))
            async for message in connection.messages():
                if message.kind == "ack":
                    ack = from_json(Ack, message.body)
                    if ack.status is AckStatus.OK:
                        return 0
                    print(f"salon: {ack.status}: {ack.reason}", file=sys.stderr)  # noqa: T201 - the command's own voice
                    return 1
    except (OSError, TimeoutError, LinkError) as err:
        raise _no_room(settings, err) from err
    return 1


def describe(state: RoomState, now: datetime) -> list[str]:
    """Put the room into a few lines of plain words; times are in the zone of `now`."""
    lines = [f"{state.name} ({state.id})", f"  call      {_call(state)}"]
    if state.countdown is not None:
        lines.append(f"  joining   {state.countdown.title} at {_clock(state.countdown.joins_at, now)}")
    mic = "muted" if state.senses.mic_muted else "on"
    camera = "off" if state.senses.camera_off else "on"
    lines.append(f"  room      microphone {mic}, camera {camera}, volume {state.controls.volume} %")
    if state.agenda.meetings or state.agenda.fetched_at or state.agenda.error:
        lines.append(f"  calendar  {calendar_line(state, now)}")
    lines += [f"  {_booked(m, now)}  {row.title} ({_lower(row.note)})" for m, row in _first_meetings(state, now)]
    return lines + [f"  trouble   {problem.what}: {problem.help}" for problem in problems(state, now)]


def _first_meetings(state: RoomState, now: datetime) -> list[tuple[Meeting, MeetingRow]]:
    return list(zip(open_meetings(state, now), agenda_rows(state, now), strict=True))[:_MEETINGS]


def _booked(meeting: Meeting, now: datetime) -> str:
    day = f"{meeting.start.astimezone(now.tzinfo):%a %Y-%m-%d}"
    if meeting.all_day:
        return f"{day}  all day"
    hours = f"{day}  {_clock(meeting.start, now)}-{_clock(meeting.end, now)}"
    return f"{hours}  now" if meeting.start <= now else hours


def _lower(note: str) -> str:
    return note[:1].lower() + note[1:].removesuffix(".")


def _call(state: RoomState) -> str:
    call = state.call
    if call.phase is Phase.IDLE:
        return "none"
    others = f", {len(call.participants)} others" if call.phase is Phase.LIVE else ""
    return f"{call.phase} “{call.title}”{others}"


def _clock(moment: datetime, now: datetime) -> str:
    return f"{moment.astimezone(now.tzinfo):%H:%M}"


def _room(settings: Settings, role: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a context manager
    return connected(settings.runtime_dir / f"{role}.sock", role=role, boot=new_boot())


def _no_room(settings: Settings, err: Exception) -> NoRoom:
    if isinstance(err, PermissionError):
        return NoRoom("you may not talk to the room: join the group salon-control, or use sudo")
    return NoRoom(
        f"no room answers in {settings.runtime_dir}; start it with `salon up` or systemctl start salon.target"
    )


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - what the command is for
