"""From a device's URI to its driver. Nothing is opened here, and nothing is ever replaced by a simulation."""

from collections.abc import Mapping
from importlib import import_module
from typing import cast

from hardware.ports import Camera, Microphone, Speaker, UnknownScheme
from hardware.uri import DeviceUri

# Named, not imported: a driver's packages are loaded when a room uses it.
CAMERAS: Mapping[str, str] = {
    "sim": "hardware.camera.sim:PatternCamera",
    "file": "hardware.camera.file:ClipCamera",
}
MICROPHONES: Mapping[str, str] = {
    "sim": "hardware.audio.sim:SimulatedMicrophone",
    "file": "hardware.audio.file:ClipMicrophone",
}
SPEAKERS: Mapping[str, str] = {
    "sim": "hardware.audio.sim:SimulatedSpeaker",
}
SIMULATIONS = frozenset({"sim", "file", "null"})


def camera(uri: str) -> Camera:
    """Return the camera a URI names, closed."""
    return cast("Camera", _driver(CAMERAS, "camera", uri))


def microphone(uri: str) -> Microphone:
    """Return the microphone a URI names, closed."""
    return cast("Microphone", _driver(MICROPHONES, "microphone", uri))


def speaker(uri: str) -> Speaker:
    """Return the loudspeaker a URI names, closed."""
    return cast("Speaker", _driver(SPEAKERS, "speaker", uri))


def simulated(uri: str) -> bool:
    """Whether a URI names a stand-in for a device; asks no driver, so it costs nothing."""
    return uri.partition(":")[0].lower() in SIMULATIONS


def _driver(table: Mapping[str, str], kind: str, text: str) -> object:
    uri = DeviceUri.parse(text)
    if uri.scheme not in table:
        known = ", ".join(f"{scheme}:" for scheme in table)
        raise UnknownScheme(f"no {kind} driver is called {uri.scheme!r}; known: {known}")
    module, _, name = table[uri.scheme].partition(":")
    return getattr(import_module(module), name)(uri)
