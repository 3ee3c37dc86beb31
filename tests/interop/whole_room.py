"""A whole room as real processes, met from outside: its state, its panel's socket, its TV and its loudspeaker."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from fake_devices import has_beep, looks_like_fake_camera

from appliance.demo import stage as staging
from appliance.demo.checks import Clip, clip_on_tv
from appliance.demo.stage import ROOM_NAME, TITLE, Stage
from appliance.link.client import connected
from appliance.link.messages import LinkError, Message, new_boot
from appliance.state.commands import Ack, AckStatus, Command
from appliance.state.layout import Tile
from appliance.state.room import Phase, RoomState
from appliance.state.wire import from_json, tagged
from hardware.ports import SAMPLE_RATE

ROOT = Path(__file__).parents[2]
LOOPBACK = "127.0.0.1"
PATIENCE_S = 90.0
"""For a machine that has other things to do; a quiet one needs a tenth."""
_SOON_S = 6
_LOOK_S = 0.1
_TAIL_S = 4

Picture = np.ndarray[Any, np.dtype[np.uint8]]
Sound = np.ndarray[Any, np.dtype[np.int16]]


class WholeRoom:
    """A running room."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.states: list[RoomState] = []
        """Every public state that a watcher was told, in order."""

    @property
    def now(self) -> RoomState:
        return self.states[-1]

    async def follow(self) -> None:
        """Read the public state as any watcher may, until cancelled."""
        while True:
            with suppress(OSError, LinkError, TimeoutError):
                async with connected(self.stage.runtime / "watch.sock", role="watch", boot=new_boot()) as connection:
                    async for body in connection.states():
                        self.states.append(from_json(RoomState, body))
            await asyncio.sleep(_LOOK_S)  # it is not there yet

    async def until(self, what: Callable[[RoomState], bool]) -> RoomState:
        """Wait until the room says it is so."""
        await eventually(lambda: bool(self.states) and what(self.now), lambda: f"the room says {self.now.call}")
        return self.now

    async def invite(self) -> str:
        """Make a guest link on the room's own hub, as its owner does."""
        words = ("hub", "invite", "--title", TITLE)
        process = await asyncio.create_subprocess_exec(
            *salon(self.stage, *words), cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate()
        assert process.returncode == 0
        return said.decode().strip()

    def book(self, link: str) -> datetime:
        """Put a meeting into the calendar that starts on a whole second soon; return when."""
        start = datetime.fromtimestamp(int(time.time()) + _SOON_S, UTC)
        staging.schedule(self.stage, link, start, timedelta(minutes=20))
        return start

    async def joins_by_itself(self, start: datetime) -> RoomState:
        """Wait until the room is in the meeting: after a countdown, from the booked instant on and not before."""
        await self.until(lambda state: state.call.phase is Phase.LIVE)
        assert any(state.countdown is not None and state.countdown.start == start for state in self.states)
        began = next(state.call.since for state in self.states if state.call.phase is not Phase.IDLE)
        assert began is not None
        assert began >= start
        return self.now

    async def touch(self, command: Command) -> None:
        """Do as a finger on the room's panel does."""
        panel = self.stage.runtime / "panel.sock"
        async with asyncio.timeout(PATIENCE_S), connected(panel, role="panel", boot=new_boot()) as connection:
            await connection.send(Message("command", tagged(command), 1))
            async for message in connection.messages():
                if message.kind == "ack":
                    assert from_json(Ack, message.body).status is AckStatus.OK
                    return

    def tile(self, name: str) -> Picture | None:
        """Return what the TV shows in somebody's tile, as an RGB array; None without one."""
        tile = self._tile_of(name)
        shown = cv2.imread(str(self._picture))
        if tile is None or shown is None:
            return None
        return cv2.cvtColor(shown[tile.y : tile.y + tile.h, tile.x : tile.x + tile.w], cv2.COLOR_BGR2RGB)

    def clip_in_tile(self, name: str, clip: Clip) -> float:
        """Return how alike somebody's tile and the demo's clip are."""
        tile = self._tile_of(name)
        return clip_on_tv(self._picture, tile, clip) if tile is not None else 0.0

    async def shows_fake_camera_of(self, name: str) -> None:
        """Wait until a browser's test picture is in its guest's tile on the TV, and another one after it."""

        def it_does() -> bool:
            tile = self.tile(name)
            return tile is not None and looks_like_fake_camera(tile)

        await eventually(it_does, lambda: f"{name} is not on the TV: {self.now.layout.tiles}")
        before = self.tile(name)
        await eventually(lambda: it_does() and not np.array_equal(self.tile(name), before), lambda: f"{name} stands")

    async def plays_beep(self) -> None:
        """Wait until a browser's beep was at the loudspeaker for the last few seconds."""
        await eventually(lambda: has_beep(self.played(_TAIL_S), SAMPLE_RATE), lambda: "no beep at the loudspeaker")

    def played(self, seconds: float) -> Sound:
        """Return the newest sound of the loudspeaker's recording, which has a 44 byte header and still grows."""
        raw = self.stage.speaker.read_bytes()[44:] if self.stage.speaker.exists() else b""
        return np.frombuffer(raw[: len(raw) // 2 * 2], np.int16)[-int(seconds * SAMPLE_RATE) :]

    @property
    def _picture(self) -> Path:
        return self.stage.out / "tv.png"

    def _tile_of(self, name: str) -> Tile | None:
        people = {person.id for person in self.now.call.participants if person.name == name}
        return next((tile for tile in self.now.layout.tiles if tile.person in people), None)


async def eventually(condition: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    """Look again and again until something is so."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await asyncio.sleep(_LOOK_S)
    except TimeoutError as err:
        raise AssertionError(otherwise()) from err


def salon(stage: Stage, *words: str) -> tuple[str, ...]:
    """Return the command line of a `salon` command for this room."""
    return (sys.executable, "-m", "appliance.cli", "--config", str(stage.config), *words)


@asynccontextmanager
async def whole_room(
    out: Path,
    *,
    name: str = ROOM_NAME,
    hub_at: str = LOOPBACK,
    may_join: str = LOOPBACK,
    more: str = "",
    hub: bool = True,
) -> AsyncIterator[WholeRoom]:
    """Run a room, its hub and its broker until the block ends; yields it once its programs are there.

    `hub_at` is where its hub listens, `may_join` the meeting server it joins by itself, `more` further settings.
    """
    stage = staging.build(out)
    _settle(stage, name=name, hub_at=hub_at, may_join=may_join, more=more)
    try:
        async with _up(stage, hub=hub) as room:
            yield room
    finally:
        shutil.rmtree(stage.folder)


@asynccontextmanager
async def _up(stage: Stage, *, hub: bool) -> AsyncIterator[WholeRoom]:
    out = stage.out
    servers = ["--broker", *(["--hub"] if hub else [])]
    with (out / "up.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *salon(stage, "up", *servers, "--panel", "headless", "--logs", str(out / "logs")),
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stderr=log,
            env=os.environ | {"SALON_PARENT": str(os.getpid())},
        )
    room = WholeRoom(stage)
    following = asyncio.create_task(room.follow(), name="follow the room")
    try:
        await room.until(lambda state: state.senses.connected and state.face.lit)
        yield room
    finally:
        following.cancel()
        process.terminate()
        await process.wait()


def _settle(stage: Stage, *, name: str, hub_at: str, may_join: str, more: str) -> None:
    """Change the stage's settings, which are for a room that has nothing but loopback and the machine to itself."""
    text = stage.config.read_text()
    camera = f"sim:pattern?mark={name}&size=640x360&fps=15"
    for section, key, value in (
        ("room", "name", name),
        ("hub", "address", hub_at),
        ("calendar", "auto_join_hosts", [may_join]),
        ("devices", "camera", [camera]),
    ):
        line = f"{key} = {value!r}".replace("'", '"')
        text = "\n".join(old for old in text.splitlines() if not old.startswith(f"{key} ="))
        text = text.replace(f"[{section}]\n", f"[{section}]\n{line}\n")
    stage.config.write_text(f"{text}\n{more}")
