"""From a device's URI to its driver. Nothing is opened here, and nothing is ever replaced by a simulation."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import cast

from hardware.ports import BadUri, Camera, HdmiInput, Microphone, Speaker, UnknownScheme
from hardware.uri import DeviceUri


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver, named and not imported: its packages are loaded when a room uses it."""

    place: str
    """module:Class"""
    devices: tuple[str, ...] = ()
    """What may stand behind the colon; none for a driver that takes any path."""
    first: bool = False
    """Nothing behind the colon means the first one found."""


DRIVERS: Mapping[str, Mapping[str, Driver]] = {
    "camera": {
        "sim": Driver("hardware.camera.sim:PatternCamera", ("pattern",)),
        "file": Driver("hardware.camera.file:ClipCamera"),
        "v4l2": Driver("hardware.camera.v4l2:V4l2Camera", first=True),
        "picamera": Driver("hardware.camera.picamera:PiCamera", first=True),
    },
    # what is shared through an HDMI input; the same drivers, another list of devices
    "capture": {
        "sim": Driver("hardware.camera.sim:PatternCamera", ("pattern",)),
        "file": Driver("hardware.camera.file:ClipCamera"),
        "v4l2": Driver("hardware.camera.capture:CaptureInput", first=True),
    },
    "microphone": {
        "sim": Driver("hardware.audio.sim:simulated_microphone", ("tone", "silence", "array", "echo")),
        "file": Driver("hardware.audio.file:ClipMicrophone"),
        "pipewire": Driver("hardware.audio.pipewire:PipeWireMicrophone", first=True),
        "alsa": Driver("hardware.audio.alsa:AlsaMicrophone", first=True),
    },
    "speaker": {
        "sim": Driver("hardware.audio.sim:SimulatedSpeaker", ("sink",)),
        "pipewire": Driver("hardware.audio.pipewire:PipeWireSpeaker", first=True),
        "alsa": Driver("hardware.audio.alsa:AlsaSpeaker", first=True),
    },
}
AUTO: Mapping[str, tuple[str, ...]] = {
    "camera": ("v4l2", "picamera"),
    "microphone": ("pipewire", "alsa"),
    "speaker": ("pipewire", "alsa"),
}
"""What `auto:` means: the first of these that has a device."""
SIMULATIONS = frozenset({"sim", "file", "null"})


def camera(uri: str) -> Camera:
    """Return the camera a URI names, closed."""
    return cast("Camera", _driver("camera", uri))


def capture(uri: str) -> HdmiInput:
    """Return the HDMI input a URI names, closed."""
    return cast("HdmiInput", _driver("capture", uri))


def microphone(uri: str) -> Microphone:
    """Return the microphone a URI names, closed."""
    return cast("Microphone", _driver("microphone", uri))


def speaker(uri: str) -> Speaker:
    """Return the loudspeaker a URI names, closed."""
    return cast("Speaker", _driver("speaker", uri))


def present(kind: str, text: str) -> bool:
    """Whether a device is there now, as far as its driver can tell without opening it."""
    return _is_there(kind, _decided(kind, DeviceUri.parse(text)))


def simulated(uri: str) -> bool:
    """Whether a URI names a stand-in for a device; asks no driver, so it costs nothing."""
    return uri.partition(":")[0].lower() in SIMULATIONS


def check(kind: str, text: str) -> None:
    """Raise `UnknownScheme` or `BadUri` when a URI names no device of this kind; loads no driver."""
    uri = DeviceUri.parse(text)
    if uri.scheme != "auto" or kind not in AUTO:
        _named(kind, uri)


def _named(kind: str, uri: DeviceUri) -> Driver:
    table = DRIVERS[kind]
    driver = table.get(uri.scheme)
    if driver is None:
        known = ", ".join(f"{scheme}:{' (simulated)' * simulated(scheme)}" for scheme in table)
        raise UnknownScheme(f"there is no {kind} driver {uri.scheme}: yet; known: {known}")
    if driver.devices and uri.path not in driver.devices:
        has = " and ".join(f"{uri.scheme}:{device}" for device in driver.devices)
        raise BadUri(f"{uri.scheme}: has no {kind} called {uri.path!r}; it has {has}")
    if not (uri.path or driver.first):
        raise BadUri(f"{uri.scheme}: needs a path, such as {uri.scheme}:/home/room/clip.mp4")
    return driver


def _decided(kind: str, uri: DeviceUri) -> DeviceUri:
    """Let `auto:` be the first driver that has a device, or the first of all, which then says what it lacks."""
    if uri.scheme != "auto" or kind not in AUTO:
        return uri
    meant = [replace(uri, scheme=scheme) for scheme in AUTO[kind] if scheme in DRIVERS[kind]]
    return next((one for one in meant if _is_there(kind, one)), meant[0])


def _is_there(kind: str, uri: DeviceUri) -> bool:
    place, _, name = _named(kind, uri).place.partition(":")
    module = import_module(place)
    look = getattr(getattr(module, name), "present", getattr(module, "present", None))
    return look is None or bool(look(uri))


def _driver(kind: str, text: str) -> object:
    uri = _decided(kind, DeviceUri.parse(text))
    module, _, name = _named(kind, uri).place.partition(":")
    return getattr(import_module(module), name)(uri)
