"""The room as a receiver: its real programs, with no devices, in the meeting of the stand."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import psutil

from appliance.link.client import CommandLink
from appliance.link.frame_socket import FrameClient
from appliance.link.messages import new_boot
from appliance.meetings.livekit_link import Ticket
from appliance.state.commands import AckStatus, Command, JoinUrl, Leave
from appliance.state.layout import Tile
from appliance.state.room import Phase, RoomState
from benchmarks.cost import Pictures
from benchmarks.seen import read_count
from benchmarks.stand import Stand, program

HEADLESS = ("daemon", "media")
SHOWING = (*HEADLESS, "display")
WHOLE = (*SHOWING, "panel")
_MORE = {"panel": ("--headless",)}
_JOIN_S = 40.0
_CONFIG = """\
[room]
name = "Bench"
[paths]
state = "{folder}/state"
runtime = "{folder}"
[joining]
enter_muted = true
enter_camera_off = {camera_off}
[devices]
{devices}
[display]
screen = "null:"
width = {size[0]}
height = {size[1]}
"""


class Room:
    """A room whose programs run; it may join and leave as often as it likes."""

    def __init__(self, programs: dict[str, psutil.Process], link: CommandLink, folder: Path) -> None:
        self.folder = folder
        self.programs = programs
        self.measured = list(programs.values())
        self.state: RoomState | None = None
        self._link = link
        self.frames = FrameClient(folder / "frames.sock", on_frame=lambda: None)

    async def pictures(self) -> Pictures:
        """Count."""
        shown = self.folder / "tv.shown"
        decoded = sum(self.numbers().values())
        return Pictures(time.monotonic(), decoded, read_count(shown) if shown.exists() else None)

    @asynccontextmanager
    async def meeting(self, ticket: Ticket, people: int) -> AsyncIterator[None]:
        """Be in a meeting; begins when everybody has a tile with a picture in it."""
        # the last meeting's pictures may still be there
        old, ring = self.numbers(), self.frames.ring
        await self._ask(JoinUrl(join_url(ticket)))
        try:
            await self._until(lambda: self._fresh(old if self.frames.ring is ring else {}) >= people)
            yield
        finally:
            await self._ask(Leave())
            await self._until(lambda: self.state is not None and self.state.call.phase is Phase.IDLE)

    async def follow(self) -> None:
        """Keep the newest state."""
        async for state in self._link.states():
            self.state = state

    async def ready(self) -> None:
        """Wait until the room's programs have found each other."""
        await self._until(lambda: self.state is not None and self.state.senses.connected)

    def numbers(self) -> dict[Tile, int]:
        """Return how many pictures were decoded for each tile that the layout has now."""
        ring = self.frames.ring
        return {} if ring is None else dict(zip(ring.layout.tiles, map(int, ring.numbers()), strict=True))

    def _fresh(self, old: dict[Tile, int]) -> int:
        return sum(number > old.get(tile, 0) for tile, number in self.numbers().items())

    async def _ask(self, command: Command) -> None:
        ack = await self._link.send(command)
        if ack.status is not AckStatus.OK:
            raise RuntimeError(f"the room refused: {ack.reason}")

    async def _until(self, condition: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(_JOIN_S):
                while not condition():
                    await asyncio.sleep(0.05)
        except TimeoutError as err:
            raise RuntimeError(f"the room says {self.state and self.state.call}") from err


def join_url(ticket: Ticket) -> str:
    """Return a link that holds the ticket itself; its host is of no importance."""
    return f"https://meet.invalid/custom?liveKitUrl={quote(ticket.url)}&token={ticket.token}"


@asynccontextmanager
async def room(
    stand: Stand,
    *,
    programs: Sequence[str] = HEADLESS,
    devices: str = "",
    sends: bool = False,
    modules: Mapping[str, Sequence[str]] = MappingProxyType({}),
    size: tuple[int, int] = (1920, 1080),
) -> AsyncIterator[Room]:
    """Run these programs of a room, some by other modules than the room's own. It `sends` its camera or nothing."""
    folder = stand.file("room")
    folder.mkdir()
    config = folder / "room.toml"
    config.write_text(_CONFIG.format(folder=folder, devices=devices, camera_off=json.dumps(not sends), size=size))
    # a camera is switched on by nobody but a finger on the panel
    link = CommandLink(folder / "panel.sock", "panel", new_boot())
    async with AsyncExitStack() as stack:
        running = {}
        for name in programs:
            words = (*modules.get(name, ("appliance.cli",)), "--config", str(config), name, *_MORE.get(name, ()))
            running[name] = await stack.enter_async_context(program(folder / f"{name}.log", *words))
        found = Room(running, link, folder)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        tasks = [
            group.create_task(link.run(), name="control"),
            group.create_task(found.follow(), name="state"),
            group.create_task(found.frames.run(), name="frames"),
        ]
        try:
            await found.ready()
            yield found
        finally:
            for task in tasks:
                task.cancel()
