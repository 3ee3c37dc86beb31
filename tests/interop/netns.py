"""Runs a command in a network namespace of its own: `python tests/interop/netns.py [--empty] COMMAND ...`.

Browsers and real servers need an address that is not loopback: the namespace has one (ADDRESS, on a veth pair whose
both ends are inside, so nothing can leave). `--empty` has `lo` and nothing else. Mounts are its own, too. The namespace
has no name and dies with its last process, and the command's left-over processes are ended, so nothing can stay behind,
crash or not. Works for root and, with a user namespace, for everybody else.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

OWN = Path("/proc/self/ns/net")
ADDRESS = "10.77.0.1"
LOOPBACK = (("link", "set", "lo", "up"),)
VETH = (
    ("link", "add", "room0", "type", "veth", "peer", "name", "room1"),
    ("addr", "add", f"{ADDRESS}/24", "dev", "room0"),
    ("link", "set", "room0", "up"),
    ("link", "set", "room1", "up"),
    # A page without a camera permission gathers no candidate at all when there is no default route.
    ("route", "add", "default", "dev", "room0"),
)


def command_inside(*command: str, empty: bool = False) -> list[str]:
    """Return the command line that runs a command inside a new namespace."""
    return [sys.executable, str(Path(__file__).resolve()), *(["--empty"] if empty else []), "--", *command]


def main() -> int:
    """Run the command inside a namespace, end what it leaves there, and exit as it did."""
    arguments = _parse()
    if arguments.inside is not None:
        _configure_and_become(arguments)
    told, tell = os.pipe()
    unshare = ["unshare", "--net", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    # Should this process be killed, the command ends too.
    unshare += ["setpriv", "--pdeathsig", "KILL"]
    again = [
        sys.executable,
        str(Path(__file__).resolve()),
        f"--inside={tell}",
        *(["--empty"] if arguments.empty else []),
        "--",
    ]
    os.set_inheritable(tell, True)
    # What the caller handed down, such as a pipe, is the command's.
    with subprocess.Popen([*unshare, *again, *arguments.command], close_fds=False) as process:
        os.close(tell)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda got, _frame: process.send_signal(got))
        with os.fdopen(told) as pipe:
            namespace = pipe.readline().strip()
        try:
            code = process.wait()
        finally:
            _end_all_in(namespace)
    return code if code >= 0 else 128 - code


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--empty", action="store_true", help="only lo, no other interface")
    parser.add_argument("--inside", type=int, help=argparse.SUPPRESS)
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


def _configure_and_become(arguments: argparse.Namespace) -> None:
    for step in LOOPBACK if arguments.empty else LOOPBACK + VETH:
        subprocess.run(["ip", *step], check=True)
    os.write(arguments.inside, bytes(OWN.readlink()) + b"\n")
    os.close(arguments.inside)
    os.execvp(arguments.command[0], arguments.command)


def _end_all_in(namespace: str) -> None:
    """End every process of that namespace; an empty name means it never came to be."""
    if not namespace or namespace == str(OWN.readlink()):
        return
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str((entry / "ns/net").readlink()) == namespace:
                os.kill(int(entry.name), signal.SIGKILL)
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue


if __name__ == "__main__":
    sys.exit(main())
