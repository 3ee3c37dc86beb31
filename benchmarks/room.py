"""A whole room to measure and to test: the demo's stage under `salon up`, and guests on the official LiveKit SDK."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from appliance.demo import stage as staging
from appliance.demo.guest import Seen
from appliance.demo.stage import CLIP, Stage

PROGRAMS = ("daemon", "media", "display", "panel")
"""The four programs of a room; hub and broker are servers beside it."""


class Room:
    """A running room."""

    def __init__(self, stage: Stage, started: float, up: psutil.Process) -> None:
        self.stage = stage
        self.started = started
        self.up = up

    def salon(self, *arguments: str) -> str:
        """Run a one-shot command that must succeed, and return what it prints."""
        done = self.attempt(*arguments)
        if done.returncode:
            raise RuntimeError(f"salon {arguments[0]} failed: {done.stderr}")
        return done.stdout

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a one-shot command."""
        return subprocess.run(salon_words(self.stage, *arguments), capture_output=True, text=True, check=False)

    def state(self) -> dict[str, Any]:
        """Read the public state."""
        state: dict[str, Any] = json.loads(self.salon("status", "--json"))
        return state

    def programs(self) -> dict[str, psutil.Process]:
        """Find all that runs under `salon up`, by name."""
        found = {}
        for process in self.up.children():
            with contextlib.suppress(psutil.Error, ValueError, IndexError):
                words = process.cmdline()
                found[words[words.index("appliance.cli") + 1]] = process
        return found

    def processes(self) -> dict[str, psutil.Process]:
        """Find the four programs."""
        return {name: process for name, process in self.programs().items() if name in PROGRAMS}

    def kill(self, *names: str) -> None:
        """End programs as a crash would, all at once, and wait until others run in their place."""
        programs = self.programs()
        for name in names:
            programs[name].kill()
        pids = {programs[name].pid for name in names}
        until(lambda: not pids & {p.pid for p in self.programs().values()} and set(names) <= self.programs().keys())

    def log(self, program: str) -> str:
        """Read a program's log."""
        path = self.stage.out / "logs" / f"{program}.log"
        return path.read_text() if path.exists() else ""


def salon_words(stage: Stage, *arguments: str) -> list[str]:
    """Return the words of a `salon` command for this room."""
    return [sys.executable, "-m", "appliance.cli", "--config", str(stage.config), *arguments]


@contextmanager
def running(
    *,
    screen: str = "null:",
    servers: bool = True,
    settings: Callable[[str], str] = str,
    up: Sequence[str] = (),
    out: Path | None = None,
) -> Iterator[Room]:
    """Start a room and end it; returns at once, before it is ready.

    `settings` may change the text of room.toml; `out` keeps logs and pictures.
    """
    kept = out or Path(tempfile.mkdtemp(prefix="salon-room-"))
    stage = staging.build(kept, screen)
    stage.config.write_text(settings(stage.config.read_text()))
    words = [*salon_words(stage, "up", "--panel", "headless", "--logs", str(kept / "logs"), *up)]
    words += ["--hub", "--broker"] if servers else []
    started = time.monotonic()
    with (kept / "up.log").open("wb") as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=log, env=dict(os.environ))
    room = Room(stage, started, psutil.Process(process.pid))
    try:
        yield room
    finally:
        family = [room.up, *room.up.children(recursive=True)] if process.poll() is None else []
        process.terminate()
        process.wait(30)
        _, left = psutil.wait_procs(family, 5)
        for lost in left:
            lost.kill()
        broken = tracebacks(kept)
        shutil.rmtree(stage.folder, ignore_errors=True)
        if out is None:
            shutil.rmtree(kept, ignore_errors=True)
    if left or broken:
        raise AssertionError(f"left behind: {left}; tracebacks: {broken}")


def tracebacks(out: Path) -> list[str]:
    """Find programs whose log shows a traceback: bad input and crashes of others may cause none."""
    logs = [out / "up.log", *(out / "logs").glob("*.log")]
    return [f"{log.name}: {log.read_text()[-3000:]}" for log in logs if "Traceback (most recent" in log.read_text()]


def until(condition: Callable[[], bool], *, seconds: float = 30, step_s: float = 0.05) -> float:
    """Wait for something and return the instant it was seen (monotonic)."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise TimeoutError(f"it did not come in {seconds} s: {condition}")
        time.sleep(step_s)
    return time.monotonic()


def ready(room: Room) -> float:
    """Wait until the panel shows the room, and return when that was."""
    return until(lambda: "panel ready" in room.log("panel"), step_s=0.01)


def invite(room: Room, *, hours: float = 2) -> str:
    """Make a guest link to a new meeting on the room's hub."""
    until_when = datetime.now(UTC) + timedelta(hours=hours)
    return room.salon("hub", "invite", "--title", "Bench", "--until", until_when.isoformat()).strip()


def book(
    room: Room, in_s: float, length: timedelta = timedelta(minutes=5), link: str | None = None
) -> tuple[str, datetime]:
    """Book a meeting on the room's hub that starts on a whole second; return its link and start."""
    link = link or invite(room)
    start = datetime.fromtimestamp(int(time.time() + in_s) + 1, UTC)
    staging.schedule(room.stage, link, start, length)
    return link, start


class GuestView:
    """A guest who is in the meeting, by the guest's own report."""

    def __init__(self, report: Path) -> None:
        self._report = report

    def seen(self) -> Seen:
        """Return what came to the guest so far."""
        return Seen(**json.loads(self._report.read_text()))


@contextmanager
def guest(room: Room, link: str, *, height: int = 360, name: str = "Bunny Guest") -> Iterator[GuestView]:
    """Let an SDK guest into the meeting; yields it once it is in."""
    report = room.stage.folder / f"{name}.json"
    report.unlink(missing_ok=True)
    words = [sys.executable, "-m", "appliance.demo.guest", link, "--clip", str(CLIP), "--report", str(report)]
    process = subprocess.Popen([*words, "--height", str(height), "--name", name], stderr=subprocess.DEVNULL)
    try:
        until(lambda: report.exists() or process.poll() is not None, seconds=90)
        if process.poll() is not None:
            raise RuntimeError("the guest could not join")
        yield GuestView(report)
    finally:
        process.kill()
        process.wait()
