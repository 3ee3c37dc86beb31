"""`salon doctor`: what this machine has and lacks for being a room, each lack with its remedy."""

import asyncio
import importlib.util
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from appliance.doctor_devices import examine_devices
from appliance.doctor_fleet import examine_fleet, examine_verdict
from appliance.errors import SalonError
from appliance.findings import Finding, Level
from appliance.media.rtc.native import library
from appliance.oneshot import NoRoom, NotAllowed, Silent, room_now
from appliance.programs import calendar_address
from appliance.sections import Settings
from appliance.service import utc_now
from appliance.settings import BadSettings, load
from appliance.state.room import RoomState
from appliance.telemetry.protocol.address import broker_address
from hardware.hotplug.udev import enumerate_devices
from hardware.ports import Found
from hardware.tv.connector import connectors
from provisioning.enrolled import NotEnrolled, enrolment

_EXTRAS = {
    "media": ("aiortc", "av", "numpy", "aiohttp"),
    "display": ("cv2", "PIL", "numpy", "sdl2"),
    "panel": ("textual",),
}
_SCRIPTS = {
    "fonts-noto-core": {"Arabic": "\u0645", "Hebrew": "\u05e9", "Devanagari": "\u0928", "Thai": "\u0e01"},
    "fonts-noto-cjk": {"Chinese": "\u6f22", "Japanese": "\u3042", "Korean": "\ud55c"},
    "fonts-noto-color-emoji": {"emoji": "\U0001f600"},
}
"""A letter of each script that people's names are likely to be in and our own font lacks, by Debian package."""


def run_doctor(config: Path | None) -> int:
    """Print all findings; 1 when the room lacks something it needs."""
    findings = list(diagnose(config))
    for finding in findings:
        remedy = "".join(f"\n         -> {line}" for line in finding.remedy.splitlines())
        print(f"  {finding.level:<5}  {finding.what}{remedy}")  # noqa: T201 - what the command is for
    return int(any(finding.level is Level.LACK for finding in findings))


def diagnose(config: Path | None, root: Path = Path("/")) -> Iterator[Finding]:
    """Look at the settings as every program does, and then at what they ask for."""
    try:
        load(config, look=True)
    except BadSettings as err:
        for mistake in err.mistakes or (str(err),):
            yield Finding(Level.LACK, f"settings: {mistake}")
    try:
        settings = load(config)
    except BadSettings:
        yield from _machine(root)
        yield Finding(Level.NOTE, "the rest can be looked at once the settings are right")
    else:
        yield from examine(settings, root)


def _machine(root: Path) -> Iterator[Finding]:
    """Look at what no setting has a say in."""
    yield _python()
    yield from (_extra(name, modules) for name, modules in _EXTRAS.items())
    yield _media_engine()
    if importlib.util.find_spec("PIL") is not None:
        yield _names(root)
    yield _clock(root)


def examine(
    settings: Settings, root: Path = Path("/"), found: Callable[[], tuple[Found, ...]] | None = None
) -> Iterator[Finding]:
    """Look at everything; `root` is the file system that is looked at, `found` lists what is plugged in."""
    yield from _machine(root)
    yield from _folders(settings)
    room, running = _running(settings)
    yield from examine_devices(settings, root, found or enumerate_devices, room)
    yield from _screen(settings, root)
    yield from _services(settings)
    yield from examine_fleet(settings, utc_now())
    yield running
    if room is not None:
        yield examine_verdict(room)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(Level.OK, f"Python {version}")


def _extra(name: str, modules: tuple[str, ...]) -> Finding:
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if not missing:
        return Finding(Level.OK, f"software for {name}")
    return Finding(Level.LACK, f"software for {name}: {', '.join(missing)} missing", f"pip install 'salon[{name}]'")


def _media_engine() -> Finding:
    path = library.find()
    if path is not None and library.load() is not None:
        return Finding(Level.OK, f"native media engine: {path}")
    remedy = "make native (needs a C compiler), or install the wheel salon-rtp: calls then cost much less CPU."
    return Finding(Level.NOTE, "media packets are handled in Python", remedy)


def _folders(settings: Settings) -> Iterator[Finding]:
    for folder in (settings.state_dir, settings.runtime_dir):
        try:
            yield _folder(folder)
        except OSError as err:
            remedy = "Run as the user salon, or set [paths] in the settings."
            yield Finding(Level.LACK, f"folder {folder} cannot be looked at ({err.strerror})", remedy)


def _folder(folder: Path) -> Finding:
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not (nearest.is_dir() and os.access(nearest, os.W_OK)):
        remedy = "Run as the user salon, or set [paths] in the settings."
        return Finding(Level.LACK, f"folder {folder} cannot be written", remedy)
    free = shutil.disk_usage(nearest).free >> 20
    level = Level.OK if free > 256 else Level.LACK
    remedy = "" if free > 256 else "Free some space: the room must be able to store its wishes."
    return Finding(level, f"folder {folder}, {free} MiB free", remedy)


def _screen(settings: Settings, root: Path) -> Iterator[Finding]:
    if any(socket.connected for socket in connectors(root)):
        return
    screen = settings.display.screen
    if screen.startswith("sdl:") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        yield Finding(
            Level.LACK,
            "no TV is connected and no desktop runs",
            'Connect the TV, or keep the picture in a file:\ndisplay.screen = "png:/tmp/tv.png"',
        )
    else:
        yield Finding(Level.NOTE, f"no TV is connected; the picture goes to {screen.partition('?')[0]}")


def _names(root: Path) -> Finding:
    """Look whether the TV can write people's names, whatever their script."""
    # only with the software for the display, which may be what is missing
    from PIL import features  # noqa: PLC0415

    from display.fonts.library import SYSTEM_FONTS, Library  # noqa: PLC0415

    library = Library([root / folder.relative_to("/") for folder in SYSTEM_FONTS])
    lacking = {
        package: [script for script, letter in scripts.items() if library.substitute(letter) is None]
        for package, scripts in _SCRIPTS.items()
    }
    return names_finding(lacking, right_to_left=all(map(features.check, ("raqm", "fribidi"))))


def names_finding(lacking: Mapping[str, Sequence[str]], *, right_to_left: bool) -> Finding:
    """Say which scripts cannot be written, and which packages bring them; `lacking` has the scripts by package."""
    packages = [package for package, scripts in lacking.items() if scripts]
    troubles = [f"no font for {', '.join(script for scripts in lacking.values() for script in scripts)}"] * bool(
        packages
    )
    if not right_to_left:
        packages.insert(0, "libfribidi0")
        troubles.append("Arabic and Hebrew come out in the wrong order")
    if not packages:
        return Finding(Level.OK, "names on the TV: fonts for all common scripts")
    return Finding(Level.NOTE, f"names on the TV: {'; '.join(troubles)}", f"apt install {' '.join(packages)}")


def _clock(root: Path) -> Finding:
    if (root / "run/systemd/timesync/synchronized").exists():
        return Finding(Level.OK, "the clock is synchronised")
    return Finding(
        Level.NOTE,
        "the clock is not known to be synchronised",
        "Meetings are joined by this clock: enable systemd-timesyncd or chrony.",
    )


def _calendar(settings: Settings) -> Finding:
    try:
        source = calendar_address(settings)
    except SalonError as err:
        return Finding(Level.LACK, f"calendar: {err}", "Look as the user salon, who reads it, or correct [calendar].")
    if not source:
        return Finding(
            Level.NOTE,
            "no calendar is set: the room joins nothing by itself",
            'calendar.source = "file:/etc/salon/room.ics"',
        )
    if source.startswith("file:"):
        there = _is_file(Path(source.removeprefix("file:")))
        return Finding(
            Level.OK if there else Level.LACK,
            f"calendar {source}" + ("" if there else ": there is no such file"),
            "" if there else "Put the .ics file there or change calendar.source.",
        )
    parts = urlsplit(source)
    return _reachable("calendar", parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False  # in a folder that may not be looked into


def _services(settings: Settings) -> Iterator[Finding]:
    yield _calendar(settings)
    url = settings.mqtt.url or _broker_of_console(settings)
    if url:
        broker = broker_address(url)
        yield _reachable("broker", broker.host, broker.port)
    else:
        yield Finding(Level.NOTE, "no broker is set: no fleet hears of the room", 'mqtt.url = "mqtt://127.0.0.1:1883"')


def _broker_of_console(settings: Settings) -> str:
    try:
        found = enrolment(settings.state_dir)
    except NotEnrolled:
        # told beside this
        return ""
    return found.broker if found else ""


def _reachable(name: str, host: str, port: int) -> Finding:
    """Try to connect; is told only the host, because calendar addresses carry secrets."""
    try:
        with socket.create_connection((host, port), timeout=3):
            return Finding(Level.OK, f"{name} at {host} answers")
    except (OSError, ValueError, OverflowError) as err:
        remedy = f"Check the network, and that the {name} runs; the room goes on without it."
        why = getattr(err, "strerror", None) or err
        return Finding(Level.LACK, f"{name} at {host} does not answer ({why})", remedy)


def _running(settings: Settings) -> tuple[RoomState | None, Finding]:
    """Ask the room, which knows more of its devices than anybody who only looks."""
    try:
        room = asyncio.run(room_now(settings))
    except (NotAllowed, Silent) as err:
        lack = Level.LACK if isinstance(err, Silent) else Level.NOTE
        return None, Finding(lack, f"the room is running, and does not tell how it does: {err}")
    except NoRoom:
        remedy = "Start it: salon up, or systemctl start salon.target"
        return None, Finding(Level.NOTE, "the room is not running", remedy)
    return room, Finding(Level.OK, "the room is running")
