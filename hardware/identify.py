"""From what udev and sysfs say about a device to what it is: pure, and never an error, whatever they say.

A device's id stays the same whatever /dev calls it today:

- `usb:VENDOR:PRODUCT:SERIAL`, the numbers as four hexadecimal digits in lower case.
- `usb:VENDOR:PRODUCT@PORT` without a serial number. Two of a kind with the same one (cheap cameras all say 0001) both
  get `@PORT` as well.
- `BUS:PLACE` for what is soldered in, such as `pci:0000:00:1f.3` or `platform:vivid.0`.

A camera with a microphone has the same id twice: kind and id together name one device.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hardware.camera.sticks import is_capture_stick
from hardware.ports import Found

NAME_LENGTH = 64
PORT_LENGTH = 256
_USB_ID = re.compile(r"[0-9a-f]{4}")
_USB_SELECTOR = re.compile(r"(?:usb:)?([0-9a-f]{4}:[0-9a-f]{4})(?::([^@]+))?(?:@(.+))?", re.IGNORECASE)
_PCM = re.compile(r"pcmC(\d+)D\d+([cp])")
_USB_INTERFACE = re.compile(r"\d+-([\d.]+:\d+\.\d+)")
_PCI = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_LATER = re.compile(r"0*[1-9][0-9]*")
_NO_CAMERA = ("bcm2835-", "rp1-cfe", "pispbe", "unicam", "rpivid", "rpi-hevc", "hevc_dec")
"""Drivers of the Pi whose nodes are parts of an image pipeline: they give no picture by themselves."""


@dataclass(frozen=True, slots=True)
class UdevDevice:
    """A device as udev and sysfs tell of it; any text may be missing, empty or nonsense."""

    subsystem: str
    sys_name: str
    """The last part of its path: video0, card1, pcmC1D0c, card0-HDMI-A-1."""
    node: str = ""
    """Its file under /dev, if it has one."""
    sys_path: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    """udev's, from its rules; none where no udevd runs."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Of sysfs: name and index of a camera, id of a sound card, status of a connector, label of a GPIO chip."""
    usb: Mapping[str, str] = field(default_factory=dict)
    """Of the USB device it is a part of, if any: idVendor, idProduct, serial, product, manufacturer."""


def identify(devices: Iterable[UdevDevice]) -> tuple[Found, ...]:
    """Return the devices a room can use among all that are there, in a stable order: by port, then by node."""
    everything = tuple(devices)
    pcms = {(match[1], match[2]) for device in everything if (match := _PCM.fullmatch(device.sys_name))}
    found = [one for device in everything for one in _READERS.get(device.subsystem, _none)(device, pcms)]
    return _distinct(sorted(found, key=_order))


def select(selector: str, found: Sequence[Found], *, by_name: bool = True) -> Found | None:
    """Return the first device a selector names, or None.

    In order of authority: empty is the first one; a node; an id; USB's `VENDOR:PRODUCT[:SERIAL][@PORT]`; a port; else
    a part of the name, in any case, where names count. The caller passes only devices of the kind it wants.
    """
    if not selector:
        return found[0] if found else None
    part = selector.casefold()
    readings: tuple[Callable[[Found], bool], ...] = (
        lambda one: one.node == selector,
        lambda one: one.id == selector,
        lambda one: _is_usb(selector, one),
        lambda one: one.port == selector,
        lambda one: by_name and part in one.name.casefold(),
    )
    return next((one for reading in readings for one in found if reading(one)), None)


def is_definite(selector: str) -> bool:
    """Whether a selector can mean nothing but a device of the kernel's: any, one by its numbers, or a card."""
    return not selector or bool(_USB_SELECTOR.fullmatch(selector)) or bool(re.fullmatch(r"hw:\d+", selector))


def clean(text: str, length: int = NAME_LENGTH) -> str:
    """Return text fit for a screen: no control, bidi or other invisible characters, single spaces, not too long."""
    text = text[: length * 16]
    plain = text.isascii() and text.isprintable()
    seen = text if plain else "".join(" " if char.isspace() else char for char in text if _visible(char))
    return " ".join(seen.split())[:length].rstrip()


def _visible(char: str) -> bool:
    return char.isspace() or unicodedata.category(char)[0] != "C"


def _is_usb(selector: str, one: Found) -> bool:
    match = _USB_SELECTOR.fullmatch(selector)
    if match is None:
        return False
    wanted = f"usb:{match[1].lower()}" + (f":{_token(match[2])}" if match[2] else "")
    same = one.id == wanted or one.id.startswith((f"{wanted}@", f"{wanted}#", *(() if match[2] else (f"{wanted}:",))))
    return same and match[3] in {None, one.port}


def _camera(device: UdevDevice, _pcms: set[tuple[str, str]]) -> Iterable[Found]:
    """A UVC camera opens two nodes; the second is metadata."""
    if not re.fullmatch(r"video\d+", device.sys_name) or _LATER.fullmatch(device.attributes.get("index", "")):
        return
    capabilities = device.properties.get("ID_V4L_CAPABILITIES")
    if capabilities is not None and ":capture:" not in capabilities:
        return
    own = clean(device.attributes.get("name", ""))
    if own.startswith(_NO_CAMERA):
        return
    yield _found(
        device,
        "capture" if is_capture_stick(_usb_numbers(device)) else "camera",
        device.node or f"/dev/{device.sys_name}",
    )


def _card(device: UdevDevice, pcms: set[tuple[str, str]]) -> Iterable[Found]:
    match = re.fullmatch(r"card(\d+)", device.sys_name)
    if match is None:
        return
    for kind, direction in (("microphone", "c"), ("speaker", "p")):
        if (match[1], direction) in pcms:
            yield _found(device, kind, f"hw:{match[1]}")


def _connector(device: UdevDevice, _pcms: set[tuple[str, str]]) -> Iterable[Found]:
    match = re.fullmatch(r"card\d+-(.+)", device.sys_name)
    if match and device.attributes.get("status", "") == "connected":
        one = _found(device, "display", device.sys_name)
        yield replace(one, id=f"{one.id}/{_token(match[1])}", name=clean(match[1]) or one.name)


def _cec(device: UdevDevice, _pcms: set[tuple[str, str]]) -> Iterable[Found]:
    if re.fullmatch(r"cec\d+", device.sys_name):
        yield _found(device, "cec", device.node or f"/dev/{device.sys_name}")


def _gpio(device: UdevDevice, _pcms: set[tuple[str, str]]) -> Iterable[Found]:
    """Only character devices; the old interface lists the same chips a second time, without a node."""
    if device.node and re.fullmatch(r"gpiochip\d+", device.sys_name):
        yield _found(device, "gpio", device.node)


def _none(_device: UdevDevice, _pcms: set[tuple[str, str]]) -> Iterable[Found]:
    return ()


_READERS: Mapping[str, Callable[[UdevDevice, set[tuple[str, str]]], Iterable[Found]]] = {
    "video4linux": _camera,
    "sound": _card,
    "drm": _connector,
    "cec": _cec,
    "gpio": _gpio,
}


def _found(device: UdevDevice, kind: str, node: str) -> Found:
    port = _token(device.properties.get("ID_PATH", "") or place(device.sys_path), PORT_LENGTH)
    return Found(kind, _id(device, port), _name(device), node, port)


def _id(device: UdevDevice, port: str) -> str:
    numbers = _usb_numbers(device)
    if not numbers:
        bus, _, where = port.partition("-")
        return f"{bus or 'virtual'}:{where or _token(_name(device))}"
    serial = _token(device.usb.get("serial", ""))
    return f"usb:{numbers}" + (f":{serial}" if serial else f"@{port}" if port else "")


def _usb_numbers(device: UdevDevice) -> str:
    numbers = [device.usb.get(key, "").strip().lower() for key in ("idVendor", "idProduct")]
    if not all(_USB_ID.fullmatch(number) for number in numbers):
        numbers = [device.properties.get(key, "").strip().lower() for key in ("ID_USB_VENDOR_ID", "ID_USB_MODEL_ID")]
    return ":".join(numbers) if all(_USB_ID.fullmatch(number) for number in numbers) else ""


def _name(device: UdevDevice) -> str:
    told = (
        device.usb.get("product", ""),
        device.attributes.get("label", ""),
        device.attributes.get("name", ""),
        device.properties.get("ID_MODEL_FROM_DATABASE", ""),
        device.properties.get("ID_MODEL", "").replace("_", " "),
        device.attributes.get("id", ""),
    )
    return next((name for name in map(clean, told) if name), device.sys_name)


def _token(text: str, length: int = NAME_LENGTH) -> str:
    """Return text fit for an id: @ and # mean something there."""
    return re.sub(r"[^A-Za-z0-9._:-]", "_", clean(text, length))


def place(sys_path: str) -> str:
    """Return what udev's path_id would call a place, for where no udevd ran: pci-0000:00:14.0-usb-0:2:1.0."""
    parts = sys_path.split("/")
    pci = [part for part in parts if _PCI.fullmatch(part)]
    usb = [match[1] for part in parts if (match := _USB_INTERFACE.fullmatch(part))]
    after = parts[parts.index("platform") + 1 :] if "platform" in parts else []
    below = next((part for part in reversed(after) if not pci and _is_platform(part)), "")
    controller = f"pci-{pci[-1]}" if pci else f"platform-{below}" if below else ""
    return "-".join(part for part in (controller, f"usb-0:{usb[-1]}" if usb else "") if part)


def _is_platform(part: str) -> bool:
    """Platform devices are called NAME.NUMBER or ADDRESS.NAME; classes, buses and nodes are not."""
    return "." in part and not re.match(r"\d+-\d", part)


def _order(one: Found) -> tuple[object, ...]:
    numbered = [(int(digits or 0), text) for text, digits in re.findall(r"(\D*)(\d{0,9})", one.node)]
    return not one.port, one.port, numbered, one.kind, one.id, one.name


def _distinct(found: Sequence[Found]) -> tuple[Found, ...]:
    """Tell apart what has the same id: by port, and by order where even the port is the same."""
    ported = [_with_port(one) if count > 1 else one for one, count in _counted(found)]
    seen: Counter[tuple[str, str]] = Counter()
    distinct = []
    for one, count in _counted(ported):
        seen[one.kind, one.id] += 1
        distinct.append(replace(one, id=f"{one.id}#{seen[one.kind, one.id]}") if count > 1 else one)
    return tuple(distinct)


def _counted(found: Sequence[Found]) -> Iterable[tuple[Found, int]]:
    counts = Counter((one.kind, one.id) for one in found)
    return [(one, counts[one.kind, one.id]) for one in found]


def _with_port(one: Found) -> Found:
    return one if "@" in one.id or not one.port else replace(one, id=f"{one.id}@{one.port}")
