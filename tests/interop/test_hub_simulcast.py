"""The hub and the JavaScript SDK's simulcast: each viewer gets the layer that fits the place it shows it in."""

from urllib.parse import urlsplit

import aiohttp
import pytest
from browser import chromium
from guest_hub import GuestHub, guest_hub
from js_guest_page import js_guest, video_of
from playwright.async_api import Locator, Page, expect

pytestmark = [pytest.mark.interop, pytest.mark.namespace, pytest.mark.timeout(240)]

SHOW_AT = """([person, width, height]) => {
    const publication = room.remoteParticipants.get(person).videoTrackPublications.values().next().value;
    publication.setVideoDimensions({ width, height });
}"""
WIDTH_IS = "(video, width) => new Promise((done) => { const look = () => video.videoWidth === width ? done() : "
WIDTH_IS += "video.requestVideoFrameCallback(look); look(); })"

SENDS_ONLY = """async (width) => {
    const sender = room.localParticipant.videoTrackPublications.values().next().value.track.sender;
    for (;;) {
        const stats = [...(await sender.getStats()).values()].filter((s) => s.type === "outbound-rtp");
        const active = stats.filter((s) => s.active);
        if (active.length === 1 && active[0].frameWidth === width) return;
        await new Promise((later) => setTimeout(later, 200));
    }
}"""


async def test_a_small_tile_gets_the_small_layer_and_a_large_one_the_large() -> None:
    async with guest_hub() as hub, chromium() as browser:
        link = hub.link("Layers")
        ada = await js_guest(browser, *await _ticket(hub, link, "Ada"), origin=hub.url, dynacast=True)
        bob = await js_guest(browser, *await _ticket(hub, link, "Bob"), origin=hub.url)
        identity = await ada.evaluate("room.localParticipant.identity")
        video = video_of(bob, identity)
        await expect(video).to_have_count(1)
        sent = await _sent_widths(ada)
        assert len(sent) == 3
        await _show_at(bob, video, identity, width=min(sent))
        await _show_at(bob, video, identity, width=max(sent))
        await _show_at(bob, video, identity, width=sorted(sent)[1])
        # what nobody sees is sent no more, and comes back for who wants it
        await ada.evaluate(SENDS_ONLY, sorted(sent)[1])
        await _show_at(bob, video, identity, width=max(sent))
        await ada.evaluate(SENDS_ONLY, max(sent))
        await _show_at(bob, video, identity, width=min(sent))


async def _show_at(page: Page, video: Locator, person: str, *, width: int) -> None:
    await page.evaluate(SHOW_AT, [person, width, width * 9 // 16])
    await video.evaluate(WIDTH_IS, width)


async def _sent_widths(page: Page) -> set[int]:
    """Wait until every layer of the page's camera is sent, and return their widths."""
    return set(
        await page.evaluate("""async () => {
            const sender = room.localParticipant.videoTrackPublications.values().next().value.track.sender;
            for (;;) {
                const stats = [...(await sender.getStats()).values()].filter((s) => s.type === "outbound-rtp");
                if (stats.length === 3 && stats.every((s) => s.framesSent > 5)) return stats.map((s) => s.frameWidth);
                await new Promise((later) => setTimeout(later, 200));
            }
        }""")
    )


async def _ticket(hub: GuestHub, link: str, name: str) -> tuple[str, str]:
    """Trade a guest link for the address and token the SDK wants."""
    body = {"link": urlsplit(link).fragment, "name": name}
    async with aiohttp.ClientSession() as web, web.post(f"{hub.url}/api/exchange", json=body) as answer:
        ticket = await answer.json()
        return ticket["url"], ticket["token"]
