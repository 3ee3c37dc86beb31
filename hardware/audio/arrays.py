"""What the channels of known microphones are, by USB id or name: which are bare microphones and where these sit.

Sources:

- [ODAS] https://github.com/introlab/odas, config/odaslive: channel maps and places, measured by its authors.
- [RESPEAKER] https://github.com/respeaker/usb_4_mic_array, README: channels of both firmwares.
- [XVF3800] https://github.com/respeaker/reSpeaker_XVF3800_USB_4MIC_ARRAY: python_control/readme.md (places, as the
  device itself reports them) and xmos_firmwares/usb/changelog.md (channels).
- [VOICECARD] https://github.com/respeaker/seeed-voicecard: names of the cards; two of the eight channels are playback.
- [UMA8] miniDSP, UMA-8 user manual, section 6.1.1 (USB id).
- USB vendor numbers: http://www.linux-usb.org/usb.ids

Which way an array lies on its table nobody can know: `turned=90` in its URI says by how many degrees clockwise.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hardware.ports import Array, BadUri
from hardware.uri import DeviceUri

SPEED_OF_SOUND = 343.0
"""Metres a second, at 20 degrees Celsius."""
OPTIONS = ("channels", "microphones", "geometry", "turned")
"""What a microphone's URI may say about its channels."""
MOST_CHANNELS = 16
Places = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Known:
    """A microphone that is known, under all its firmwares."""

    name: str
    usb: str = ""
    """vendor:product, or vendor: for all that a maker sells; empty for what is no USB device."""
    words: tuple[str, ...] = ("",)
    """One of these is part of its name, in any case."""
    layouts: Mapping[int, Array] = field(default_factory=dict)
    """By the number of channels."""
    cleans: bool = False
    """In any other layout its first channel is free of the echo of what itself plays."""


def array_of(usb_id: str, name: str, channels: int) -> Array:
    """Return what `channels` channels of a microphone are; of an unknown one, the first is the room's."""
    known = next((one for one in KNOWN if _fits(one, usb_id.lower(), name.casefold())), None)
    if known is None:
        return Array(name)
    layout = known.layouts.get(channels)
    if layout is not None:
        return replace(layout, name=known.name)
    return Array(known.name, processed=0, cleans=True) if known.cleans else Array(known.name)


def asked_for(uri: DeviceUri, array: Array, channels: int) -> Array:
    """Return the array as the options of its URI describe it, or raise `BadUri`."""
    if "geometry" in uri.options:
        first, last = _microphones(uri, channels)
        places = from_geometry(uri, last - first + 1)
        array = Array(array.name, tuple(range(first, last + 1)), places)
    turned = math.radians(uri.integer("turned", 0, 0, 359))
    sin, cos = math.sin(turned), math.cos(turned)
    return replace(array, places=tuple((x * cos + y * sin, y * cos - x * sin) for x, y in array.places))


def from_geometry(uri: DeviceUri, count: int) -> Places:
    """Return the places of `count` microphones by the option geometry.

    circle:RADIUS begins ahead and goes clockwise; line:SPACING goes from left to right. Metres.
    """
    text = uri.options.get("geometry", "circle:0.0325")
    shape, _, length = text.partition(":")
    metres = _metres(length)
    if shape not in {"circle", "line"} or metres is None or count < 2:
        raise BadUri(f"{uri.scheme}:{uri.path}: geometry={text} should look like circle:0.0325 or line:0.05 (metres)")
    if shape == "line":
        return tuple((metres * (n - (count - 1) / 2), 0.0) for n in range(count))
    angles = (2 * math.pi * n / count for n in range(count))
    return tuple((metres * math.sin(angle), metres * math.cos(angle)) for angle in angles)


def _microphones(uri: DeviceUri, channels: int) -> tuple[int, int]:
    """Return the first and the last bare channel, by microphones=1-4; without it all are."""
    text = uri.options.get("microphones", f"0-{channels - 1}")
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal() and int(first) < int(last) < channels):
        raise BadUri(f"{uri.scheme}:{uri.path}: microphones={text} should look like 1-4, within {channels} channels")
    return int(first), int(last)


def _metres(text: str) -> float | None:
    try:
        metres = float(text)
    except ValueError:
        return None
    return metres if 0.005 <= metres <= 2.0 else None


def _fits(known: Known, usb_id: str, name: str) -> bool:
    return usb_id.startswith(known.usb) and any(word in name for word in known.words)


_SQUARE_32 = ((-0.032, 0.0), (0.0, -0.032), (0.032, 0.0), (0.0, 0.032))
_SQUARE_HAT = ((-0.0405, 0.0), (0.0, 0.0405), (0.0405, 0.0), (0.0, -0.0405))
_CIRCLE_HAT = (
    (-0.0232, 0.0401),
    (-0.0463, 0.0),
    (-0.0232, -0.0401),
    (0.0232, -0.0401),
    (0.0463, 0.0),
    (0.0232, 0.0401),
)
_SQUARE_XVF = ((0.033, -0.033), (0.033, 0.033), (-0.033, 0.033), (-0.033, -0.033))
_UMA8 = (
    (0.0, 0.0),
    (0.0, 0.043),
    (0.037, 0.021),
    (0.037, -0.021),
    (0.0, -0.043),
    (-0.037, -0.021),
    (-0.037, 0.021),
)

KNOWN = (
    # [RESPEAKER] [ODAS] its echo canceller knows what its own jack plays, nothing of a TV: hence the bare microphones
    Known(
        "ReSpeaker Mic Array v2.0",
        "2886:0018",
        layouts={6: Array("", (1, 2, 3, 4), _SQUARE_32, processed=0, reference=5)},
        cleans=True,
    ),
    # [XVF3800] with two channels: for ears and for speech recognition, both without echo
    Known(
        "ReSpeaker XVF3800",
        "2886:001a",
        layouts={6: Array("", (2, 3, 4, 5), _SQUARE_XVF, processed=0)},
        cleans=True,
    ),
    # [UMA8] [ODAS] with the raw firmware; with the other one, two channels of its own beam
    Known(
        "miniDSP UMA-8",
        "2752:001c",
        layouts={8: Array("", (0, 1, 2, 3, 4, 5, 6), _UMA8)},
        cleans=True,
    ),
    # [VOICECARD] [ODAS] boards for the Raspberry Pi, on I2S
    Known(
        "ReSpeaker 4-Mic Array for Raspberry Pi",
        words=("seeed4micvoicec", "seeed-4mic-voicecard"),
        layouts={4: Array("", (0, 1, 2, 3), _SQUARE_HAT)},
    ),
    # the 4-Mic Linear Array goes by the same name: microphones=0-3&geometry=line:0.05
    Known(
        "ReSpeaker 6-Mic Circular Array",
        words=("seeed8micvoicec", "seeed-8mic-voicecard"),
        layouts={8: Array("", (0, 1, 2, 3, 4, 5), _CIRCLE_HAT, reference=6)},
    ),
    Known("XMOS VocalFusion", "20b1:", ("vocalfusion", "xvf3"), cleans=True),
    # speakerphones and bars: one channel, clean of what they play themselves
    Known("Jabra", "0b0e:", cleans=True),
    Known("Poly", "047f:", cleans=True),
    Known("Polycom", "095d:", cleans=True),
    Known("Logitech conference device", "046d:", ("meetup", "rally", "conferencecam", "group", "p710e"), cleans=True),
    Known("Anker PowerConf", "291a:", ("powerconf s",), cleans=True),
    Known("Yamaha", "0499:", ("yvc", "cs-700", "cs-500"), cleans=True),
    Known("EMEET", words=("emeet",), cleans=True),
    Known("EPOS", "1395:", ("sp 20", "sp 30", "expand"), cleans=True),
)
