"""What the doctor says of cameras, sound, the TV set and the wires: the room's own table, where the room runs."""

import ctypes.util
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from appliance.errors import SalonError
from appliance.findings import Finding, Level
from appliance.plugged import expected_devices, seen_devices
from appliance.programs import wires_of
from appliance.room import wanted_devices
from appliance.sections import Settings
from appliance.state.devices import Device, Fault, Severity, device_table
from hardware.ports import DeviceError, Found
from hardware.registry import simulated


def examine_devices(settings: Settings, root: Path, found: Callable[[], tuple[Found, ...]]) -> Iterator[Finding]:
    """Look at all devices without opening any."""
    try:
        there = found()
    except DeviceError as err:
        yield Finding(Level.LACK, f"devices: {err}")
        there = ()
    devices = wanted_devices(settings)
    expected = expected_devices(devices)
    for row in device_table(expected, seen_devices(expected, there), (), (), datetime.now(UTC)):
        yield _row(row, there)
    yield from _sound(devices.microphone + devices.speaker, root)
    yield from _tv(settings, root)
    yield _wires(settings)


def _row(row: Device, there: Sequence[Found]) -> Finding:
    kind, stand_in = row.kind.replace("_", " "), " (simulated)" * simulated(row.uri)
    named = row.uri.partition("?")[0]
    if not row.expected:
        return Finding(Level.NOTE, f"{kind} {row.name}: plugged in and not named in the settings")
    if row.fault is Fault.MISSING:
        level = Level.LACK if row.severity is Severity.IMPORTANT else Level.NOTE
        others = ", ".join(one.name for one in there if one.kind == kind)
        remedy = f"Plug it in, or name another in devices.{kind}." + (f" There is: {others}." if others else "")
        return Finding(level, f"{kind} {named}: not there", remedy)
    path = Path(named.partition(":")[2])
    if named.startswith("file:") and not path.is_file():
        return Finding(Level.LACK, f"{kind} {named}: there is no such file", "Put the clip there or change devices.")
    if row.uri == "auto:" and not row.present:
        example = f'devices.{kind} = ["sim:{_EXAMPLES[kind]}"]'
        return Finding(Level.NOTE, f"{kind}: none is plugged in", f"Plug one in; to try the room without:\n{example}")
    return Finding(Level.OK, f"{kind} {named}{stand_in}" + (f": {row.name}" if row.name else ""))


_EXAMPLES = {"camera": "pattern", "microphone": "tone", "speaker": "sink", "share": "pattern"}


def _sound(uris: Sequence[str], root: Path) -> Iterator[Finding]:
    schemes = {uri.partition(":")[0] for uri in uris}
    if schemes & {"auto", "pipewire", "alsa"} and ctypes.util.find_library("asound") is None:
        yield Finding(Level.LACK, "libasound is missing", "apt install libasound2")
    plugin = list((root / "usr/lib").glob("*/alsa-lib/libasound_module_pcm_pipewire.so"))
    if "pipewire" in schemes and not plugin:
        yield Finding(Level.LACK, "PipeWire's ALSA plug-in is missing", "apt install pipewire-alsa")


def _tv(settings: Settings, root: Path) -> Iterator[Finding]:
    adapters = sorted((root / "dev").glob("cec[0-9]*"))
    if not settings.tv.switch or settings.tv.cec == "off":
        return
    if adapters and shutil.which("cec-ctl") is None:
        yield Finding(Level.LACK, "the TV can be switched by HDMI-CEC, but cec-ctl is missing", "apt install v4l-utils")
    for adapter in adapters:
        if not os.access(adapter, os.R_OK | os.W_OK):
            remedy = "Its user must be in the group video."
            yield Finding(Level.LACK, f"/dev/{adapter.name} cannot be opened", remedy)
    if not adapters:
        remedy = "A USB CEC adapter would let the room do it."
        yield Finding(Level.NOTE, "no HDMI-CEC here: the TV is switched by its remote", remedy)


def _wires(settings: Settings) -> Finding:
    try:
        wires = wires_of(settings)
    except SalonError as err:
        return Finding(Level.LACK, str(err), "docs/hardware.md shows how to wire it.")
    named = [uri for uri in (wires.mute_button, wires.mute_line, *wires.mute_light, wires.call_light) if uri]
    if not named:
        return Finding(Level.NOTE, "no mute button or light is wired")
    return Finding(Level.OK, f"wires: {', '.join(uri.partition('?')[0] for uri in named)}")
