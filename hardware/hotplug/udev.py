"""Lists the devices that are there, by udev's word and sysfs': the truth that events only hint at."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from threading import Lock

import pyudev

from hardware.identify import UdevDevice, identify
from hardware.ports import DeviceError, Found

UDEVD = Path("/run/udev/control")
"""Is there while udevd runs."""
CLASSES = Path("/sys/class")
FAILURES = (OSError, ValueError, OverflowError, MemoryError)
"""What pyudev makes of libudev's error numbers."""
_PROPERTIES = (
    "ID_PATH",
    "ID_V4L_CAPABILITIES",
    "ID_MODEL",
    "ID_MODEL_FROM_DATABASE",
    "ID_USB_VENDOR_ID",
    "ID_USB_MODEL_ID",
)
_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "video4linux": ("name", "index"),
    "sound": ("id",),
    "drm": ("status",),
    "cec": (),
    "gpio": ("label",),
}
"""Of each subsystem, what says something about its devices."""
SUBSYSTEMS = tuple(_ATTRIBUTES)
_USB_ATTRIBUTES = ("idVendor", "idProduct", "serial", "product", "manufacturer")
_USB_DEVICE = re.compile(r".*/\d+-\d+(?:\.\d+)*(?=/)")
_one_at_a_time = Lock()
"""libudev's objects bear one thread at a time (libudev(3)), and cameras and microphones look for theirs in parallel."""
_WAIT_S = 3.0
_LONGEST = 4096
"""Bytes read of an attribute; sysfs gives no more than a page."""


def enumerate_devices(udevd: Path = UDEVD) -> tuple[Found, ...]:
    """Return the devices that are there now. It blocks for milliseconds; raises `DeviceError` where udev fails.

    Left out is what vanishes while it is read, and what udevd has not finished with: nobody may open that yet.
    """
    if not _may_look():  # libudev would say that there is nothing
        raise DeviceError("/sys is not there, so no device can be found: mount it, or let the service see it")
    if not _one_at_a_time.acquire(timeout=_WAIT_S):
        raise DeviceError("a device's driver hangs, so none can be looked for: unplug what came last")
    try:
        return identify(_devices(ready=not udevd.exists()))
    except (*FAILURES, ImportError) as err:
        raise DeviceError(f"udev cannot list the devices ({err}): is libudev1 installed?") from err
    finally:
        _one_at_a_time.release()


def _may_look() -> bool:
    try:
        return CLASSES.exists()
    except OSError:
        return False


@cache
def _context() -> pyudev.Context:
    """Each new one starts `ldconfig` to find libudev: a process every two seconds, for nothing."""
    return pyudev.Context()


def _devices(*, ready: bool) -> Iterator[UdevDevice]:
    enumerator = _context().list_devices()
    for subsystem in SUBSYSTEMS:
        enumerator.match_subsystem(subsystem)
    for device in enumerator:
        if ready or not device.device_node or device.is_initialized:
            read = _read(device)
            if Path(device.sys_path).exists():
                yield read


def _read(device: pyudev.Device) -> UdevDevice:
    subsystem, name, path = device.subsystem or "", device.sys_name, device.sys_path
    if subsystem == "sound" and not name.startswith("card"):
        return UdevDevice(subsystem, name)  # a card's streams and controls say all by their names
    usb = _usb_device(path)
    return UdevDevice(
        subsystem,
        name,
        device.device_node or "",
        path,
        properties={key: value for key in _PROPERTIES if (value := _property(device, key)) is not None},
        attributes=_attributes(path, _ATTRIBUTES.get(subsystem, ())),
        usb=_attributes(usb, _USB_ATTRIBUTES) if usb else {},
    )


def _property(device: pyudev.Device, key: str) -> str | None:
    try:
        value = device.properties.get(key)
    except ValueError:  # not UTF-8
        return None
    return None if value is None else str(value)[:_LONGEST]


def _usb_device(sys_path: str) -> str:
    """Return the path of the USB device something is a part of, or nothing."""
    match = _USB_DEVICE.match(sys_path)
    return match[0] if match else ""


def _attributes(folder: str, names: tuple[str, ...]) -> Mapping[str, str]:
    read = {name: _attribute(f"{folder}/{name}") for name in names}
    return {name: value for name, value in read.items() if value is not None}


def _attribute(path: str) -> str | None:
    """Read one attribute, or None when it is not there, or the device no longer answers (ENODEV, EIO)."""
    try:
        with Path(path).open("rb", buffering=0) as file:
            return file.read(_LONGEST).decode("utf-8", "replace").strip("\0 \t\r\n")
    except OSError:
        return None
