"""The room on a real livekit-server, with the same client: it joins by its calendar a meeting where a browser waits."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import netns
import pytest
from browser import chromium
from js_guest_page import js_guest, sound_of, video_of
from livekit_server import LiveKitServer, livekit_server
from playwright.async_api import Browser, Page, expect
from room_at_guest import shows_the_room, sounds_like_the_room
from whole_room import WholeRoom, whole_room

from appliance.state.room import Phase

pytestmark = [pytest.mark.interop, pytest.mark.namespace, pytest.mark.timeout(600)]

HOST, MEETING = "meet.example.org", "standup"


class Servers:
    """A livekit-server that can be killed and started again, with the same address and keys."""

    def __init__(self, stack: ExitStack) -> None:
        self._outer = stack
        self._running = stack.enter_context(ExitStack())
        self.server = self._running.enter_context(livekit_server(netns.ADDRESS))

    def kill(self) -> None:
        self._running.close()

    def start_again(self) -> None:
        self._running = self._outer.enter_context(ExitStack())
        self._running.enter_context(livekit_server(netns.ADDRESS, as_before=self.server))


@pytest.fixture
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


async def test_room_joins_its_booked_meeting_on_a_livekit_server_and_finds_its_way_back(
    servers: Servers, browser: Browser, tmp_path: Path
) -> None:
    server = servers.server
    async with _room_with_keys(server, tmp_path) as room:
        ann = await js_guest(browser, server.url, server.token("ann", room=MEETING, name="Ann"))
        await room.joins_by_itself(room.book(f"https://{HOST}/{MEETING}"))
        await _meet(room, ann)
        await _leave_and_come_again(room, ann, server)
        await _meet(room, ann)
        servers.kill()
        await room.until(lambda state: state.call.phase is Phase.RECONNECTING)
        key = room.now.call.key
        servers.start_again()
        await room.until(lambda state: state.call.phase is Phase.LIVE)
        assert room.now.call.key == key
        await ann.close()
        again = await js_guest(browser, server.url, server.token("ann", room=MEETING, name="Ann"))
        await _meet(room, again)


async def test_room_joins_by_a_link_that_holds_server_and_token(
    servers: Servers, browser: Browser, tmp_path: Path
) -> None:
    server = servers.server
    token = server.token("meeting-room", room=MEETING, name="Aquarium")
    link = f"http://{netns.ADDRESS}/custom?{urlencode({'liveKitUrl': server.url, 'token': token})}"
    async with whole_room(tmp_path, may_join=netns.ADDRESS, hub=False) as room:
        await room.joins_by_itself(room.book(link))
        ann = await js_guest(browser, server.url, server.token("ann", room=MEETING, name="Ann"))
        await _meet(room, ann, identity="meeting-room")


@asynccontextmanager
async def _room_with_keys(server: LiveKitServer, folder: Path) -> AsyncIterator[WholeRoom]:
    secret = folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text(server.secret)
    text = json.dumps
    more = f"""
[[meetings.livekit]]
host = {text(HOST)}
url = {text(server.url)}
key = {text(server.key)}
secret_file = {text(str(secret))}
"""
    async with whole_room(folder, may_join=HOST, more=more, hub=False) as room:
        yield room


async def _meet(room: WholeRoom, page: Page, identity: str = "") -> None:
    """Page and room get each other's picture and sound."""
    identity = identity or f"room-{room.now.id}"
    await shows_the_room(video_of(page, identity))
    await sounds_like_the_room(sound_of(page, identity))
    await room.shows_fake_camera_of("Ann")
    await room.plays_beep()


async def _leave_and_come_again(room: WholeRoom, page: Page, server: LiveKitServer) -> None:
    """The server then takes the same lines of the session description for other tracks."""
    await page.evaluate("leave()")
    await room.until(lambda state: not state.call.participants)
    await expect(page.locator("#state")).to_have_text("left")
    await page.evaluate(
        "([url, token]) => join(url, token)", [server.url, server.token("ann", room=MEETING, name="Ann")]
    )
