"""A whole room to measure: the demo's stage under `salon up`, and guests on the official LiveKit SDK."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from appliance.demo import stage as staging
from appliance.demo.stage import CLIP, Stage

PROGRAMS = ("daemon", "media", "display", "panel")
"""The four programs of a room; hub and broker are servers beside it."""


class Room:
    """A running room."""

    def __init__(self, stage: Stage, started: float) -> None:
        self.stage = stage
        self.started = started

    def salon(self, *arguments: str) -> str:
        """Run a one-shot command and return what it prints."""
        words = [sys.executable, "-m", "appliance.cli", "--config", str(self.stage.config), *arguments]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    def state(self) -> dict[str, Any]:
        """Read the public state."""
        state: dict[str, Any] = json.loads(self.salon("status", "--json"))
        return state

    def processes(self) -> dict[str, psutil.Process]:
        """Find the four programs."""
        found = {}
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if str(self.stage.config) in "".join(self._environment(process)) and "appliance.cli" in words:
                found.update({name: process for name in PROGRAMS if name in words})
        return found

    def log(self, program: str) -> str:
        """Read a program's log."""
        path = self.stage.out / "logs" / f"{program}.log"
        return path.read_text() if path.exists() else ""

    @staticmethod
    def _environment(process: psutil.Process) -> list[str]:
        try:
            return [process.environ().get("SALON_CONFIG", "")]
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            return []


@contextmanager
def running(*, screen: str = "null:", servers: bool = True) -> Iterator[Room]:
    """Start a room and end it; returns at once, before it is ready."""
    out = Path(tempfile.mkdtemp(prefix="salon-bench-"))
    stage = staging.build(out, screen)
    words = [sys.executable, "-m", "appliance.cli", "--config", str(stage.config), "up", "--panel", "headless"]
    words += ["--logs", str(out / "logs"), *(["--hub", "--broker"] if servers else [])]
    started = time.monotonic()
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
    try:
        yield Room(stage, started)
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(stage.folder, ignore_errors=True)
        shutil.rmtree(out, ignore_errors=True)


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


def book(room: Room, in_s: float, length: timedelta = timedelta(minutes=5)) -> tuple[str, datetime]:
    """Book a meeting on the room's hub that starts on a whole second; return its link and start."""
    start = datetime.fromtimestamp(int(time.time() + in_s) + 1, UTC)
    link = room.salon("hub", "invite", "--title", "Bench", "--until", (start + timedelta(hours=1)).isoformat()).strip()
    staging.schedule(room.stage, link, start, length)
    return link, start


@contextmanager
def guest(room: Room, link: str, *, height: int = 360) -> Iterator[Path]:
    """Let an SDK guest into the meeting; yields its report file once it is in."""
    report = room.stage.folder / "guest.json"
    report.unlink(missing_ok=True)
    words = [sys.executable, "-m", "appliance.demo.guest", link, "--clip", str(CLIP), "--report", str(report)]
    process = subprocess.Popen([*words, "--height", str(height)], stderr=subprocess.DEVNULL)
    try:
        until(report.exists)
        yield report
    finally:
        process.kill()
        process.wait()


def pss_mb(processes: dict[str, psutil.Process]) -> float:
    """Sum the proportional set size (proc(5), smaps_rollup): shared pages are divided among who shares them."""
    total = 0
    for process in processes.values():
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def cpu_seconds(processes: dict[str, psutil.Process]) -> float:
    """Sum user and system time of all threads."""
    return sum(sum(process.cpu_times()[:2]) for process in processes.values())
