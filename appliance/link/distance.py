"""Tells a panel in the room from one that somebody opened from far away, by what the kernel says of the process.

Panel and daemon ask the same question here: the panel to choose its socket, the daemon to check who came.
"""

from collections.abc import Iterator
from pathlib import Path

OVER_SSH = "over SSH"
NOT_ITS_OWN = "not the room's own panel"
_PROC = Path("/proc")
_PANEL_UNIT = "0::/system.slice/salon-panel.service"
_SSH_VARIABLES = (b"SSH_CONNECTION=", b"SSH_CLIENT=", b"SSH_TTY=")
_SSH_SERVERS = frozenset({"sshd", "sshd-session", "dropbear", "mosh-server"})


def why_far(pid: int, *, installed: bool, proc: Path = _PROC) -> str:
    """Say why this process counts as far from the room; empty for a panel in it.

    In an installed room only systemd can put a process into the panel's unit (cgroups(7)), so nothing that anybody
    types gets around it. A room on a desk has no such unit: there an SSH session is known by the process and its
    parents, which misses one that cut itself loose from them with a cleaned environment.
    """
    lineage = tuple(_lineage(proc, pid))
    if any(_over_ssh(proc / str(each), name) for each, name in lineage):
        return OVER_SSH
    if not lineage or (installed and _PANEL_UNIT not in _read(proc / str(pid) / "cgroup").decode().splitlines()):
        return NOT_ITS_OWN
    return ""


def _lineage(proc: Path, pid: int) -> Iterator[tuple[int, str]]:
    """Yield a process and its parents with their names (proc_pid_stat(5)), as far as they are there to see."""
    while pid and (stat := _read(proc / str(pid) / "stat").decode(errors="replace")):
        # the name is in brackets and may hold some itself
        head, _, tail = stat.rpartition(")")
        yield pid, head.partition("(")[2]
        pid = int(tail.split()[1])


def _over_ssh(process: Path, name: str) -> bool:
    variables = _read(process / "environ").split(b"\0")
    return name in _SSH_SERVERS or any(variable.startswith(_SSH_VARIABLES) for variable in variables)


def _read(path: Path) -> bytes:
    """Read a file of /proc; empty when it is gone or not ours to read."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
