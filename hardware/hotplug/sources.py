"""From a URI to where devices are looked up: `udev:`, or `sim:/path/to/folder`; `sim:` is a machine without devices."""

from functools import partial
from pathlib import Path

from hardware.hotplug.watch import Source, Timing
from hardware.ports import BadUri, UnknownScheme
from hardware.uri import DeviceUri

SIM_TIMING = Timing(period_s=0.2)


def source(text: str) -> Source:
    """Return what a URI names, or raise `UnknownScheme` or `BadUri`; nothing is opened."""
    uri = DeviceUri.parse(text).only()
    match uri.scheme:
        case "udev":
            return _udev(uri)
        case "sim":
            return _sim(uri)
    raise UnknownScheme(f"devices cannot be watched by {uri.scheme}: yet; known: udev:, sim: (simulated)")


def _udev(uri: DeviceUri) -> Source:
    if uri.path:
        raise BadUri(f"udev: takes nothing behind the colon, not {uri.path!r}")
    from hardware.hotplug.events import UdevEvents  # noqa: PLC0415 - libudev is loaded where it is used
    from hardware.hotplug.udev import enumerate_devices  # noqa: PLC0415

    return Source(enumerate_devices, UdevEvents)


def _sim(uri: DeviceUri) -> Source:
    from hardware.hotplug.sim import plugged  # noqa: PLC0415

    if not uri.path:
        return Source(tuple, timing=SIM_TIMING)
    return Source(partial(plugged, Path(uri.path).expanduser()), timing=SIM_TIMING)
