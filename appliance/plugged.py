"""Tells the room which of its devices are plugged in, and which others are. The watching is `hardware.hotplug`'s."""

import logging
from collections.abc import Callable, Sequence

from appliance.errors import SalonError
from appliance.sections import Settings
from appliance.seldom import Seldom
from appliance.state.devices import DeviceKind, Expected, Seen, WireUse
from appliance.state.room import ServiceHealth
from appliance.state.wishes import Devices
from hardware import choice
from hardware.hotplug.follow import follow
from hardware.hotplug.sources import source
from hardware.hotplug.watch import Presence
from hardware.ports import DeviceError, Found

logger = logging.getLogger(__name__)
SERVICE = "devices"
_FOUND_AS = {
    "camera": DeviceKind.CAMERA,
    "capture": DeviceKind.SHARE,
    "microphone": DeviceKind.MICROPHONE,
    "speaker": DeviceKind.SPEAKER,
}
_SOUGHT_AS = {kind.value: found for found, kind in _FOUND_AS.items()}
_ANY = "auto:"
_NOT_BY_UDEV = (_ANY, "pipewire:")
"""What udev calls a device says nothing about what these mean."""


def expected_devices(devices: Devices) -> tuple[Expected, ...]:
    """Return the rows that the table of devices always has."""
    return tuple(Expected(kind.value, uri) for kind in DeviceKind for uri in devices.of(kind))


def expected_wires(settings: Settings) -> tuple[WireUse, ...]:
    """Return the rows of what hangs on wires, of which nobody has told anything yet."""
    wires = settings.wires
    one_each = {
        "mute button": wires.mute_button,
        "mute line": wires.mute_line,
        "mute light": " ".join(wires.mute_light),
        "call light": wires.call_light,
        "camera head": settings.camera.ptz,
        "motion sensor": wires.motion,
    }
    relays = (WireUse("relay", relay.pin, name=relay.name, place=n) for n, relay in enumerate(wires.relays, 1))
    return (*(WireUse(role, uri) for role, uri in one_each.items() if uri), *relays)


def seen_devices(expected: Sequence[Expected], found: Sequence[Found]) -> tuple[Seen, ...]:
    """Return what enumeration says of each expected device, and what else is there. Pure."""
    meant = [(wanted, _meant(wanted, found)) for wanted in expected]
    named = {(device.kind, device.id) for _, device in meant if device is not None}
    spare = [device for device in found if device.kind in _FOUND_AS and (device.kind, device.id) not in named]
    return (
        *(_seen(wanted, device, found) for wanted, device in meant),
        *(Seen(_FOUND_AS[device.kind].value, id=device.id, name=device.name) for device in spare),
    )


def share_inputs(devices: Devices, found: Sequence[Found]) -> tuple[str, ...]:
    """Return the HDMI inputs to watch: those that are named, else all that nobody named as a camera. Pure."""
    if devices.share:
        return devices.share
    cameras = {device.id for uri in devices.camera if (device := choice.matches(uri, found, "camera")) is not None}
    return tuple(f"v4l2:{device.id}" for device in found if device.kind == "capture" and device.id not in cameras)


def arrived(before: Sequence[Found], now: Sequence[Found], devices: Devices) -> frozenset[DeviceKind]:
    """Return the kinds of which a device is there that was not, and that one of `devices` may mean. Pure."""
    known = {(device.kind, device.id) for device in before}
    came = [device for device in now if (device.kind, device.id) not in known]
    return frozenset(
        kind for kind in DeviceKind for uri in devices.of(kind) if any(_may_mean(uri, kind, one) for one in came)
    )


async def follow_devices(
    uri: str, *, changed: Callable[[tuple[Found, ...]], None], on_health: Callable[[ServiceHealth], None]
) -> None:
    """Call `changed` with what is there, each time it is different, until cancelled."""
    try:
        watched = source(uri)
    except DeviceError as err:
        raise NotWatched(f"devices.watch: {err}") from err
    last: tuple[Found, ...] | None = None
    trouble: str | None = None
    seldom = Seldom()

    def tell(seen: Presence) -> None:
        nonlocal last, trouble
        if seen.trouble != trouble:
            trouble = seen.trouble
            on_health(ServiceHealth(SERVICE, ok=not trouble, detail=trouble))
        if seen.found != last:
            last = seen.found
            if seldom.may():  # a loose plug comes and goes all day
                logger.info("plugged in: %s", ", ".join(f"{one.kind} {one.name}" for one in last) or "nothing")
            changed(last)

    await follow(watched, tell)


class NotWatched(SalonError, ValueError):
    """Devices cannot be watched as the settings say."""


def _may_mean(uri: str, kind: DeviceKind, device: Found) -> bool:
    sought = _SOUGHT_AS[kind]
    if uri.startswith(_NOT_BY_UDEV):
        return device.kind == sought
    return choice.matches(uri, (device,), sought) is not None


def _meant(wanted: Expected, found: Sequence[Found]) -> Found | None:
    sought = _SOUGHT_AS[wanted.kind]
    if wanted.uri == _ANY:
        return next((device for device in found if device.kind == sought), None)
    return choice.matches(wanted.uri, found, sought)


def _seen(wanted: Expected, device: Found | None, found: Sequence[Found]) -> Seen:
    if device is not None:
        return Seen(wanted.kind, wanted.uri, True, device.id, device.name)
    # what udev does not see may be there all the same: a camera module, a sound server's own device
    present = None if wanted.uri == _ANY else choice.present(wanted.uri, found, _SOUGHT_AS[wanted.kind])
    return Seen(wanted.kind, wanted.uri, present)
