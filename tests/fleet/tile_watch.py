"""How soon a room's tile on the page of rooms shows what a room has noticed: by the browser's own clock."""

import time
from collections.abc import Callable

from playwright.async_api import Page, expect

PATIENCE_MS = 60_000
"""For a machine that has other things to do."""
_MARK_CHANGES = """([room, status]) => {
  window.seenAt = new Promise((done) => {
    const tile = () => [...document.querySelectorAll(".tile")].find((one) => one.innerText.includes(room));
    const look = () => tile()?.innerText.includes(status) && done(performance.timeOrigin + performance.now());
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
}"""


async def seen_s(page: Page, room: str, status: str, deed: Callable[[], object]) -> float:
    """Do something to a room; return how many seconds it took until its tile said so."""
    await page.evaluate(_MARK_CHANGES, [room, status])
    began = time.time()
    deed()
    await expect(page.locator(".tile", has_text=room)).to_contain_text(status, timeout=PATIENCE_MS)
    seen_at: float = await page.evaluate("window.seenAt")
    return seen_at / 1000 - began
