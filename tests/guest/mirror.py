"""Where this machine gets its Debian packages from: the guest's come from there too."""

from __future__ import annotations

import platform
import re
import subprocess

_TAKEN = ("Acquire::http::", "Acquire::https::", "Acquire::Check-Valid-Until", "Acquire::Check-Date")
"""Settings of apt without which this machine might not reach its mirror: proxies, and mirrors that stand still."""


class NoMirror(RuntimeError):
    """This machine's apt knows no Debian mirror."""


def address() -> str:
    """Return the address of the mirror this machine's own Debian comes from."""
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    # what an update would fetch; it is known before the first one
    for line in _said("apt-get", "--print-uris", "update"):
        found = re.match(rf"'(\S+)/dists/{codename}/InRelease'", line)
        if found:
            return found[1]
    raise NoMirror(f"apt's sources name no mirror for Debian's {codename or 'own release'}: the guest's disk needs one")


def options() -> list[str]:
    """Return those of this machine's apt settings that decide how a mirror is reached, as apt.conf lines."""
    return [line for line in _said("apt-config", "dump") if line.startswith(_TAKEN) and not line.endswith(' "";')]


def _said(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
