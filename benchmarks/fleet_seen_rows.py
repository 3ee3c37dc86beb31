"""The row of being seen: from a camera's removal in a real room until its tile in a browser says that it is broken."""

import asyncio
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.rows import Row, Run

_TESTS = Path(__file__).parents[1] / "tests"
_ROOMS = ("Ada", "Grace", "Joan")
_TIMES = 15
_PASSWORD = "a camera that comes and goes"


def _of_tests(name: str) -> ModuleType:
    """Return a helper of the tests: they run a whole fleet already, and look at the same tile."""
    for folder in (str(_TESTS / "interop"), str(_TESTS / "fleet")):
        if folder not in sys.path:
            sys.path.append(folder)
    return import_module(name)


async def _falls() -> list[Run]:
    fleets, tiles, browsers = map(_of_tests, ("whole_fleet", "tile_watch", "browser"))
    with tempfile.TemporaryDirectory(prefix="salon-bench-") as folder:
        async with fleets.whole_fleet(Path(folder), *_ROOMS) as fleet, browsers.chromium() as browser:
            page = await browser.new_page()
            await _come_in(page, await fleet.console("admin-link"))
            ready = page.locator(".tile", has_text="Ready")
            camera, runs = fleet.rooms[0].camera, []
            for number in range(_TIMES):
                await tiles.expect(ready).to_have_count(len(_ROOMS), timeout=tiles.PATIENCE_MS)
                took = await tiles.seen_s(page, _ROOMS[0], "Broken", camera.unlink)
                print(f"  {number + 1}: {took:.2f} s", flush=True)
                runs.append(Run(took))
                camera.touch()
            return runs


async def _come_in(page: Any, link: str) -> None:
    await page.goto(link)
    await page.get_by_label("Name").fill("ada")
    for label in ("Password", "The same again"):
        await page.get_by_label(label).fill(_PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/rooms")


SEEN_ROWS = (
    Row(
        "fleet_broken_seen_s",
        "s",
        "from a camera's removal in one of three rooms (`salon up`, simulated devices) until Chromium shows it broken",
        "2.0",
        lambda: asyncio.run(_falls()),
    ),
)
