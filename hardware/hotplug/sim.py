"""Devices that only pretend to be there: `sim:/path/to/folder`, for demos and tests.

Each file in the folder is a device that is plugged in; its name is KIND-NAME, such as `camera-Left` or
`microphone-Table array`. `touch` plugs it in and `rm` pulls it out. A simulated device told `plug=` the same file, as
`sim:pattern?plug=/path/to/folder/camera-Left`, fails as soon as the file is gone, as a real one would.
"""

from pathlib import Path

from hardware.identify import clean
from hardware.ports import DeviceMissing, Found

KINDS = ("camera", "capture", "microphone", "speaker", "display", "cec", "gpio")


def plugged(folder: Path) -> tuple[Found, ...]:
    """Return what is plugged in, by name."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as err:
        raise DeviceMissing(
            f"the simulated devices' folder {folder} cannot be read ({err.strerror}): make it, "
            "and a file in it named camera-Left for a camera named Left"
        ) from err
    return tuple(_found(entry) for entry in entries if entry.name.partition("-")[0] in KINDS)


def _found(entry: Path) -> Found:
    kind, _, name = entry.name.partition("-")
    return Found(kind, f"sim:{clean(entry.name)}", clean(name) or kind, str(entry))
