"""The guest page on a real hub, used as guests use it: in Chromium with a camera and a microphone."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from browser import chromium, guest_page, listen, picture, until_playing, watch
from fake_devices import BEEP_HZ, looks_like_fake_camera
from guest_hub import GuestHub, guest_hub
from playwright.async_api import Browser, Locator, Page, expect

pytestmark = [pytest.mark.interop, pytest.mark.namespace, pytest.mark.timeout(180)]

LAYOUT_FAULTS = Path(__file__).with_name("layout_faults.js")
TITLE = "Weekly <i>review</i>"


@pytest.fixture
async def hub() -> AsyncIterator[GuestHub]:
    async with guest_hub() as running:
        yield running


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


async def test_lobby_shows_the_meeting_and_the_guest_before_joining(hub: GuestHub, browser: Browser) -> None:
    page, link = await guest_page(browser), hub.link(TITLE)
    complaints = _complaints(page)
    await page.goto(link)
    await _is_in_state(page, "lobby")
    await expect(page.get_by_test_id("title")).to_have_text(TITLE)
    preview = page.get_by_test_id("preview-video")
    await until_playing(preview)
    assert looks_like_fake_camera(await picture(preview))
    await expect(page.get_by_test_id("mic-level")).to_have_attribute("data-level", re.compile(r"0\.[1-9]|1\.0"))
    await expect(page.get_by_test_id("lobby-camera-device").locator("option")).not_to_have_count(0)
    assert complaints == []


async def test_link_leaves_the_address_bar_and_survives_a_reload(hub: GuestHub, browser: Browser) -> None:
    page, link = await guest_page(browser), hub.link(TITLE)
    secret = link.partition("#")[2]
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    await page.goto(link)
    await _is_in_state(page, "lobby")
    assert secret not in page.url
    await page.reload()
    await _is_in_state(page, "lobby")
    await expect(page.get_by_test_id("title")).to_have_text(TITLE)
    assert not [url for url in requested if secret in url.partition("#")[0]]


@pytest.mark.parametrize(
    ("fragment", "words"), [("", "whole link"), ("#short", "whole link"), (f"#{'x' * 22}", "does not open a meeting")]
)
async def test_link_that_opens_nothing_is_explained(hub: GuestHub, browser: Browser, fragment: str, words: str) -> None:
    page = await guest_page(browser)
    await page.goto(hub.link(TITLE).partition("#")[0] + fragment)
    await _is_in_state(page, "error")
    await expect(page.get_by_test_id("error-title")).to_contain_text(words)
    await expect(page.get_by_test_id("error")).not_to_be_empty()
    await expect(page.get_by_test_id("join")).to_be_hidden()


async def test_guest_without_a_name_is_asked_for_one(hub: GuestHub, browser: Browser) -> None:
    page = await guest_page(browser)
    await page.goto(hub.link(TITLE))
    await page.get_by_test_id("join").click()
    await expect(page.get_by_test_id("join-error")).to_contain_text("who you are")
    await _is_in_state(page, "lobby")


async def test_two_guests_see_and_hear_each_other(hub: GuestHub, browser: Browser) -> None:
    ann, ben = await _joined(browser, hub, "Ann", "<b>Ben</b>")
    for page, other in ((ann, "<b>Ben</b>"), (ben, "Ann")):
        await expect(page.get_by_test_id("count")).to_have_text("2 people")
        tile = _tile(page, other)
        await expect(tile.get_by_test_id("tile-name")).to_have_text(other)
        await expect(tile).to_have_attribute("data-muted", "false")
        await _moves(tile.get_by_test_id("video"))
        assert looks_like_fake_camera(await picture(tile.get_by_test_id("video")))
        heard = await listen(page.locator("#sounds audio"), 3)
        assert heard.hz == pytest.approx(BEEP_HZ, abs=20)


async def test_guest_mutes_and_stops_the_camera_for_everyone(hub: GuestHub, browser: Browser) -> None:
    ann, ben = await _joined(browser, hub, "Ann", "Ben")
    theirs, video = _tile(ben, "Ann"), _tile(ben, "Ann").get_by_test_id("video")
    await until_playing(video)
    await ann.get_by_test_id("mic").click()
    await ann.get_by_test_id("camera").click()
    await expect(ann.get_by_test_id("mic")).to_have_accessible_name("Unmute microphone")
    await expect(theirs).to_have_attribute("data-muted", "true")
    await expect(theirs).to_have_attribute("data-picture", "false")
    await expect(theirs.get_by_test_id("muted")).to_be_visible()
    await ann.get_by_test_id("mic").click()
    await ann.get_by_test_id("camera").click()
    await expect(theirs).to_have_attribute("data-muted", "false")
    await expect(theirs).to_have_attribute("data-picture", "true")
    await _moves(video)


async def test_choices_made_in_the_lobby_hold_in_the_call(hub: GuestHub, browser: Browser) -> None:
    page = await guest_page(browser)
    await page.goto(hub.link(TITLE))
    await until_playing(page.get_by_test_id("preview-video"))
    await page.get_by_test_id("lobby-mic").click()
    await page.get_by_test_id("lobby-camera").click()
    await _join(page, "Ann")
    await expect(page.get_by_test_id("mic")).to_have_attribute("data-on", "false")
    await expect(page.get_by_test_id("camera")).to_have_attribute("data-on", "false")
    await expect(_tile(page, "Ann")).to_have_attribute("data-muted", "true")
    await expect(page.get_by_test_id("alone")).to_be_visible()
    await page.get_by_test_id("camera").click()
    await expect(_tile(page, "Ann")).to_have_attribute("data-picture", "true")


async def test_guest_without_camera_and_microphone_joins_to_watch(hub: GuestHub, browser: Browser) -> None:
    ann, ben = await _opened(browser, hub, 2)
    await ann.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotAllowedError') }"
    )
    await ann.reload()
    await expect(ann.get_by_test_id("notice")).to_contain_text("blocks the camera and microphone")
    await asyncio.gather(_join(ann, "Ann"), _join(ben, "Ben"))
    video = _tile(ann, "Ben").get_by_test_id("video")
    await _moves(video)
    await expect(_tile(ben, "Ann")).to_have_attribute("data-muted", "true")


async def test_guest_leaves_and_joins_again(hub: GuestHub, browser: Browser) -> None:
    ann, ben = await _joined(browser, hub, "Ann", "Ben")
    await expect(_tile(ben, "Ann")).to_be_visible()
    await ann.get_by_test_id("leave").click()
    await _is_in_state(ann, "left")
    await expect(_tile(ben, "Ann")).to_have_count(0)
    await expect(ben.get_by_test_id("alone")).to_be_visible()
    await ann.get_by_test_id("rejoin").click()
    await _is_in_state(ann, "live")
    video = _tile(ben, "Ann").get_by_test_id("video")
    await _moves(video)


async def test_tiles_stay_on_the_stage_and_apart(hub: GuestHub, browser: Browser) -> None:
    page = await guest_page(browser)
    await page.goto(hub.link(TITLE))
    faults = await page.evaluate(LAYOUT_FAULTS.read_text())
    assert faults == []


async def _opened(browser: Browser, hub: GuestHub, count: int) -> list[Page]:
    link = hub.link(TITLE)
    pages = [await guest_page(browser) for _ in range(count)]
    await asyncio.gather(*(page.goto(link) for page in pages))
    return pages


async def _joined(browser: Browser, hub: GuestHub, *names: str) -> list[Page]:
    pages = await _opened(browser, hub, len(names))
    for page in pages:
        await until_playing(page.get_by_test_id("preview-video"))
    await asyncio.gather(*(_join(page, name) for page, name in zip(pages, names, strict=True)))
    return pages


async def _join(page: Page, name: str) -> None:
    await page.get_by_test_id("name").fill(name)
    await page.get_by_test_id("join").click()
    await _is_in_state(page, "live")


async def _is_in_state(page: Page, state: str) -> None:
    await expect(page.locator("body")).to_have_attribute("data-state", state, timeout=20_000)


async def _moves(video: Locator) -> None:
    """Wait until the picture has changed a few times, on a busy machine too."""
    await until_playing(video)
    changes = 0
    async with asyncio.timeout(30):
        while changes < 5:
            changes += (await watch(video)).changes


def _tile(page: Page, name: str) -> Locator:
    own = re.compile(rf"^{re.escape(name)}( \(you\))?$")
    return page.get_by_test_id("tile").filter(has=page.get_by_test_id("tile-name").filter(has_text=own))


def _complaints(page: Page) -> list[str]:
    """Return what the browser's console says against the page, such as a breach of its content policy."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found
