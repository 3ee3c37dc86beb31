"""The demo itself: starts a room as `salon up` does, books a meeting, lets a guest in, and checks what comes of it."""

import argparse
import asyncio
import json
import logging
import math
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.demo import stage as staging
from appliance.demo.console import admin_link, console, room_at_console
from appliance.demo.network import ensure_an_interface
from appliance.demo.processes import answer_of, program, still_running
from appliance.demo.stage import CLIP, ORG, ROOM_NAME, TITLE, TONE_HZ, Stage
from appliance.errors import SalonError
from appliance.link.client import connected
from appliance.link.messages import LinkError, new_boot
from appliance.service import log_to_file, log_to_stderr, run_program
from appliance.state.layout import Tile
from appliance.state.room import Phase, RoomState
from appliance.state.views import company_text
from appliance.state.wire import from_json

if TYPE_CHECKING:
    from appliance.demo.checks import Clip

logger = logging.getLogger("demo")
GUEST_NAME = "Bunny Guest"
LEAD_S = 12
ALIKE_PICTURE = 0.9
ALIKE_SOUND = 0.6
_LENGTH = timedelta(minutes=30)
GRACE_S = 20
"""How much longer the demo looks, on a slow machine, before it says that something is missing."""


@dataclass
class Report:
    """`demo-out/report.json`."""

    joined_after_s: float | None = None
    """From the scheduled instant until the room was live in the meeting."""
    first_remote_frame_s: float | None = None
    """From the scheduled instant until the guest's picture was on the TV canvas."""
    checks: dict[str, bool] = field(default_factory=dict)
    seen: dict[str, object] = field(default_factory=dict)
    """The figures behind the checks."""


@dataclass
class Course:
    """What the room's public state went through."""

    start: datetime
    counted_down: bool = False
    early: bool = False
    """It was in the call before the scheduled instant."""
    live_at: datetime | None = None
    newest: RoomState | None = None

    def note(self, state: RoomState) -> None:
        """Take in the next state."""
        self.newest = state
        self.counted_down |= state.countdown is not None
        if state.call.phase is Phase.LIVE and self.live_at is None:
            self.live_at = datetime.now(UTC)
        self.early |= state.call.phase is not Phase.IDLE and datetime.now(UTC) < self.start


async def run_demo(out: Path, seconds: float | None) -> int:
    """Run the demo, for so many seconds or until interrupted; 0 when everything was really seen (or not asked for)."""
    stage = staging.build(out)
    began = time.monotonic()
    terminal = seconds is None and sys.stdin.isatty() and sys.stdout.isatty()
    try:
        until = datetime.now(UTC) + _LENGTH + timedelta(minutes=5)
        link, admin = await asyncio.gather(_invite(stage, until), admin_link(stage))
        _tell(stage, link, admin)
        if terminal:
            log_to_file(out / "logs" / "demo.log")
        async with program(*_up(stage, terminal=terminal), foreground=terminal) as room, asyncio.TaskGroup() as tasks:
            course = Course(datetime.now(UTC) + timedelta(days=1))
            following = tasks.create_task(_follow(stage, course), name="follow")
            await _book(stage, link, course)
            async with console(stage), _guest(stage, link):
                report = await _examine(stage, course, room, began + seconds if seconds is not None else math.inf)
            following.cancel()
    finally:
        shutil.rmtree(stage.folder, ignore_errors=True)
        stage.note.unlink(missing_ok=True)  # nothing it names is there any more
        _say(f"The demo is over. Pictures and logs are in {staging.from_here(out)}/")
    report.checks["nothing_left_behind"] = await asyncio.to_thread(_nothing_left, stage)
    # without a time the demo is for looking at, and whoever closes the panel has seen enough
    return _conclude(out, report) if seconds is not None else 0


def _up(stage: Stage, *, terminal: bool) -> list[str]:
    panel = (
        ["--panel", "terminal"] if terminal else ["--panel", "headless", "--panel-shot", str(stage.out / "panel.svg")]
    )
    words = ["-m", "appliance.cli", "--config", str(stage.config), "up", "--hub", "--broker", *panel]
    return [*words, "--logs", str(stage.out / "logs")]


async def _book(stage: Stage, link: str, course: Course) -> None:
    """Once the room is there, book the meeting behind the guest link, starting on a whole second soon."""
    await _reachable(stage.hub_port)
    start = datetime.fromtimestamp(int(time.time()) + LEAD_S, UTC)
    staging.schedule(stage, link, start, _LENGTH)
    course.start = start
    logger.info("a meeting starts in %s seconds; the room will join it by itself", LEAD_S)


async def _invite(stage: Stage, until: datetime) -> str:
    words = ("hub", "invite", "--title", TITLE, "--until", until.isoformat())
    return await answer_of("--config", str(stage.config), *words)


@asynccontextmanager
async def _guest(stage: Stage, link: str) -> AsyncIterator[None]:
    arguments = (link, "--clip", str(CLIP), "--report", str(stage.folder / "guest.json"), "--name", GUEST_NAME)
    with (stage.out / "logs" / "guest.log").open("ab") as output:
        async with program("-m", "appliance.demo.guest", *arguments, output=output):
            yield


async def _reachable(port: int, patience_s: float = 60) -> None:
    try:
        async with asyncio.timeout(patience_s):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.1)
                    continue
                writer.close()
                return
    except TimeoutError as err:
        raise SalonError("the demo's meeting server did not start; logs/hub.log may say why") from err


async def _follow(stage: Stage, course: Course) -> None:
    """Read the room's public state as any watcher may."""
    told = ""
    while True:
        with suppress(OSError, LinkError, TimeoutError):
            async with connected(stage.runtime / "watch.sock", role="watch", boot=new_boot()) as connection:
                async for body in connection.states():
                    state = from_json(RoomState, body)
                    course.note(state)
                    story = _story(state)
                    if story != told:
                        logger.info("the room is %s", told := story)
        await asyncio.sleep(0.1)


def _story(state: RoomState) -> str:
    live = state.call.phase is Phase.LIVE
    return f"{state.call.phase}, {company_text(len(state.call.participants))}" if live else state.call.phase


def _nothing_left(stage: Stage) -> bool:
    return not (stage.folder.exists() or still_running(stage.folder))


def _tell(stage: Stage, link: str, admin: str) -> None:
    """Say where to look and what to try, also in a file: in a terminal the panel covers what was printed."""
    salon = staging.from_here(Path(sys.executable).with_name("salon"))
    text = (
        f"guest page   {link}\n"
        f"TV picture   http://127.0.0.1:{stage.picture_port}/\n"
        f"console      {admin} (makes you its admin, once)\n"
        f"in a shell   {salon} --config {stage.config} status\n"
    )
    stage.note.touch(mode=0o600)
    stage.note.write_text(text)
    _say(f"{text}This also stands in {staging.from_here(stage.note)} while the demo runs. Ctrl-C ends it.")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the demo's own voice


async def _examine(stage: Stage, course: Course, room: asyncio.subprocess.Process, until: float) -> Report:
    """Look again and again until the time or the room is over; what was really seen once, was seen."""
    from appliance.demo.checks import Clip  # noqa: PLC0415 - OpenCV and the codecs, needed once the room runs

    clip, report = await asyncio.to_thread(Clip.of, CLIP), Report()
    patience = until + GRACE_S
    while room.returncode is None and time.monotonic() < (
        until if all(report.checks.values()) and report.checks else patience
    ):
        await asyncio.sleep(min(2.0, max(0.1, until - time.monotonic())))
        if course.live_at is not None or time.monotonic() > until:
            await asyncio.to_thread(_look, stage, course, clip, report)
    return report


def _look(stage: Stage, course: Course, clip: "Clip", report: Report) -> None:
    """Add to the report what can be seen and heard right now."""
    from appliance.demo import checks  # noqa: PLC0415

    state, guest = course.newest, _read_json(stage.folder / "guest.json")
    tile = _guest_tile(state)
    picture = checks.clip_on_tv(stage.out / "tv.png", tile, clip) if tile else 0.0
    sound = checks.clip_at_speaker(stage.speaker, clip)
    tone = checks.loudest(guest.get("tones", {}))
    health = _health(stage, state.id if state else "")
    fleet = room_at_console(stage, state.id if state else "")
    if course.live_at is not None:
        report.joined_after_s = round((course.live_at - course.start).total_seconds(), 3)
    if state is not None and state.face.first_remote_frame_at is not None:
        report.first_remote_frame_s = round((state.face.first_remote_frame_at - course.start).total_seconds(), 3)
    for name, seen in {
        "joined_by_itself": course.counted_down and not course.early and course.live_at is not None,
        "guest_picture_on_tv": picture >= ALIKE_PICTURE,
        "guest_sound_at_speaker": sound >= ALIKE_SOUND,
        "room_picture_at_guest": _room_mark() in guest.get("marks", []) and checks.moves(guest.get("counts", [])),
        "room_sound_at_guest": abs(tone - TONE_HZ) <= 10,
        "health_at_broker": health.get("phase") == Phase.LIVE,
        "meeting_at_console": fleet == {"name": ROOM_NAME, "status": "meeting"},
    }.items():
        report.checks[name] = report.checks.get(name, False) or seen
    report.seen = {
        "likeness_of_picture": round(picture, 3),
        "likeness_of_sound": round(sound, 3),
        "loudest_hz_at_guest": tone,
        "frames_at_guest": guest.get("frames", 0),
        "health": health,
        "room_at_console": fleet,
    }


def _room_mark() -> int:
    from hardware.camera.mark import source_id  # noqa: PLC0415

    return source_id(ROOM_NAME)


def _guest_tile(state: RoomState | None) -> Tile | None:
    if state is None:
        return None
    ids = {person.id for person in state.call.participants if person.name == GUEST_NAME}
    return next((tile for tile in state.layout.tiles if tile.person in ids), None)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return data


def _health(stage: Stage, room_id: str) -> dict[str, Any]:
    """Ask the broker, as any fleet would, what the room last said of its health."""
    from appliance.telemetry.protocol.topics import Topics  # noqa: PLC0415
    from fleet.console import ConsoleSettings, survey  # noqa: PLC0415
    from fleet.line import BrokerUnreachable  # noqa: PLC0415

    settings = ConsoleSettings(url=f"mqtt://127.0.0.1:{stage.broker_port}", org=ORG)
    try:
        rooms = asyncio.run(survey(settings, now=lambda: datetime.now(UTC))).rooms
    except BrokerUnreachable:
        return {}
    room = rooms.get(Topics(ORG, room_id))
    if room is None or room.health is None:
        return {}
    return {"presence": room.presence, "phase": room.health.phase, "issues": len(room.health.issues)}


def _conclude(out: Path, report: Report) -> int:
    (out / "report.json").write_text(json.dumps(asdict(report), indent=2) + "\n")
    for name, seen in report.checks.items():
        logger.info("%s %s", "seen   " if seen else "MISSING", name.replace("_", " "))
    return 0 if all(report.checks.values()) else 1


def main() -> int:
    """Run the demo from the command line."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--for", dest="seconds", type=float, default=None, help="end by itself after so many seconds")
    parser.add_argument("--out", type=Path, default=Path("demo-out"))
    options = parser.parse_args()
    log_to_stderr(verbose=False)
    try:
        ensure_an_interface()
    except SalonError as err:
        parser.error(str(err))
    status = 1

    async def run() -> None:
        nonlocal status
        status = await run_demo(options.out.resolve(), options.seconds)

    return run_program(run) or status


if __name__ == "__main__":
    sys.exit(main())
