"""`pipewire:SELECTOR`: microphones and loudspeakers of PipeWire, the way a room usually hears and speaks.

They are listed by pw-dump and opened as ALSA's device `pipewire:NODE=...` (package pipewire-alsa). What PipeWire would
do for a desktop, a room must not have: a stream whose node vanishes would silently be moved to another one, and the
channels of an array, which have no places in a living room, would be mixed into left and right. PIPEWIRE_ALSA switches
both off; it is the only way for properties into that plugin. Measured with PipeWire 0.3.65 and 1.4.2.
"""

import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from hardware.audio.alsa import found_by_udev
from hardware.audio.arrays import MOST_CHANNELS
from hardware.audio.device import Node, PcmMicrophone, PcmSpeaker
from hardware.audio.pipewire_dump import dump, number, of_type, properties
from hardware.audio.pipewire_links import channel_order
from hardware.identify import clean, select
from hardware.ports import DeviceError, DeviceMissing, Found
from hardware.uri import DeviceUri

PROPERTIES = "{ node.dont-reconnect=true stream.dont-remix=true }"
_CLASSES = {
    "microphone": ("Audio/Source", "Audio/Source/Virtual"),
    "speaker": ("Audio/Sink", "Audio/Sink/Virtual"),
}
_DEFAULTS = {"microphone": "default.audio.source", "speaker": "default.audio.sink"}
_PLACEHOLDER = "auto_null"
"""What PipeWire offers where there is no loudspeaker."""
_NOT_FOR_ALSA = re.compile(r"[^A-Za-z0-9._-]")
"""A node's name is its maker's; commas and quotes would mean something in ALSA's name of it."""
_HEX = re.compile(r"(?:0x)?([0-9a-fA-F]{4})")


class PipeWireMicrophone(PcmMicrophone):
    """A source of PipeWire's."""

    def _find(self, uri: DeviceUri) -> Node:
        return _found("microphone", uri)

    def _order(self, node: Node, channels: int) -> Callable[[], tuple[int, ...]]:
        return partial(channel_order, node.found.node, channels)

    @staticmethod
    def present(uri: DeviceUri) -> bool:
        """Whether it is there; opens nothing, takes about 20 ms."""
        return _present("microphone", uri)


class PipeWireSpeaker(PcmSpeaker):
    """A sink of PipeWire's."""

    def _find(self, uri: DeviceUri) -> Node:
        return _found("speaker", uri)

    @staticmethod
    def present(uri: DeviceUri) -> bool:
        """Whether it is there; opens nothing, takes about 20 ms."""
        return _present("speaker", uri)


def _present(kind: str, uri: DeviceUri) -> bool:
    try:
        return _choose(kind, uri.path) is not None
    except DeviceError:
        return False


def _found(kind: str, uri: DeviceUri) -> Node:
    os.environ["PIPEWIRE_ALSA"] = PROPERTIES
    os.environ.pop("PIPEWIRE_NODE", None)
    node = _choose(kind, uri.path)
    if node is None:
        what = f"a {kind} called {uri.path}" if uri.path else f"any {kind}"
        raise DeviceMissing(f"PipeWire has not {what}: plug it in, or see `wpctl status` for what there is")
    return node


def _choose(kind: str, selector: str) -> Node | None:
    there = nodes(kind, dump(), _cards(kind))
    chosen = select(selector, [node.found for node in there])
    return next((node for node in there if node.found is chosen), None)


def nodes(kind: str, objects: list[Any], cards: Mapping[str, Found]) -> tuple[Node, ...]:
    """Return the microphones or the speakers in a dump: the default one first, the others by name.

    `cards` are udev's, by their node (hw:2): a device is the same device whichever way it is looked at.
    """
    devices = {str(one.get("id")): properties(one) for one in of_type(objects, "Device")}
    default = _default(kind, objects)
    there = []
    for one in of_type(objects, "Node"):
        said = properties(one)
        name = str(said.get("node.name", ""))
        if said.get("media.class") in _CLASSES[kind] and name and name != _PLACEHOLDER:
            there.append(_node(kind, said, devices.get(str(said.get("device.id")), {}), cards))
    return tuple(sorted(there, key=lambda node: (node.found.node != default, node.found.node)))


def _node(kind: str, said: Mapping[str, Any], device: Mapping[str, Any], cards: Mapping[str, Found]) -> Node:
    name = str(said["node.name"])
    title = clean(str(said.get("node.description") or said.get("node.nick") or name))
    usb = _usb_id(device)
    card = cards.get(f"hw:{said.get('alsa.card', device.get('alsa.card', ''))}")
    port = card.port if card else clean(str(device.get("device.bus-path", "")), 256)
    identity = card.id if card else f"usb:{usb}@{port}" if usb else f"pipewire:{name}"
    serial = number(said.get("object.serial"))
    pcm = f"pipewire:NODE={serial or re.sub(_NOT_FOR_ALSA, '_', name)}"
    channels = number(said.get("audio.channels"))
    return Node(Found(kind, identity, title, name, port), pcm, channels if channels <= MOST_CHANNELS else 0, usb)


def _cards(kind: str) -> Mapping[str, Found]:
    try:
        return {one.node: one for one in found_by_udev() if one.kind == kind}
    except DeviceError:
        return {}


def _usb_id(device: Mapping[str, Any]) -> str:
    numbers = [_HEX.fullmatch(str(device.get(f"device.{part}.id", ""))) for part in ("vendor", "product")]
    vendor, product = numbers
    return f"{vendor[1]}:{product[1]}".lower() if vendor and product and device.get("device.bus") == "usb" else ""


def _default(kind: str, objects: list[Any]) -> str:
    for one in of_type(objects, "Metadata"):
        entries = one.get("metadata")
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and entry.get("key") == _DEFAULTS[kind] and isinstance(entry.get("value"), dict):
                return str(entry["value"].get("name", ""))
    return ""
