"""Two rooms in one meeting on a machine that has no network interface but loopback: ICE there offers 127.0.0.1."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from whole_room import WholeRoom, eventually, whole_room

from appliance.demo.stage import TONE_HZ
from hardware.camera.mark import decode, source_id
from hardware.ports import SAMPLE_RATE

pytestmark = [pytest.mark.interop, pytest.mark.namespace(empty=True), pytest.mark.timeout(300)]


async def test_two_rooms_meet_without_any_network(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    async with whole_room(folders[0], name="Pond") as pond, whole_room(folders[1], name="Brook", hub=False) as brook:
        link = await pond.invite()
        starts = [room.book(link) for room in (pond, brook)]
        for room, start in zip((pond, brook), starts, strict=True):
            await room.joins_by_itself(start)
        await _sees_and_hears(pond, "Brook")
        await _sees_and_hears(brook, "Pond")


async def _sees_and_hears(room: WholeRoom, other: str) -> None:
    counts: set[int] = set()

    def counting() -> bool:
        tile = room.tile(other)
        mark = decode(cv2.cvtColor(tile, cv2.COLOR_RGB2GRAY)) if tile is not None else None
        if mark is not None:
            assert mark.source == source_id(other)
            counts.add(mark.count)
        return len(counts) > 3

    await eventually(counting, lambda: f"{other} does not move on the TV: {counts}")
    await eventually(lambda: _pitch(room) == pytest.approx(TONE_HZ, abs=5), lambda: f"the loudspeaker: {_pitch(room)}")


def _pitch(room: WholeRoom) -> float:
    """Return the loudest frequency of the last second at the loudspeaker, 0 for silence."""
    sound = room.played(1).astype(float)
    if len(sound) < SAMPLE_RATE or np.abs(sound).max() < 500:
        return 0.0
    return float(np.abs(np.fft.rfft(sound)).argmax() * SAMPLE_RATE / len(sound))
