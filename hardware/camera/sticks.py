"""Which video devices are HDMI inputs rather than cameras: both are UVC, and only USB numbers tell.

Names do not: sticks call themselves "USB Video", and so do cameras. What is taken for an input is shown to a whole
meeting by itself, so a device that is not in this table is a camera until the settings name it under `share`.

The numbers are as owners' logs and the kernel's tables have them: 534d:2109 is in Linux' sound/usb/quirks-table.h as
MacroSilicon's MS2109, 0fd9:0066 in drivers/media/usb/uvc as Elgato's Cam Link 4K. Not one was plugged in here.
docs/hardware.md lists them too.
"""

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


def is_capture_stick(usb: str) -> bool:
    """Whether a video device is known to pass on somebody's screen, by its `vendor:product` (empty: no USB)."""
    number = usb.strip().lower()
    return number in STICKS or number.partition(":")[0] in _VENDORS
