"""The guest's way to the host: qemu's own little network, which hands on what is sent to the host's addresses."""

from __future__ import annotations

import subprocess
from pathlib import Path

from check import within


def up() -> None:
    """Have an address; there is no need to ask for one, it is always the same."""
    within(20, "the network card", lambda: Path("/sys/class/net/eth0").exists())
    for step in ("link set lo up", "addr replace 10.0.2.15/24 dev eth0", "link set eth0 up"):
        subprocess.run(["ip", *step.split()], check=True)
    subprocess.run(["ip", "route", "replace", "default", "via", "10.0.2.2"], check=True)
