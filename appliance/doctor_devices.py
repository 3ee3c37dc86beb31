"""What the doctor says of cameras, sound, the TV set and the wires: the room's own table, also where no room runs."""

import ctypes.util
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from appliance.findings import Finding, Level
from appliance.plugged import expected_devices, expected_wires, seen_devices
from appliance.room import wanted_devices
from appliance.sections import Settings
from appliance.state.clean import clean_text
from appliance.state.device_views import DeviceRow, bare_uri, device_rows
from appliance.state.devices import Device, DeviceKind, DeviceTry, DeviceUse, Fault, Severity, WireUse, device_table
from appliance.state.room import Boot, RoomState
from appliance.state.television import Television
from appliance.state.views import reason_text
from appliance.state.wishes import Devices
from appliance.tv import first_look
from hardware import registry
from hardware.camera import heads
from hardware.gpio import chips, wiring
from hardware.ports import DeviceError, Found
from hardware.uri import DeviceUri

_LEVELS = {Severity.FINE: Level.OK, Severity.WARNING: Level.NOTE, Severity.IMPORTANT: Level.LACK}
_EXAMPLES = {"camera": "pattern", "microphone": "tone", "speaker": "sink", "share": "pattern"}


def examine_devices(
    settings: Settings, root: Path, found: Callable[[], tuple[Found, ...]], room: RoomState | None
) -> Iterator[Finding]:
    """Look at all devices without opening any; a `room` that runs has tried them and knows more."""
    try:
        there = found()
    except DeviceError as err:
        yield Finding(Level.LACK, f"devices: {err}")
        there = ()
    seen = room or _as_a_room(settings, root, there)
    for device, row in zip(seen.devices, device_rows(seen), strict=True):
        yield _finding(device, row, there, since=room is not None)
    devices = wanted_devices(settings)
    yield from _sound(devices.microphone + devices.speaker, root)
    yield from _tv(settings, root)
    if not expected_wires(settings):
        yield Finding(Level.NOTE, "no mute button or light is wired")


def _as_a_room(settings: Settings, root: Path, there: Sequence[Found]) -> RoomState:
    """Return as much of the room as can be told from its settings and what is plugged in."""
    devices = wanted_devices(settings)
    expected = expected_devices(devices)
    table = device_table(
        expected,
        seen_devices(expected, there),
        tuple(_built(kind, devices) for kind in DeviceKind),
        (),
        datetime.now(UTC),
        wires=tuple(replace(wire, error=_wire_error(wire, root)) for wire in expected_wires(settings)),
        television=_television(settings, root),
    )
    return RoomState("", settings.room.name, Boot(""), devices=table)


def _built(kind: DeviceKind, devices: Devices) -> DeviceUse:
    """Make each device's driver, which says what is wrong with its options, and open none."""
    errors = {uri: _build_error(kind, uri) for uri in devices.of(kind)}
    return DeviceUse(kind, tries=tuple(DeviceTry(uri, ok=False, error=why) for uri, why in errors.items() if why))


def _build_error(kind: DeviceKind, uri: str) -> str:
    makers = {
        DeviceKind.CAMERA: registry.camera,
        DeviceKind.MICROPHONE: registry.microphone,
        DeviceKind.SPEAKER: registry.speaker,
        DeviceKind.SHARE: registry.capture,
    }
    if uri.partition(":")[0] == "auto":
        return ""
    try:
        makers[kind](uri)
        return _clip_error(uri)
    except (DeviceError, OSError) as err:
        return str(err)
    except ImportError:
        return ""  # told of by what is missing


def _clip_error(uri: str) -> str:
    parsed = DeviceUri.parse(uri)
    if parsed.scheme != "file":
        return ""
    from hardware.clip import clip_path  # noqa: PLC0415 - loads FFmpeg, which may be what is missing

    clip_path(parsed)
    return ""


def _wire_error(wire: WireUse, root: Path) -> str:
    """Say what is wrong with a wire as far as that can be told without touching it."""
    try:
        if wire.role == "camera head":
            heads.head(wire.uri)
            return ""
        for uri in wire.uri.split():
            _check_line(wiring.parse(uri), root)
    except (DeviceError, OSError) as err:
        return str(err)
    except ImportError:
        return ""
    return ""


def _check_line(wire: wiring.Wiring, root: Path) -> None:
    if not wire.simulated:
        chips.check_line(chips.find_chip(wire.chip, dev=root / "dev"), int(wire.pin))


def _television(settings: Settings, root: Path) -> Television:
    return first_look(settings.tv.connector, root, expected=settings.display.screen.startswith("sdl:"))


def _finding(device: Device, row: DeviceRow, there: Sequence[Found], *, since: bool) -> Finding:
    if not device.expected:
        level = max(_LEVELS[row.severity], Level.NOTE, key=list(Level).index)
        what = f"{row.title}: {row.words}; {row.id} is plugged in and not named in the settings"
        return Finding(level, what, row.remedy)
    began = f" since {device.since.astimezone():%Y-%m-%d %H:%M}" if since and device.since else ""
    what = f"{row.id}: {row.title}: {row.words}{began}{_place(device.uri) * (row.title == device.title)}"
    if device.uri == "auto:" and device.fault is Fault.NONE and not (device.present or device.healthy):
        example = f'devices.{device.kind} = ["sim:{_EXAMPLES[device.kind]}"]'
        return Finding(Level.NOTE, what, f"Plug one in; to try the room without:\n{example}")
    remedies = (row.remedy, _instead(device, there), _mistake(device))
    return Finding(_LEVELS[row.severity], what, "\n".join(filter(None, remedies)))


def _mistake(device: Device) -> str:
    """Say what will be wrong with a device that is not there, once it is."""
    missing = device.fault is Fault.MISSING and device.kind in _EXAMPLES
    return reason_text(_build_error(DeviceKind(device.kind), device.uri)) if missing else ""


def _place(uri: str) -> str:
    """Say where it is, without how it is used."""
    if uri in {"", "auto:"}:
        return ""
    bare = clean_text(bare_uri(uri))
    return f" ({bare}, simulated)" if registry.simulated(uri) or uri.startswith("mock:") else f" ({bare})"


def _instead(device: Device, there: Sequence[Found]) -> str:
    """Say what else could be named in the place of one that is missing."""
    if device.fault is not Fault.MISSING or device.kind not in _EXAMPLES:
        return ""
    found_as = "capture" if device.kind == "share" else device.kind
    others = ", ".join(f"{one.name} ({one.id})" for one in there if one.kind == found_as)
    return f"Or name another in devices.{device.kind}. There is: {others}." if others else ""


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
