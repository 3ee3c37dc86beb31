"""A machine whose devices are files: umockdev's mock sysfs and its events, which libudev takes for the real ones.

Spoken to by ctypes, so that any Python does. Only inside `umockdev-wrapper`, which tests marked `umockdev` are.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import select
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

DRAINED_S = 10.0
IN_FLIGHT = 4
"""Events sent before the reader is waited for. A Unix socket holds net.unix.max_dgram_qlen, often 10; umockdev
aborts the whole process on the next one, where the kernel would throw it away."""
_STRINGS = ctypes.POINTER(ctypes.c_char_p)


class UndrainedMonitor(Exception):
    """Somebody listens for events and does not take them."""


class Bed:
    """A machine with one USB controller and one graphics card; USB devices go by their port, such as `2` or `2.1`."""

    def __init__(self) -> None:
        self._lib, self._gobject = _library(), ctypes.CDLL("libgobject-2.0.so.0")
        self._gobject.g_object_unref.argtypes = [ctypes.c_void_p]
        self._bed = ctypes.c_void_p(self._lib.umockdev_testbed_new())
        self.root = Path(_text(self._lib.umockdev_testbed_get_root_dir(self._bed)))
        self._sent = 0
        self._lossy = False
        self._plugged: dict[str, list[str]] = {}
        self._controller = self.add("pci", "0000:00:14.0", attributes={"class": "0x0c0330"})
        self._usb = self.add("usb", "usb1", self._controller, {"idVendor": "1d6b"}, {"DEVTYPE": "usb_device"})
        graphics = self.add("pci", "0000:00:02.0", attributes={"class": "0x030000"})
        self.noise = self.add("sound", "timer")
        """A device of no interest to anybody, to send events about."""
        self._card = self.add("drm", "card0", graphics, properties={"DEVNAME": "/dev/dri/card0"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._gobject.g_object_unref(self._bed)

    def camera(
        self, port: str, video: int, *, serial: str = "", name: str = "HD Camera", usb: str = "046d:085e"
    ) -> None:
        """Plug in a UVC camera; its second node, for metadata, has the next number."""
        interface = self._usb_device(port, usb, serial, name)
        self._plugged[port] += [
            self._video(interface, video, 0, ":capture:", name),
            self._video(interface, video + 1, 1, ":", name),
        ]

    def sound_card(
        self, port: str, number: int, *, directions: str = "cp", serial: str = "", name: str = "Mic"
    ) -> None:
        """Plug in a USB sound card that captures (c), plays (p) or does both."""
        interface = self._usb_device(port, "2886:0018", serial, name)
        card = self.add("sound", f"card{number}", interface, {"id": name[:15], "number": str(number)})
        self._plugged[port].append(card)
        for direction in directions:
            node = f"pcmC{number}D0{direction}"
            self._plugged[port].append(self.add("sound", node, card, properties={"DEVNAME": f"/dev/snd/{node}"}))

    def unplug(self, port: str) -> None:
        """Pull out a USB device, with all that is in it."""
        for path in reversed(self._plugged.pop(port)):
            self.remove(path)

    def device_of(self, port: str) -> str:
        """Return the path of a USB device."""
        return self._plugged[port][0]

    def node_of(self, port: str) -> str:
        """Return the path of what is in it: a camera's first node, a sound card."""
        return self._plugged[port][2]

    def renumber(self, port: str, video: int) -> None:
        """Let a camera's nodes go and come back under other numbers, as when its driver is bound anew."""
        *device, node, metadata = self._plugged[port]
        interface = device[-1]
        name = (Path(node) / "name").read_text()
        self.remove(metadata)
        self.remove(node)
        self._plugged[port] = [
            *device,
            self._video(interface, video, 0, ":capture:", name),
            self._video(interface, video + 1, 1, ":", name),
        ]

    def connector(self, name: str, status: str) -> str:
        """Give the graphics card a connector."""
        return self.add("drm", f"card0-{name}", self._card, {"status": status})

    def set_status(self, connector: str, status: str) -> None:
        """Plug a TV in or out; its driver tells by an event of the card."""
        self.set(connector, "status", status.encode())
        self.event(self._card, "change")

    def add(
        self,
        subsystem: str,
        name: str,
        parent: str | None = None,
        attributes: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> str:
        """Make a device, with its event; returns its path under /sys."""
        with self._room_for_an_event():
            path = self._lib.umockdev_testbed_add_devicev(
                self._bed,
                subsystem.encode(),
                name.encode(),
                parent.encode() if parent else None,
                _strings(attributes or {}),
                _strings(properties or {}),
            )
        return _text(path)

    def set(self, path: str, attribute: str, value: bytes) -> None:
        """Give a device an attribute of any bytes; no event."""
        self._lib.umockdev_testbed_set_attribute_binary(self._bed, path.encode(), attribute.encode(), value, len(value))

    def event(self, path: str, action: str) -> None:
        with self._room_for_an_event():
            self._lib.umockdev_testbed_uevent(self._bed, path.encode(), action.encode())

    def remove(self, path: str) -> None:
        """Take a device away, with its event."""
        self.event(path, "remove")
        self._lib.umockdev_testbed_remove_device(self._bed, path.encode())

    @contextlib.contextmanager
    def losing_events(self, lost: bool = True) -> Iterator[None]:
        """Let no event that is sent in here reach anybody, if `lost`."""
        self._lossy = lost
        try:
            yield
        finally:
            self._lossy = False

    @contextlib.contextmanager
    def _room_for_an_event(self) -> Iterator[None]:
        if self._lossy:
            with self._hidden_sockets():
                yield
            return
        self._sent += 1
        if self._sent % IN_FLIGHT == 0:
            self._wait_for_readers()
        yield

    @contextlib.contextmanager
    def _hidden_sockets(self) -> Iterator[None]:
        hidden = {path: path.with_name(f"lost-{path.name}") for path in self.root.glob("event[0-9]*")}
        for path, away in hidden.items():
            path.rename(away)
        try:
            yield
        finally:
            for path, away in hidden.items():
                with contextlib.suppress(FileNotFoundError):
                    away.rename(path)

    def _wait_for_readers(self) -> None:
        """umockdev calls a monitor's socket by its descriptor, and all monitors here are this process's own."""
        deadline = time.monotonic() + DRAINED_S
        while any(_has_unread(int(re.sub(r"\D", "", path.name))) for path in self.root.glob("event[0-9]*")):
            if time.monotonic() > deadline:
                raise UndrainedMonitor(f"events wait unread for {DRAINED_S} s")
            time.sleep(0.0005)

    def _usb_device(self, port: str, usb: str, serial: str, name: str) -> str:
        """Plug in a USB device; returns its interface's path."""
        vendor, product = usb.split(":")
        attributes = {"idVendor": vendor, "idProduct": product, "product": name}
        if serial:
            attributes["serial"] = serial
        device = self.add("usb", f"1-{port}", self._usb, attributes, {"DEVTYPE": "usb_device"})
        interface = self.add("usb", f"1-{port}:1.0", device, properties={"DEVTYPE": "usb_interface"})
        self._plugged[port] = [device, interface]
        return interface

    def _video(self, interface: str, number: int, index: int, capabilities: str, name: str) -> str:
        node = {"DEVNAME": f"/dev/video{number}", "ID_V4L_CAPABILITIES": capabilities}
        return self.add("video4linux", f"video{number}", interface, {"name": name, "index": str(index)}, node)


def _has_unread(descriptor: int) -> bool:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return any(event & select.POLLIN for _, event in poller.poll(0))


def _library() -> ctypes.CDLL:
    if "libumockdev-preload" not in os.environ.get("LD_PRELOAD", ""):
        raise RuntimeError("a test bed outside umockdev-wrapper would change nothing that anybody sees")
    lib = ctypes.CDLL("libumockdev.so.0")
    bed, string = ctypes.c_void_p, ctypes.c_char_p
    shapes = {
        "new": (bed, []),
        "get_root_dir": (bed, [bed]),
        "add_devicev": (bed, [bed, string, string, string, _STRINGS, _STRINGS]),
        "set_attribute_binary": (None, [bed, string, string, string, ctypes.c_int]),
        "uevent": (None, [bed, string, string]),
        "remove_device": (None, [bed, string]),
    }
    for name, (result, arguments) in shapes.items():
        function = getattr(lib, f"umockdev_testbed_{name}")
        function.restype, function.argtypes = result, arguments
    return lib


def _strings(pairs: Mapping[str, str]) -> ctypes.Array[ctypes.c_char_p]:
    flat = [text.encode(errors="surrogateescape") for pair in pairs.items() for text in pair]
    return (ctypes.c_char_p * (len(flat) + 1))(*flat, None)


def _text(pointer: int) -> str:
    return ctypes.string_at(pointer).decode()
