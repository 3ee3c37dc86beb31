"""The room and guests on LiveKit's official Python SDK: the demo's own checks, with no network too, and many joins."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from whole_room import ROOT, Sound, WholeRoom, eventually, whole_room

from appliance.demo.checks import Clip, loudest, moves
from appliance.demo.main import ALIKE_PICTURE
from appliance.demo.stage import CLIP, ROOM_NAME, TONE_HZ
from hardware.camera.mark import source_id

pytestmark = [pytest.mark.interop, pytest.mark.timeout(420)]

DEMO_S = 30
JOINS = 10
LOUD = 500


async def test_everything_the_demo_claims_is_really_seen(tmp_path: Path) -> None:
    await _demo_is_right(tmp_path)


@pytest.mark.namespace(empty=True)
async def test_the_demo_needs_no_network_interface_but_loopback(tmp_path: Path) -> None:
    await _demo_is_right(tmp_path)


async def test_every_one_of_many_joins_gets_picture_and_sound(tmp_path: Path) -> None:
    async with whole_room(tmp_path) as room:
        clip, link = await asyncio.to_thread(Clip.of, CLIP), await room.invite()
        await room.joins_by_itself(room.book(link))
        for number in range(JOINS):
            await _joins_and_leaves(room, link, f"Guest {number}", clip)


async def _joins_and_leaves(room: WholeRoom, link: str, name: str, clip: Clip) -> None:
    """One guest comes, gets picture and sound of the room, gives the room both, and goes."""
    report = room.stage.out / f"{name}.json"
    async with _guest(link, report, name):
        await eventually(lambda: _met_the_room(report), lambda: f"{name} saw {report.read_text()}")
        await eventually(lambda: room.clip_in_tile(name, clip) > ALIKE_PICTURE, lambda: f"{name} is not on the TV")
        await eventually(lambda: _is_loud(room.played(1)), lambda: f"{name} is not at the loudspeaker")
    await room.until(lambda state: not state.call.participants)
    # or the next one's sound could be this one's
    await eventually(lambda: not room.played(1).any(), lambda: "the loudspeaker does not fall silent")


async def _demo_is_right(out: Path) -> None:
    words = ("-m", "appliance.demo.main", "--for", str(DEMO_S), "--out", str(out))
    process = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=ROOT)
    status = await process.wait()
    report = json.loads((out / "report.json").read_text())
    assert {name: seen for name, seen in report["checks"].items() if not seen} == {}, report
    assert status == 0
    assert report["joined_after_s"] >= 0
    assert report["first_remote_frame_s"] >= report["joined_after_s"]


@asynccontextmanager
async def _guest(link: str, report: Path, name: str) -> AsyncIterator[None]:
    words = ("-m", "appliance.demo.guest", link, "--clip", str(CLIP), "--report", str(report), "--name", name)
    process = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=ROOT)
    try:
        await eventually(report.exists, lambda: f"{name} did not get in")
        yield
    finally:
        process.kill()
        await process.wait()


def _met_the_room(report: Path) -> bool:
    seen = json.loads(report.read_text())
    picture = source_id(ROOM_NAME) in seen["marks"] and moves(seen["counts"])
    return picture and abs(loudest(seen["tones"]) - TONE_HZ) <= 10


def _is_loud(sound: Sound) -> bool:
    return bool(np.abs(sound.astype(int)).max(initial=0) > LOUD)
