"""The real livekit-server that the tests build: two guests on LiveKit's own SDK see and hear each other on it."""

import asyncio
from collections.abc import Iterator

import netns
import pytest
from browser import chromium, listen, picture, until_playing, watch
from fake_devices import BEEP_HZ, looks_like_fake_camera
from js_guest_page import js_guest, sound_of, video_of
from livekit_server import LiveKitServer, livekit_server
from playwright.async_api import Page

pytestmark = [pytest.mark.interop, pytest.mark.namespace, pytest.mark.timeout(600)]


@pytest.fixture
def server() -> Iterator[LiveKitServer]:
    with livekit_server(netns.ADDRESS) as running:
        yield running


async def test_the_server_we_built_works(server: LiveKitServer) -> None:
    async with chromium() as browser:
        ann, ben = await asyncio.gather(
            *(js_guest(browser, server.url, server.token(who, room="proof")) for who in ("ann", "ben"))
        )
        await asyncio.gather(_sees_and_hears(ann, "ben"), _sees_and_hears(ben, "ann"))


async def _sees_and_hears(page: Page, person: str) -> None:
    video = video_of(page, person)
    await until_playing(video)
    seen = await watch(video)
    assert seen.frames > 5
    assert seen.changes > 5
    assert looks_like_fake_camera(await picture(video))
    heard = await listen(sound_of(page, person), 3)
    assert heard.hz == pytest.approx(BEEP_HZ, abs=20)
