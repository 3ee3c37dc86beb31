"""What of a simulated room must arrive in a guest's browser: its marked picture, counting, and its tone."""

from __future__ import annotations

import asyncio

from browser import Heard, Watched, listen, until_playing, watch
from playwright.async_api import Locator
from whole_room import PATIENCE_S

from appliance.demo.stage import ROOM_NAME, TONE_HZ
from hardware.camera.mark import source_id

_SILENT_DB = -70.0


async def shows_the_room(video: Locator) -> None:
    """Wait until a video shows the room's picture, moving, and nobody else's."""
    await until_playing(video)
    async with asyncio.timeout(PATIENCE_S):
        while not _is_the_room(seen := await watch(video)):
            assert seen.sources <= {source_id(ROOM_NAME)}


def _is_the_room(seen: Watched) -> bool:
    counts = seen.counts
    return seen.sources == {source_id(ROOM_NAME)} and len(set(counts)) > 5 and counts == sorted(counts)


async def sounds_like_the_room(sound: Locator) -> None:
    """Wait until an audio element plays the room's tone."""
    async with asyncio.timeout(PATIENCE_S):
        while not is_the_tone(await listen(sound)):
            pass


async def falls_silent(sound: Locator) -> None:
    """Wait until an audio element plays nothing for two whole seconds."""
    async with asyncio.timeout(PATIENCE_S):
        while (await listen(sound)).db > _SILENT_DB:
            pass


def is_the_tone(heard: Heard) -> bool:
    """Whether that was the room's microphone; its tone swells and fades."""
    return abs(heard.hz - TONE_HZ) < 15 and heard.share > 0.2
