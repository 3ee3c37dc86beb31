"""The room's devices in words, and the keys that look after them. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime

from appliance.state.buttons import Button, Tone
from appliance.state.camera import PRESETS, STEP, ZOOM_STEP, CameraAim
from appliance.state.clean import clean_text
from appliance.state.commands import (
    CheckDevices,
    CheckSound,
    FrameCamera,
    KeepPreset,
    MoveCamera,
    RecallPreset,
    SwitchRelay,
)
from appliance.state.devices import Device, Fault, Severity
from appliance.state.fixtures import Relay
from appliance.state.room import Phase, RoomState
from appliance.state.views import reason_text

_ANY = "auto:"
_LONGEST_ID = 400
"""Graphemes of an id: a name, a serial number and a port."""
_IN_A_CALL = "Leave the call first: the check opens every device."
_NO_MEDIA = "Camera and sound are restarting; a moment."


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One line of the list of devices."""

    id: str
    """Stays the same while the device is exchanged or renumbered."""
    title: str
    words: str
    """How it does: in use, ready, not there, does not work."""
    remedy: str
    """What would help; empty when nothing is wrong."""
    severity: Severity
    in_use: bool
    named: bool
    """The settings name it."""
    well: bool
    """It was seen or tried, and nothing is wrong with it."""
    since: datetime | None
    """When its fault began; None when nothing is wrong."""


def device_rows(state: RoomState) -> tuple[DeviceRow, ...]:
    """List all devices: those that are expected, then others that are there."""
    in_use = state.in_use
    return tuple(_row(device, open_now=(device.kind, device.uri) in in_use) for device in state.devices)


def _row(device: Device, *, open_now: bool) -> DeviceRow:
    return DeviceRow(
        id=clean_text(device.id, _LONGEST_ID),
        title=_title(device),
        words=_words(device, open_now=open_now),
        remedy=reason_text(device.remedy),
        severity=device.severity,
        in_use=open_now,
        named=device.expected,
        since=device.since,
        well=device.fault is Fault.NONE and (open_now or bool(device.healthy or device.present)),
    )


def since_text(moment: datetime, now: datetime) -> str:
    """Say when something began: the time of day, with its date if that was another day."""
    local = moment.astimezone(now.tzinfo)
    return f"{local:%H:%M}" if local.date() == now.date() else f"{local:%Y-%m-%d %H:%M}"


def _title(device: Device) -> str:
    """Name a device, one that says no name by how the settings call it, where that helps to find it."""
    if device.name or not device.diagnostic or device.uri in {"", _ANY}:
        return device.title
    return f"{device.title} ({clean_text(bare_uri(device.uri))})"


def bare_uri(uri: str) -> str:
    """Say where a device or a lamp is, without how it is used."""
    return " ".join(part.partition("?")[0] for part in uri.split(" "))


def _words(device: Device, *, open_now: bool) -> str:
    if device.fault is Fault.MISSING or device.present is False:
        return "not there"
    if device.fault is Fault.FAILING:
        return "does not work"
    if open_now:
        return "in use"
    if not (device.expected or device.uri):
        return "not in use"
    if device.healthy or device.present:
        return "ready"
    return "none seen yet" if device.uri == _ANY else "not tried yet"


def check_buttons(state: RoomState) -> tuple[Button, Button]:
    """Return the keys that try all devices, and that measure the sound."""
    devices = Button("Check devices", enabled=True, command=CheckDevices())
    sound = Button("Check sound", enabled=True, detail="Loud sweep", command=CheckSound())
    why = _why_no_check(state)
    return (
        replace(devices, enabled=not why, why=why, command=None if why else devices.command),
        replace(sound, enabled=not why, why=why, command=None if why else sound.command),
    )


def _why_no_check(state: RoomState) -> str:
    if not state.senses.connected:
        return _NO_MEDIA
    return _IN_A_CALL if state.call.phase is not Phase.IDLE or state.wanted is not None else ""


def aim_buttons() -> dict[str, Button]:
    """Return the keys that turn and zoom the camera, by name."""
    moves = {
        "left": ("Left", MoveCamera(pan=-STEP)),
        "right": ("Right", MoveCamera(pan=STEP)),
        "up": ("Up", MoveCamera(tilt=STEP)),
        "down": ("Down", MoveCamera(tilt=-STEP)),
        "near": ("Zoom in", MoveCamera(zoom=ZOOM_STEP)),
        "wide": ("Zoom out", MoveCamera(zoom=-ZOOM_STEP)),
    }
    return {name: Button(label, enabled=True, command=command) for name, (label, command) in moves.items()}


def framing_button(state: RoomState) -> Button:
    """Let the room frame whoever speaks, or stop it."""
    if state.aim.framing:
        return Button(
            "Stop framing", True, detail="Follows who speaks", command=FrameCamera(framing=False), tone=Tone.GO
        )
    return Button("Frame speakers", True, detail="Off", command=FrameCamera(framing=True))


def preset_buttons(state: RoomState, *, keeping: bool) -> tuple[Button, ...]:
    """Return a key for each preset: to look there, or, while `keeping`, to keep where the camera looks now."""
    return tuple(_preset(number, number in state.presets, keeping=keeping) for number in range(1, PRESETS + 1))


def _preset(number: int, kept: bool, *, keeping: bool) -> Button:
    if keeping:
        return Button(str(number), True, detail="replace" if kept else "empty", command=KeepPreset(number))
    if kept:
        return Button(str(number), True, command=RecallPreset(number))
    return Button(str(number), enabled=False, why=f"Nothing is kept as preset {number} yet. Press Keep first.")


def relay_buttons(state: RoomState) -> tuple[Button, ...]:
    """Return a key for each of the room's lights and blinds."""
    return tuple(_relay(relay) for relay in state.relays)


def _relay(relay: Relay) -> Button:
    name = clean_text(relay.name)
    if relay.error:
        return Button(name, enabled=False, why=reason_text(relay.error), detail="does not work")
    command = SwitchRelay(relay.name, on=not relay.on)
    return Button(
        name, True, detail="on" if relay.on else "off", command=command, tone=Tone.GO if relay.on else Tone.NORMAL
    )


def sound_line(state: RoomState) -> str:
    """Say in a line what is known of the room's sound: the check that runs or ended last, and who speaks."""
    check, direction = state.senses.sound_check, state.senses.hearing.direction_deg
    if check.running:
        return "Listening to the sweep…"
    if direction is not None:
        side = "ahead" if abs(direction) < 8 else f"{abs(direction)}° to the {'right' if direction > 0 else 'left'}"
        return f"Somebody speaks {side}."
    return f"Sound: {reason_text(check.words[0])}" if check.words else ""


def aim_words(aim: CameraAim) -> str:
    """Say where the camera looks."""
    if aim.framing:
        return "The room frames whoever speaks."
    across = "ahead" if not aim.pan else f"{abs(aim.pan):.0%} {'right' if aim.pan > 0 else 'left'}"
    height = "" if not aim.tilt else f", {abs(aim.tilt):.0%} {'up' if aim.tilt > 0 else 'down'}"
    zoom = f", zoomed {aim.zoom:.0%}" if aim.zoom else ""
    return clean_text(f"Looks {across}{height}{zoom}.")
