"""From a device's URI to its driver. Nothing is opened here, and nothing is ever replaced by a simulation."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from hardware.ports import BadUri, Camera, Microphone, Speaker, UnknownScheme
from hardware.uri import DeviceUri


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver, named and not imported: its packages are loaded when a room uses it."""

    place: str
    """module:Class"""
    devices: tuple[str, ...] = ()
    """What may stand behind the colon; none for a driver that takes any path."""


DRIVERS: Mapping[str, Mapping[str, Driver]] = {
    "camera": {
        "sim": Driver("hardware.camera.sim:PatternCamera", ("pattern",)),
        "file": Driver("hardware.camera.file:ClipCamera"),
    },
    "microphone": {
        "sim": Driver("hardware.audio.sim:SimulatedMicrophone", ("tone", "silence")),
        "file": Driver("hardware.audio.file:ClipMicrophone"),
    },
    "speaker": {
        "sim": Driver("hardware.audio.sim:SimulatedSpeaker", ("sink",)),
    },
}
SIMULATIONS = frozenset({"sim", "file", "null"})


def camera(uri: str) -> Camera:
    """Return the camera a URI names, closed."""
    return cast("Camera", _driver("camera", uri))


def microphone(uri: str) -> Microphone:
    """Return the microphone a URI names, closed."""
    return cast("Microphone", _driver("microphone", uri))


def speaker(uri: str) -> Speaker:
    """Return the loudspeaker a URI names, closed."""
    return cast("Speaker", _driver("speaker", uri))


def simulated(uri: str) -> bool:
    """Whether a URI names a stand-in for a device; asks no driver, so it costs nothing."""
    return uri.partition(":")[0].lower() in SIMULATIONS


def check(kind: str, text: str) -> None:
    """Raise `UnknownScheme` or `BadUri` when a URI names no device of this kind; loads no driver."""
    _named(kind, DeviceUri.parse(text))


def _named(kind: str, uri: DeviceUri) -> Driver:
    table = DRIVERS[kind]
    driver = table.get(uri.scheme)
    if driver is None:
        known = ", ".join(f"{scheme}:{' (simulated)' * simulated(scheme)}" for scheme in table)
        raise UnknownScheme(f"there is no {kind} driver {uri.scheme}: yet; known: {known}")
    if driver.devices and uri.path not in driver.devices:
        has = " and ".join(f"{uri.scheme}:{device}" for device in driver.devices)
        raise BadUri(f"{uri.scheme}: has no {kind} called {uri.path!r}; it has {has}")
    if not uri.path:
        raise BadUri(f"{uri.scheme}: needs a path, such as {uri.scheme}:/home/room/clip.mp4")
    return driver


def _driver(kind: str, text: str) -> object:
    uri = DeviceUri.parse(text)
    module, _, name = _named(kind, uri).place.partition(":")
    return getattr(import_module(module), name)(uri)
