"""A program that starts anew for other settings: the same process, which no supervisor takes for a crash."""

import asyncio
import os
import subprocess
import sys

import pytest

from appliance.errors import StartAgain
from appliance.settings import FILE, BadSettings, Reread, parse

PROGRAM = """
import os, sys
from appliance.errors import StartAgain
from appliance.service import AGAIN, run_program, start_again

async def main():
    with open(sys.argv[1], "a") as lives:
        print(os.getpid(), file=lives)
    if open(sys.argv[1]).read().count("\\n") < 3:
        raise StartAgain("for the test")

if run_program(main) == AGAIN:
    start_again()
print("well")
"""


def test_a_program_begins_anew_in_the_same_process(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = (sys.executable, str(program), str(tmp_path / "lives"))
    told = {**os.environ, "PYTHONPATH": "."}
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=50, env=told)
    assert done.stdout == "well\n"
    pids = (tmp_path / "lives").read_text().split()
    assert len(pids) == 3
    assert len(set(pids)) == 1


class House:
    """A state folder, and settings that change in it."""

    def __init__(self, tmp_path):
        self.state = tmp_path
        self.settings = self.named("Old")
        self.newest = self.settings

    def named(self, name, zone="UTC"):
        text = f'[paths]\nstate = "{self.state}"\n[room]\nname = "{name}"\ntimezone = "{zone}"\n'
        return parse(text, where="the test")

    def write(self, newest):
        self.newest = newest
        (self.state / f"{FILE}.new").write_text("{}")
        (self.state / f"{FILE}.new").replace(self.state / FILE)

    def read(self):
        if isinstance(self.newest, Exception):
            raise self.newest
        return self.newest

    def follow(self, idle=lambda: True):
        return Reread(self.settings, self.read, lambda told: told.room.timezone, look_s=0.01).follow(idle)


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


async def test_a_program_whose_settings_change_starts_anew_when_it_is_idle(house):
    busy = [True]
    following = asyncio.create_task(house.follow(lambda: not busy))
    await asyncio.sleep(0.05)
    house.write(house.named("New", "Europe/Berlin"))
    await asyncio.sleep(0.1)
    assert not following.done()
    busy.clear()
    with pytest.raises(StartAgain):
        await following


@pytest.mark.parametrize("change", ["another program's", "wrong"])
async def test_what_does_not_concern_it_or_is_wrong_restarts_nothing(house, change):
    following = asyncio.create_task(house.follow())
    await asyncio.sleep(0.05)
    house.write(BadSettings("half written") if change == "wrong" else house.named("New"))
    await asyncio.sleep(0.1)
    assert not following.done()
    following.cancel()
