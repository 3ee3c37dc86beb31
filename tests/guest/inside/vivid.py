"""The kernel's own test camera (and TV): a real V4L2 driver whose hardware is missing, and can be told to fail.

Documentation/admin-guide/media/vivid.rst describes its controls.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from check import within, write

DRIVER = Path("/sys/bus/platform/drivers/vivid")
DEVICE = "vivid.0"
PORT = "platform-vivid.0"
"""What udev calls its place."""
CAPTURE, OUTPUT = 0x1, 0x100
WEBCAM, HDMI = 0, 3
BLACK, WHITE, RED, GREEN, BLUE = range(5, 10)
"""Of `test_pattern`: the whole picture in one colour."""
NO_SIGNAL = 1
"""Of `dv_timings_signal_mode`."""
NODE_S = 20.0


@contextmanager
def loaded(devices: int = 1, *, node_types: int = CAPTURE, inputs: int = WEBCAM) -> Iterator[None]:
    """Have that many cameras for as long as the block lasts."""
    unload()  # what a check that failed has left
    several = ",".join
    modprobe(
        "vivid",
        f"n_devs={devices}",
        f"node_types={several([hex(node_types)] * devices)}",
        f"num_inputs={several(['1'] * devices)}",
        f"input_types={several([str(inputs)] * devices)}",
    )
    within(NODE_S, "vivid's node", lambda: node().exists())
    settle()
    try:
        yield
    finally:
        unload()


def unload() -> None:
    """Take the driver out of the kernel; somebody may still be about to let go of it."""
    within(NODE_S, "vivid to be let go of", lambda: _run("modprobe", "-r", "vivid").returncode == 0)
    settle()


def modprobe(*words: str) -> None:
    subprocess.run(["modprobe", *words], check=True)


def settle() -> None:
    """Wait until udev has done its rules."""
    subprocess.run(["udevadm", "settle", "--timeout=20"], check=True)


def node(number: int = 0) -> Path:
    return Path(f"/dev/video{number}")


def control(path: Path | str = "/dev/video0", **values: int) -> None:
    """Set controls, as another program does while ours streams."""
    setting = ",".join(f"{name}={value}" for name, value in values.items())
    subprocess.run(["v4l2-ctl", "-d", str(path), "-c", setting], check=True)


def plain(colour: int, path: Path | str = "/dev/video0") -> None:
    """Show one colour, without a counter in it."""
    control(path, test_pattern=colour, osd_text_mode=2)


def pull() -> None:
    """Take the device from its driver: what the kernel does when a plug is pulled."""
    write(DRIVER / "unbind", DEVICE)


def plug() -> None:
    write(DRIVER / "bind", DEVICE)
    # the node is there before udev's rules are done with it
    settle()


def replug() -> None:
    pull()
    time.sleep(0.5)
    plug()


def _run(*command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, check=False, capture_output=True)
