"""`alsa:SELECTOR`: microphones and loudspeakers straight from ALSA, for rooms without PipeWire.

SELECTOR is a device as udev knows it (see `hardware.identify`), `hw:2`, `hw:2,3`, `plughw:CARD=Device,DEV=0`, or
`pcm:NAME` for what an asound.conf defines. What the hardware cannot do (48 kHz, 16 bit) ALSA's plug converts. Whoever
has a device open this way has it alone.
"""

import re
from collections.abc import Callable
from pathlib import Path

from hardware.audio.arrays import MOST_CHANNELS
from hardware.audio.device import Node, PcmMicrophone, PcmSpeaker
from hardware.audio.pcm import most_channels
from hardware.identify import select
from hardware.ports import DeviceError, DeviceMissing, Found
from hardware.uri import DeviceUri

PROC = Path("/proc/asound")
_CARD = re.compile(r"(?:plug)?hw:(?:CARD=)?(?P<card>[A-Za-z0-9_]+)(?:,(?:DEV=)?(?P<device>\d+))?")
_USB = re.compile(r"usb:([0-9a-f]{4}:[0-9a-f]{4})")


class AlsaMicrophone(PcmMicrophone):
    """The recording side of a sound card."""

    def _find(self, uri: DeviceUri) -> Node:
        return find("microphone", uri.path)

    @staticmethod
    def present(uri: DeviceUri) -> bool:
        """Whether it is there; opens no card."""
        return _present("microphone", uri.path)


class AlsaSpeaker(PcmSpeaker):
    """The playing side of a sound card."""

    def _find(self, uri: DeviceUri) -> Node:
        return find("speaker", uri.path)

    @staticmethod
    def present(uri: DeviceUri) -> bool:
        """Whether it is there; opens no card."""
        return _present("speaker", uri.path)


def found_by_udev() -> tuple[Found, ...]:
    """Return what udev lists; pyudev is loaded only where no card is named outright."""
    from hardware.hotplug.udev import enumerate_devices  # noqa: PLC0415 - as said

    return enumerate_devices()


def channels_of(pcm: str, kind: str) -> int:
    """Return how many channels a device has; what takes any number, a plug or a loopback, says nothing by that."""
    channels = most_channels(pcm, capture=kind == "microphone")
    return channels if channels <= MOST_CHANNELS else 0


def find(
    kind: str,
    selector: str,
    *,
    listed: Callable[[], tuple[Found, ...]] = found_by_udev,
    channels: Callable[[str, str], int] = channels_of,
    proc: Path = PROC,
) -> Node:
    """Return the card a selector names, ready to be opened with conversion; raises `DeviceMissing`."""
    prefix, _, name = selector.partition(":")
    if prefix == "pcm" and name:
        return Node(Found(kind, selector, name, name), name, channels(name, kind))
    card = _CARD.fullmatch(selector)
    found = None if card and card["device"] else select(selector, _listed(kind, listed, needed=card is None))
    card = _CARD.fullmatch(found.node) if found else card
    if card is None or not (proc / _folder(card["card"])).exists():
        what = f"a {kind} called {selector}" if selector else f"any {kind}"
        raise DeviceMissing(f"ALSA has not {what}: plug it in, or see `arecord -l` and `aplay -l` for what there is")
    place = f"{card['card']},{card['device'] or _first_device(proc / _folder(card['card']), kind)}"
    found = found or Found(kind, f"alsa:{place}", _named(proc / _folder(card["card"])) or selector, selector)
    usb = _USB.match(found.id)
    return Node(found, f"plughw:{place}", channels(f"hw:{place}", kind), usb[1] if usb else "")


def _listed(kind: str, listed: Callable[[], tuple[Found, ...]], *, needed: bool) -> list[Found]:
    """Return what is listed; a card that is named outright is found also where nothing can list it."""
    try:
        return [one for one in listed() if one.kind == kind]
    except DeviceError:
        if needed:
            raise
        return []


def _present(kind: str, selector: str) -> bool:
    # how many channels a card has, it says only when it is open; and only ALSA knows what an asound.conf defines
    channels = channels_of if selector.startswith("pcm:") else _any_number
    try:
        find(kind, selector, channels=channels)
    except DeviceMissing:
        return False
    except DeviceError:
        return True
    return True


def _any_number(_pcm: str, _kind: str) -> int:
    return 0


def _folder(card: str) -> str:
    """Return a card's folder: cards have one by number, and a link to it by name."""
    return f"card{card}" if card.isdecimal() else card


def _first_device(folder: Path, kind: str) -> int:
    direction = "c" if kind == "microphone" else "p"
    numbers = [
        int(match[1]) for path in folder.glob("pcm*") if (match := re.fullmatch(rf"pcm(\d+){direction}", path.name))
    ]
    return min(numbers, default=0)


def _named(folder: Path) -> str:
    try:
        return (folder / "id").read_text(encoding="utf-8", errors="replace")[:64].strip()
    except OSError:
        return ""
