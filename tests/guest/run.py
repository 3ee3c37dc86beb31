"""Boots the guest and runs checks in it: `python tests/guest/run.py CHECK.py ... [--tree CHECKOUT]`.

Without --tree the code under test is this checkout's. Exits with 1 when a check failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "interop"))

import machine
import netns
from image import ROOT, image
from outside import Outside

INSIDE = "SALON_GUEST_NETWORK"
"""Set once this runs in a network of its own, where a meeting has an address that is not loopback."""

LIMIT_S = 300.0


def main() -> int:
    """Run the checks that are named, one after another in one guest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checks", nargs="+", type=Path, help="programs for the guest's Python")
    parser.add_argument("--tree", type=Path, default=ROOT, help="the checkout whose code is tried")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds each may take")
    arguments = parser.parse_args()
    if INSIDE not in os.environ:
        image()  # while there is a network: inside there is none
        os.environ[INSIDE] = "1"
        return subprocess.run(netns.command_inside(sys.executable, *sys.argv), check=False).returncode
    started = time.monotonic()
    failed = 0
    with machine.running(image(), arguments.tree.resolve(), heard=machine.say) as guest:
        machine.say(f"{guest.wait_ready()}, {time.monotonic() - started:.0f} s after the start")
        for check in arguments.checks:
            failed += not _passed(guest, check, arguments.limit)
    return 1 if failed else 0


def _passed(guest: machine.Guest, check: Path, limit_s: float) -> bool:
    with Outside(netns.ADDRESS) as outside:
        outcome = guest.run("python3", "-c", check.read_text(), limit_s=limit_s, answers=outside.answers)
    sys.stdout.write("\n".join(outcome.lines) + "\n")
    machine.say(
        f"{check.name} {'passed' if outcome.code == 0 else f'FAILED ({outcome.code})'}, {outcome.seconds:.1f} s"
    )
    if outcome.code:
        sys.stdout.write(f"the guest's console:\n{guest.console()}\n")
    return outcome.code == 0


if __name__ == "__main__":
    sys.exit(main())
