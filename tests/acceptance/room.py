"""Everything the checks stand on: which devices, which drivers, how long to look, where to put pictures."""

import sys
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from acceptance.check import Failed
from acceptance.machine import Machine
from acceptance.touch import Touches, TouchScreen
from hardware import registry
from hardware.ports import Camera, HdmiInput, Microphone, Speaker
from hardware.uri import DeviceUri

_LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Devices:
    """What to check, as URIs. The wires are those of docs/hardware.md."""

    camera: str = "v4l2:"
    second_camera: str = ""
    """Empty: the second one found."""
    pi_camera: str = "picamera:"
    capture: str = "v4l2:"
    microphone: str = "auto:"
    speaker: str = "auto:"
    watch: str = "udev:"
    mute_button: str = "gpio:17?active_low=1"
    mute_line: str = "gpio:22?pull=up"
    red: str = "gpio:27?active_low=1&pull=down"
    green: str = "gpio:23"
    motion: str = "gpio:25"
    relay: str = "gpio:5?active_low=1"

    def named(self, name: str) -> str:
        """Return a device's URI."""
        if name not in {field.name for field in fields(self)}:
            raise KeyError(name)
        return str(getattr(self, name))


@dataclass(frozen=True, slots=True)
class Spans:
    """How long things may take, in seconds."""

    stream: float = 10.0
    """A camera is watched."""
    still: float = 3.0
    """Something has to stay as it is."""
    listen: float = 6.0
    """Somebody speaks."""
    echo: float = 18.0
    """The loudspeaker plays while the echo is measured."""
    patience: float = 90.0
    """Somebody may take to do what was asked."""
    tv: float = 60.0
    """A TV may take to be on or off."""
    call: float = 600.0


@dataclass(frozen=True)
class Room:
    """The room that is checked."""

    out: Path
    """Pictures and logs."""
    devices: Devices = field(default_factory=Devices)
    machine: Machine = field(default_factory=Machine)
    spans: Spans = field(default_factory=Spans)
    notes: MutableMapping[str, dict[str, str]] = field(default_factory=dict)
    """By check: what must be known after a power cut; whoever owns it keeps it on disk."""
    camera: Callable[[str], Camera] = registry.camera
    capture: Callable[[str], HdmiInput] = registry.capture
    microphone: Callable[[str], Microphone] = registry.microphone
    speaker: Callable[[str], Speaker] = registry.speaker
    touch: Callable[[], Touches] = TouchScreen
    cec_ctl: str = "cec-ctl"
    demo: tuple[str, ...] = (sys.executable, "-m", "appliance.demo.main")

    def is_simulated(self, use: str) -> bool:
        """Whether a check that stands on this device shows nothing about hardware."""
        if use == "machine":
            return self.machine.simulated
        uri = self.devices.named(use)
        return self.machine.simulated or registry.simulated(uri) or uri.startswith("mock:")

    def cameras(self) -> tuple[str, str]:
        """Return the preferred camera and the other one: those named, else the first two found."""
        if self.devices.second_camera:
            return self.devices.camera, self.devices.second_camera
        from hardware.hotplug.udev import enumerate_devices  # libudev

        found = [f"v4l2:{one.id}" for one in enumerate_devices() if one.kind == "camera"]
        if len(found) < 2:
            raise Failed(f"{len(found)} USB cameras are plugged in; it takes two")
        return found[0], found[1]

    def until(self, true: Callable[[], object], what: str, why: Callable[[], str] = lambda: "") -> float:
        """Look until something is so, and return how many seconds that took; `Failed` after too many, with `why`."""
        began = time.monotonic()
        while not true():
            if time.monotonic() - began > self.spans.patience:
                raise Failed(f"{what}: not within {self.spans.patience:g} seconds. {why()}".strip())
            time.sleep(_LOOK_S)
        return time.monotonic() - began


def with_options(uri: str, **wanted: str) -> str:
    """Ask a real camera for a mode; what the URI says already stays. Simulated ones have but one."""
    parsed = DeviceUri.parse(uri)
    if parsed.scheme not in {"v4l2", "picamera"}:
        return uri
    missing = "&".join(f"{key}={value}" for key, value in wanted.items() if key not in parsed.options)
    return uri if not missing else f"{uri}{'&' if '?' in uri else '?'}{missing}"
