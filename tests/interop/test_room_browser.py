"""A room and its guests in Chromium, on the room's own hub: they see and hear each other, whoever comes first."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import netns
import pytest
from browser import Heard, chromium, listen
from hub_guest import joined_guest, sounds_in, tile_of, video_of
from playwright.async_api import Browser, Page, expect
from room_at_guest import falls_silent, is_the_tone, shows_the_room, sounds_like_the_room
from whole_room import LOOPBACK, PATIENCE_S, WholeRoom, whole_room

from appliance.demo.stage import ROOM_NAME
from appliance.state.commands import Leave, SetMicMuted
from appliance.state.room import Phase

pytestmark = [pytest.mark.interop, pytest.mark.namespace, pytest.mark.timeout(420)]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[WholeRoom]:
    """A room whose hub has an address, and so speaks https with a certificate of its own making."""
    async with whole_room(tmp_path, hub_at=netns.ADDRESS, may_join=netns.ADDRESS) as running:
        yield running


async def test_guest_who_waits_sees_and_hears_the_room_that_joins(room: WholeRoom, browser: Browser) -> None:
    link = await room.invite()
    assert link.startswith(f"https://{netns.ADDRESS}:")
    page = await joined_guest(browser, link, "Ann")
    await expect(page.get_by_test_id("alone")).to_be_visible()
    start = room.book(link)
    await room.joins_by_itself(start)
    await _meet(room, page, "Ann")
    await _is_silenced_by_a_touch(room, page)


async def test_guest_who_comes_late_sees_and_hears_the_room_that_waits(tmp_path: Path, browser: Browser) -> None:
    async with whole_room(tmp_path, hub_at=LOOPBACK) as room:
        link = await room.invite()
        assert link.startswith(f"http://{LOOPBACK}:")
        await room.joins_by_itself(room.book(link))
        page = await joined_guest(browser, link, "Ben")
        await _meet(room, page, "Ben")
        await room.touch(Leave())
        await expect(tile_of(page, ROOM_NAME)).to_have_count(0)
        await room.until(lambda state: state.call.phase is Phase.IDLE)


async def test_two_guests_and_the_room_see_and_hear_each_other(room: WholeRoom, browser: Browser) -> None:
    link = await room.invite()
    ann = await joined_guest(browser, link, "Ann")
    await room.joins_by_itself(room.book(link))
    ben = await joined_guest(browser, link, "Ben")
    for page in (ann, ben):
        await expect(page.get_by_test_id("count")).to_have_text("3 people")
        await shows_the_room(video_of(page, ROOM_NAME))
        await expect(sounds_in(page)).to_have_count(2)
        await _hears_the_room_among_others(page)
    for name in ("Ann", "Ben"):
        await room.shows_fake_camera_of(name)
    # Both play the same beep; with one of them muted it must be the other's that is heard.
    for silent, name in ((ann, "Ann"), (ben, "Ben")):
        await silent.get_by_test_id("mic").click()
        await room.until(lambda state, name=name: _is_muted(state, name))
        await room.plays_beep()
        await silent.get_by_test_id("mic").click()
        await room.until(lambda state, name=name: not _is_muted(state, name))


async def _meet(room: WholeRoom, page: Page, name: str) -> None:
    """Page and room get each other's picture and sound."""
    await shows_the_room(video_of(page, ROOM_NAME))
    await sounds_like_the_room(sounds_in(page))
    await room.shows_fake_camera_of(name)
    await room.plays_beep()


async def _is_silenced_by_a_touch(room: WholeRoom, page: Page) -> None:
    theirs = tile_of(page, ROOM_NAME)
    await expect(theirs).to_have_attribute("data-muted", "false")
    await room.touch(SetMicMuted(muted=True))
    await expect(theirs).to_have_attribute("data-muted", "true")
    await expect(theirs.get_by_test_id("muted")).to_be_visible()
    await falls_silent(sounds_in(page))
    await shows_the_room(video_of(page, ROOM_NAME))
    await room.touch(SetMicMuted(muted=False))
    await expect(theirs).to_have_attribute("data-muted", "false")
    await sounds_like_the_room(sounds_in(page))


async def _hears_the_room_among_others(page: Page) -> None:
    heard: list[Heard] = []
    async with asyncio.timeout(PATIENCE_S):
        while not any(map(is_the_tone, heard)):
            heard = [await listen(sound) for sound in await sounds_in(page).all()]


def _is_muted(state, name: str) -> bool:
    return any(person.name == name and person.mic_muted for person in state.call.participants)
