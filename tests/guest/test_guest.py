"""Each program in checks/ runs in the guest, against real drivers; what it asserts, it asserts there."""

from __future__ import annotations

import re
from pathlib import Path

import machine
import netns
import pytest
from outside import Outside

CHECKS = Path(__file__).parent / "checks"
LIMIT_S = 180.0

pytestmark = [pytest.mark.guest, pytest.mark.namespace, pytest.mark.timeout(900)]


@pytest.mark.parametrize("name", sorted(path.stem for path in CHECKS.glob("*.py")))
def test_in_the_guest(guest, name):
    machine.say(f"{name}:")
    with Outside(netns.ADDRESS) as outside:
        program = f"/srv/guest/checks/{name}.py"
        outcome = guest.run("python3", program, limit_s=limit_s(name), answers=outside.answers)
    machine.say(f"{name} ended with {outcome.code}, {outcome.seconds:.0f} s")
    said = "\n".join(outcome.lines)
    assert outcome.code == 0, f"{name} ended with {outcome.code}:\n{said}\nthe guest's console:\n{guest.console()}"


def limit_s(name: str) -> float:
    found = re.search(r"^# limit: (\d+)$", (CHECKS / f"{name}.py").read_text(), re.MULTILINE)
    return float(found[1]) if found else LIMIT_S
