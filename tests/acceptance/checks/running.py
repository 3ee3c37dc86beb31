"""The whole room on this board: ten minutes of a call, a boot, and a power cut."""

import json
import os
import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from acceptance.check import Failed, Figure, Figures, Skipped, check, demand
from acceptance.machine import Machine
from acceptance.person import Person
from acceptance.room import Room

_TOO_HOT_C = 80.0
"""Where a Raspberry Pi begins to slow down (raspberrypi.com, "Frequency management and thermal control")."""
_MOST_BOOT_S = 60.0
_SAMPLE_S = 1.0
_LATE_S = 120.0
_SERVICES = ("salon-daemon", "salon-media", "salon-display")
_IN_CALL = "in the call"
"""What `salon media` logs (appliance/media/call.py)."""


@check(
    "demo-call",
    "The board bears ten minutes of a call at 720p",
    do="Close the case, so that it gets warm. The devices are simulated here; board, warmth and load are real.",
    passes=f"everything the demo claims was seen, never {_TOO_HOT_C:g} degrees, never throttled",
    uses=("machine",),
)
def demo_call(room: Room, _person: Person) -> Figures:
    words = (*room.demo, "--for", f"{room.spans.call:g}", "--out", str(room.out / "demo"))
    with (room.out / "demo.log").open("wb") as log:
        status, figures = _watched(words, log.fileno(), room)
    report = _report(room.out / "demo" / "report.json")
    missing = [name for name, seen in report.get("checks", {}).items() if not seen]
    figures["joined_after_s"] = report.get("joined_after_s") or "never"
    demand(status == 0 and not missing, f"the demo missed {', '.join(missing) or 'its end'}: see demo.log", figures)
    demand("hottest_c" in figures, "there is no temperature sensor below /sys/class/thermal", figures)
    demand(float(figures["hottest_c"]) < _TOO_HOT_C, "too hot: it needs a fan or a larger heat sink", figures)
    demand(figures["throttled"] in {"0x0", "unknown"}, "it was throttled: power supply too weak, or too warm", figures)
    return figures


@check(
    "boot-time",
    "After a boot the room is ready, and in a meeting that goes on, within a minute",
    do="Install the room (make install, systemctl enable salon.target), book a meeting that goes on now, boot, and "
    "come back with --resume.",
    passes=f"all services active, and in the call, within {_MOST_BOOT_S:g} s of the kernel's start",
    uses=("machine",),
)
def boot_time(room: Room, _person: Person) -> Figures:
    machine = room.machine
    ready = {service: _active_s(machine, service) for service in _SERVICES}
    figures: dict[str, Figure] = {f"{service}_s": round(at_s, 1) for service, at_s in ready.items()}
    figures["startup"] = _startup(machine)
    call_s = _first_call_s(machine)
    figures["in_call_s"] = "never" if call_s is None else round(call_s, 1)
    words = "not within a minute; services that were started by hand since the boot do not count: boot, and --resume"
    demand(max(ready.values()) <= _MOST_BOOT_S, words, figures)
    demand(call_s is not None, "the room did not join a meeting since the boot: book one that goes on then", figures)
    demand((call_s or 0.0) <= _MOST_BOOT_S, "the room joined too late", figures)
    return figures


@check(
    "power-cut",
    "After a power cut the room comes back by itself",
    do="The room is installed and idle. The plug will be pulled: end what else runs on this board.",
    passes="another boot than before, all services active, and a person saw the TV's picture come back untouched",
    uses=("machine",),
)
def power_cut(room: Room, person: Person) -> Figures:
    boot = room.machine.boot_id()
    demand(bool(boot), "the kernel does not say which boot this is")
    if "power-cut" not in room.notes:
        _idle(room.machine)
        room.notes["power-cut"] = {"boot": boot}
        person.ready(
            "Pull the power plug NOW, wait ten seconds, plug it in, touch nothing for two minutes, and come "
            "back with: make pi-acceptance ARGS=--resume"
        )
    before = room.notes.pop("power-cut")
    demand(before["boot"] != boot, "the board was not off: this is still the same boot")
    ready = {f"{service}_s": round(_active_s(room.machine, service), 1) for service in _SERVICES}
    demand(person.yes("Was the room's picture back on the TV before anybody touched anything?"), "it was not", ready)
    return ready


def _watched(words: tuple[str, ...], log: int, room: Room) -> tuple[int, dict[str, Any]]:
    """Run a program, and watch the board meanwhile."""
    machine, hottest_c, load = room.machine, list[float](), 0.0
    busy, total = machine.busy_s()
    with subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL) as process:
        try:
            until_s = time.monotonic() + room.spans.call + _LATE_S
            while process.poll() is None and time.monotonic() < until_s:
                hottest_c += [celsius] if (celsius := machine.hottest_c()) is not None else []
                load = max(load, os.getloadavg()[0])
                time.sleep(min(_SAMPLE_S, room.spans.call / 10))
        finally:
            _end(process)
    busy_after, total_after = machine.busy_s()
    figures: dict[str, Any] = {"throttled": _throttled(machine), "load": round(load, 2), "cores": os.cpu_count() or 1}
    figures["busy_percent"] = round(100 * (busy_after - busy) / max(total_after - total, 1.0), 1)
    if hottest_c:
        figures |= {"hottest_c": round(max(hottest_c), 1), "coolest_c": round(min(hottest_c), 1)}
    return process.wait(), figures


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _report(path: Path) -> Mapping[str, Any]:
    try:
        report: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return report


def _throttled(machine: Machine) -> str:
    """Return a Raspberry Pi's word on undervoltage and slowing down since the boot: 0x0 is none."""
    return machine.run("vcgencmd", "get_throttled").text.strip().partition("=")[2] or "unknown"


def _active_s(machine: Machine, service: str) -> float:
    """Return how many seconds after the kernel's start a service was ready."""
    said = machine.run(
        "systemctl", "show", service, "-p", "LoadState", "-p", "ActiveState", "-p", "ActiveEnterTimestampMonotonic"
    )
    fields = dict(line.partition("=")[::2] for line in said.text.splitlines())
    if fields.get("LoadState") != "loaded":
        raise Skipped(f"{service} is not installed on this machine: make install first")
    if fields.get("ActiveState") != "active":
        raise Failed(f"{service} is {fields.get('ActiveState', 'unknown')}: journalctl -u {service} says why")
    return int(fields["ActiveEnterTimestampMonotonic"]) / 1e6


def _startup(machine: Machine) -> str:
    """Return systemd-analyze's account: firmware, loader, kernel, userspace."""
    found = re.search(r"Startup finished in (.*)", machine.run("systemd-analyze", "time").text)
    return found[1] if found else "unknown"


def _first_call_s(machine: Machine) -> float | None:
    """Return how many seconds after the kernel's start the room was in a call for the first time."""
    log = machine.run("journalctl", "-b", "-u", "salon-media", "-o", "short-monotonic", "--no-pager", timeout_s=60.0)
    found = re.search(rf"^\[\s*(\d+\.\d+)\].*{_IN_CALL}", log.text, re.MULTILINE)
    return float(found[1]) if found else None


def _idle(machine: Machine) -> None:
    for service in _SERVICES:
        _active_s(machine, service)
