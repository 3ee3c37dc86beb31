"""The one-shot commands: ask the running room something, print the answer, end."""

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

from appliance.doctor_fleet import fleet_lines
from appliance.errors import SalonError
from appliance.link.client import Connection, connected
from appliance.link.messages import LinkError, Message, new_boot
from appliance.programs import room_zone
from appliance.sections import Settings
from appliance.service import utc_now
from appliance.state.buttons import between_calls
from appliance.state.clean import clean_text
from appliance.state.columns import wrap
from appliance.state.commands import Ack, AckStatus, Command
from appliance.state.device_views import DeviceRow, device_rows, since_text
from appliance.state.devices import Severity
from appliance.state.layout import PersonId
from appliance.state.outcomes import NO_MEDIA, NOT_BEGUN, Judge, Outcome
from appliance.state.problems import problems
from appliance.state.room import Entry, Meeting, Phase, RoomState, Senses
from appliance.state.views import MeetingRow, agenda_rows, calendar_line, company_text, open_meetings
from appliance.state.wire import BadValue, from_json, tagged, to_json
from appliance.state.wishes import StreamStats
from appliance.telemetry.issues import issues_of
from appliance.telemetry.readiness import ready_of

_ANSWER_S = 6.0
_MEETINGS = 5
_WORDS = 13
"""Letters of the longest word that says how a device does."""
_UNDER = " " * 7
_RESTART = "systemctl restart salon-daemon, or end `salon up` and start it again"


class NoRoom(SalonError, ConnectionError):
    """The room's daemon cannot be reached."""


class NotAllowed(NoRoom):
    """It is there, and not for this user."""


class Silent(NoRoom):
    """It is there, and hangs."""


async def status(settings: Settings, *, as_json: bool) -> int:
    """Print the room's state."""
    zone = room_zone(settings)
    body, streams = await _snapshot(settings)
    if as_json:
        _say(json.dumps({**body, "streams": streams}, indent=2, ensure_ascii=False))
    else:
        known = tuple(from_json(StreamStats, stream) for stream in streams)
        now = utc_now().astimezone(zone)
        fleet = await asyncio.to_thread(lambda: list(fleet_lines(settings, now)))
        _say("\n".join([*describe(_room_of(body), now, known), *(f"  fleet     {line}" for line in fleet)]))
    return 0


async def watch(settings: Settings) -> int:
    """Print the state as a JSON line at each change, until interrupted or the daemon ends."""
    async with aclosing(_states(settings)) as states:
        async for body in states:
            _say(json.dumps(body, ensure_ascii=False))
    return 0


async def command(
    settings: Settings, wish: Command, judge: Judge, patience_s: float = _ANSWER_S, role: str = "control"
) -> int:
    """Send one command, wait until it is done or will not be, and say which."""
    known = NOT_BEGUN
    with suppress(TimeoutError):
        async with asyncio.timeout(patience_s), aclosing(_course(settings, wish, judge, role)) as course:
            async for known in course:
                if known.settled:
                    break
    return _tell(known, "" if known.settled else f"not within {patience_s:g} seconds: ")


def _tell(known: Outcome, when: str = "") -> int:
    if known.ok:
        _say(known.words)
        return 0
    print(f"salon: {when}{known.words}", file=sys.stderr)  # noqa: T201 - the command's own voice
    return 1


async def glance(settings: Settings, judge: Judge) -> int:
    """Say how something is, and ask for nothing."""
    return _tell(judge(NOT_BEGUN, await room_now(settings)))


async def devices(settings: Settings, *, as_json: bool = False) -> int:
    """List the room's devices, each with how it does; 1 when a meeting would suffer."""
    state = await room_now(settings)
    rows = device_rows(state)
    if as_json:
        _say(json.dumps([to_json(row) for row in rows], indent=2, ensure_ascii=False))
    else:
        _say("\n".join(device_lines(rows, utc_now().astimezone(room_zone(settings)))))
    if not state.senses.connected:
        print(f"salon: {NO_MEDIA}", file=sys.stderr)  # noqa: T201 - the command's own voice
    return int(not state.senses.connected or any(row.severity is Severity.IMPORTANT for row in rows))


def device_lines(rows: Sequence[DeviceRow], now: datetime) -> list[str]:
    """Put devices into columns that fit a terminal of 80; times are in the zone of `now`."""
    places = max((len(row.id) for row in rows if row.named), default=0)
    return [line for row in rows for line in _device_lines(row, places, now)]


def _device_lines(row: DeviceRow, places: int, now: datetime) -> Iterator[str]:
    place = row.id if row.named else ""
    first = f"  {_MARKS[row.severity]:<2} {place:<{places}}  {row.words:<{_WORDS}}  "
    yield from wrap(row.title, first=first, under=" " * len(first))
    # what nobody named can be named by its id
    more = f"since {since_text(row.since, now)}. {row.remedy}" if row.since else "" if row.named else row.id
    yield from wrap(more, first=_UNDER, under=_UNDER)


async def room_now(settings: Settings) -> RoomState:
    """Return the room as its daemon tells it."""
    return _room_of((await _snapshot(settings))[0])


def _room_of(body: object) -> RoomState:
    try:
        return from_json(RoomState, body)
    except BadValue as err:
        raise NoRoom(f"the room's daemon is of another release ({err}); restart it: {_RESTART}") from err


async def keep_sound_picture(settings: Settings, path: Path) -> None:
    """Copy the picture of the last sound check."""
    picture = (await room_now(settings)).senses.sound_check.picture
    if not picture:
        raise NoRoom("there is no picture: no sound check has come to an end")
    try:
        await asyncio.to_thread(shutil.copyfile, picture, path)
    except OSError as err:
        raise NoRoom(f"the picture cannot be kept in {path}: {err.strerror}") from err
    _say(f"  kept in: {path}")


async def _states(settings: Settings) -> AsyncGenerator[object]:
    """Yield the state at each change, at least once, until the daemon ends."""
    told = False
    async with _room(settings, "watch") as connection:
        async for body in connection.states():
            yield body
            told = True
        if not told:
            raise LinkError("the daemon ended")


_MARKS = {Severity.FINE: " ", Severity.WARNING: "!", Severity.IMPORTANT: "!!"}


async def _snapshot(settings: Settings) -> tuple[dict[str, object], list[object]]:
    """Return the state, and how the streams do, which the daemon says before it."""
    try:
        async with asyncio.timeout(_ANSWER_S):
            return await _first_state(settings)
    except TimeoutError as err:
        raise _no_room(settings, err, "watch") from err


async def _first_state(settings: Settings) -> tuple[dict[str, object], list[object]]:
    streams: list[object] = []
    async with _room(settings, "watch") as connection:
        async for message in connection.messages():
            if message.kind == "state":
                return message.body, streams
            if message.kind == "streams":
                streams = message.body
        raise LinkError("the daemon ended")


async def _course(settings: Settings, wish: Command, judge: Judge, role: str) -> AsyncGenerator[Outcome]:
    """Yield what becomes of a command, a state at a time; one that is refused has become nothing."""
    known, accepted = NOT_BEGUN, False
    newest: RoomState | None = None
    async with _room(settings, role) as connection:
        await connection.send(Message("command", tagged(wish), 1))
        async for message in connection.messages():
            if message.kind == "ack":
                ack = from_json(Ack, message.body)
                accepted = ack.status is AckStatus.OK
                if not accepted:
                    yield Outcome(f"{ack.status}: {ack.reason}", settled=True)
            else:
                newest = from_json(RoomState, message.body)
            if accepted and newest is not None:
                known = judge(known, newest)
                yield known
        raise LinkError("the daemon ended")


def describe(state: RoomState, now: datetime, streams: Sequence[StreamStats] = ()) -> list[str]:
    """Put the room into a few lines of plain words; times are in the zone of `now`."""
    lines = [f"{state.name} ({state.id})", f"  call      {_call(state)}"]
    if state.countdown is not None:
        lines.append(f"  joining   {state.countdown.title} at {_clock(state.countdown.joins_at, now)}")
    idle = between_calls(state)
    gates: Entry | Senses = state.entry if idle else state.senses
    mic, camera = "muted" if gates.mic_muted else "on", "off" if gates.camera_off else "on"
    if state.senses.mute_line:
        mic = "muted by the mute switch"
    lines.append(f"  {'next call' if idle else 'room     '} microphone {mic}, camera {camera}")
    lines.append(f"  volume    {state.controls.volume} %")
    ready = ready_of(state, issues_of(state))
    if ready is not None:
        lines.append(f"  ready     {'no: ' + ', '.join(ready.because) if ready.because else 'yes'}")
    if state.agenda.meetings or state.agenda.fetched_at or state.agenda.error:
        lines.append(f"  calendar  {calendar_line(state, now)}")
    lines += [f"  {_booked(m, now)}  {row.title} ({_lower(row.note)})" for m, row in _first_meetings(state, now)]
    lines += [f"  {stream.direction:<9} {stream_text(stream, state)}" for stream in streams]
    return lines + [f"  trouble   {problem.what}: {problem.help}" for problem in problems(state, now)]


def stream_text(stream: StreamStats, state: RoomState) -> str:
    """Say how one stream did over the last two seconds."""
    names = {person.id: clean_text(person.name) for person in state.call.participants}
    size = f"{stream.width}x{stream.height}" if stream.width else ""
    round_trip = "" if stream.rtt_ms is None else f"round trip {stream.rtt_ms:.0f} ms"
    incoming = stream.direction == "in"
    numbers = (
        *((size, f"{stream.fps:.0f} a second") if stream.kind == "video" else ()),
        f"{stream.kbps:.0f} kb/s",
        f"{stream.loss * 100:.1f} % lost",
        f"jitter {stream.jitter_ms:.0f} ms" if incoming else round_trip,
        f"waits {stream.delay_ms:.0f} ms" if incoming and stream.kind == "audio" else "",
    )
    who = names.get(PersonId(stream.person), "")
    return f"{who} {stream.kind}: ".lstrip() + ", ".join(number for number in numbers if number)


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
    company = f", {company_text(len(call.participants))}" if call.phase is Phase.LIVE else ""
    return f"{call.phase} “{call.title}”{company}"


def _clock(moment: datetime, now: datetime) -> str:
    return f"{moment.astimezone(now.tzinfo):%H:%M}"


@asynccontextmanager
async def _room(settings: Settings, role: str) -> AsyncIterator[Connection]:
    """Connect to the room; whatever goes wrong on the way is told as `NoRoom`."""
    try:
        async with connected(settings.runtime_dir / f"{role}.sock", role=role, boot=new_boot()) as connection:
            yield connection
    except (OSError, LinkError, BadValue) as err:
        raise _no_room(settings, err, role) from err


def _no_room(settings: Settings, err: Exception, role: str) -> NoRoom:
    if isinstance(err, PermissionError):
        return NotAllowed(f"you may not talk to the room: join the group salon-{role}, or use sudo")
    if isinstance(err, TimeoutError):
        return Silent(f"the room's daemon is there and has said nothing for {_ANSWER_S:g} s; restart it: {_RESTART}")
    return NoRoom(
        f"no room answers in {settings.runtime_dir}; start it with `salon up` or systemctl start salon.target"
    )


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - what the command is for
