"""Which video devices are HDMI inputs rather than cameras: both are UVC, so only numbers and names tell.

The numbers are as owners' logs and the kernel's tables have them: 534d:2109 is in Linux' sound/usb/quirks-table.h as
MacroSilicon's MS2109, 0fd9:0066 in drivers/media/usb/uvc as Elgato's Cam Link 4K. Not one was plugged in here.
"""

from collections.abc import Sequence

STICKS = frozenset(
    {
        "534d:2109",  # MacroSilicon MS2109, in most sticks under 20 euros
        "534d:2130",
        "345f:2109",  # the same chips as UltraSemi: MS2109S, MS2130, MS2131, MS2132
        "345f:2130",
        "345f:2131",
        "345f:2132",
        "0fd9:0066",  # Elgato Cam Link 4K, on USB 3 and on USB 2
        "0fd9:0067",
        "0fd9:006c",  # Elgato Cam Link Pro
        "1b80:e302",  # AVerMedia and Diamond sticks
    }
)
"""USB vendor:product, lower case."""
_VENDORS = frozenset({"2935"})
"""Magewell makes nothing but inputs."""
_WORDS = ("hdmi", "cam link", "capture", "magewell", "grabber")
_NAMES = frozenset({"usb video", "usb2 video", "usb3 video", "usb2.0 video", "usb3.0 video", "usb3.0 uhd"})
"""The whole name; cameras have these words within theirs."""


def is_capture_stick(usb: str, name: str, inputs: Sequence[str] = ()) -> bool:
    """Whether a video device passes on somebody's screen.

    `usb` is `vendor:product` or empty, `name` what the device calls itself, `inputs` what V4L2 calls its inputs, if
    anyone has asked: `HDMI 0` and the like.
    """
    number = usb.strip().lower()
    if number in STICKS or number.partition(":")[0] in _VENDORS:
        return True
    # the kernel repeats a name: "USB Video: USB Video"
    called = name.casefold().split(":")[0].strip()
    told = (name, *inputs)
    return called in _NAMES or any(word in text.casefold() for text in told for word in _WORDS)
