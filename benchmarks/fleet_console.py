"""The console on mosquitto, as an admin runs it: ingest, control and web, and one browser that looks at all rooms."""

import asyncio
import contextlib
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
from playwright.async_api import CDPSession, Page, async_playwright

ORG = "bench"
_PASSWORD = "a fleet of ten thousand rooms"
_PATIENCE_S = 60
PARTS = ("ingest", "control", "web")


def free_port() -> int:
    """Return a port nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Console:
    """Its processes, where its broker and its pages are, and what is in its database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker_port, self._web_port = free_port(), free_port()
        self.config = folder / "console.toml"
        self.parts: dict[str, psutil.Process] = {}
        self.broker: psutil.Process

    @property
    def pages(self) -> str:
        """Return the pages' address."""
        return f"http://127.0.0.1:{self._web_port}"

    def write(self) -> None:
        """Write both configurations."""
        (self.folder / "mosquitto.conf").write_text(
            f"listener {self.broker_port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nuser root\n"
        )
        self.config.write_text(
            f'[console]\nstate = "{self.folder}/state"\norg = "{ORG}"\n'
            f'[mqtt]\nurl = "mqtt://127.0.0.1:{self.broker_port}"\n[web]\nport = {self._web_port}\n'
        )

    def words(self, *arguments: str) -> list[str]:
        """Return the words of a `salon console` command."""
        return [sys.executable, "-m", "appliance.cli", "console", *arguments, "--config", str(self.config)]

    def ask(self, sql: str) -> int:
        """Return one number from the database."""
        with contextlib.closing(sqlite3.connect(f"file:{self.folder}/state/fleet.db?mode=ro", uri=True)) as database:
            return int(database.execute(sql).fetchone()[0] or 0)

    def records(self) -> int:
        """Return how many records are stored, each counted once, by what the console says it has got."""
        with contextlib.closing(sqlite3.connect(f"file:{self.folder}/state/fleet.db?mode=ro", uri=True)) as database:
            got = [row[0] for row in database.execute("SELECT got FROM boots")]
        spans = [span.split("-") for ranges in got for span in ranges.split(",") if span]
        return sum(int(ends[-1]) - int(ends[0]) + 1 for ends in spans)


@asynccontextmanager
async def console(parts: Sequence[str] = PARTS) -> AsyncIterator[Console]:
    """Run the broker and these processes of a console; begins when it hears the rooms, and its pages answer."""
    folder = Path(tempfile.mkdtemp(prefix="salon-bench-"))
    running = Console(folder)
    running.write()
    started: list[subprocess.Popen[bytes]] = []
    try:
        _start(running, started, parts)
        await until(lambda: _hears(running) and ("web" not in parts or _answers(running)))
        yield running
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _start(running: Console, started: list[subprocess.Popen[bytes]], parts: Sequence[str]) -> None:
    commands = {"broker": ["mosquitto", "-c", str(running.folder / "mosquitto.conf")]}
    commands |= {part: running.words(part) for part in parts}
    with (running.folder / "log").open("wb") as log:
        for name, command in commands.items():
            started.append(subprocess.Popen(command, stdout=log, stderr=log))
            running.parts[name] = psutil.Process(started[-1].pid)
    running.broker = running.parts.pop("broker")


def _hears(running: Console) -> bool:
    # the database is made by the first who comes
    with contextlib.suppress(sqlite3.OperationalError):
        return bool(running.ask("SELECT count(*) FROM pulses WHERE since_at IS NOT NULL"))
    return False


def _answers(running: Console) -> bool:
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", int(running.pages.rpartition(":")[2])), 1),
    ):
        return True
    return False


async def until(true: Callable[[], bool], seconds: float = _PATIENCE_S) -> None:
    """Wait until something is so, by looking."""
    ends = time.monotonic() + seconds
    while not await asyncio.to_thread(true):
        if time.monotonic() > ends:
            raise TimeoutError
        await asyncio.sleep(0.25)


class Onlooker:
    """A browser tab that shows all rooms, and what it received."""

    def __init__(self, page: Page, devtools: CDPSession) -> None:
        self.page = page
        self.received = 0
        devtools.on("Network.dataReceived", self._count)

    def _count(self, event: dict[str, int]) -> None:
        self.received += event["dataLength"]

    async def filtered_s(self, url: str) -> float:
        """Load the rooms and return the seconds from the start of navigation until a filter has changed the grid."""
        await self.page.goto(f"{url}/rooms", wait_until="commit")
        took: float = await self.page.evaluate(_FILTER)
        return took / 1000


_FILTER = """() => new Promise((done) => {
  const look = () => {
    const chip = document.querySelector('#chips [data-status="meeting"]');
    const count = document.querySelector('#count');
    if (!chip || !document.querySelector('.tile')) { requestAnimationFrame(look); return; }
    const before = count.textContent;
    chip.click();
    const changed = () => count.textContent !== before && document.querySelector('.tile')
      ? requestAnimationFrame(() => done(performance.now())) : requestAnimationFrame(changed);
    changed();
  };
  look();
})"""
"""Asks each frame whether there are rooms, then clicks; `performance.now()` counts from the start of navigation."""


def _welcome(running: Console) -> str:
    link = subprocess.run(running.words("admin-link"), capture_output=True, text=True, check=True).stdout
    address = next(word for word in link.split() if "/welcome/" in word)
    return address.rpartition("/welcome/")[2].rstrip(".")


@asynccontextmanager
async def onlooker(running: Console) -> AsyncIterator[Onlooker]:
    """Sign in as the first admin, with Debian's Chromium."""
    secret = await asyncio.to_thread(_welcome, running)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = await browser.new_page(viewport={"width": 1920, "height": 1080})
        await page.goto(f"{running.pages}/welcome/{secret}")
        await page.get_by_label("Name").fill("ada")
        for label in ("Password", "The same again"):
            await page.get_by_label(label).fill(_PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/rooms")
        devtools = await page.context.new_cdp_session(page)
        await devtools.send("Network.enable")
        yield Onlooker(page, devtools)
        await browser.close()
