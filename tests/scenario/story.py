"""What the tests of whole rooms share: the room's public states in order, its TV, and how to touch its panel."""

import asyncio
import functools
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from appliance.demo import checks
from appliance.demo.stage import CLIP, TONE_HZ
from appliance.link.client import connected
from appliance.link.messages import LinkError, Message, new_boot
from appliance.state.commands import Ack, Command
from appliance.state.room import Phase, RoomState
from appliance.state.wire import from_json, tagged
from benchmarks.room import GuestView, Room, running, until

PATIENCE_S = 90
"""For a machine that has other things to do; a quiet one needs a fraction."""


def sees(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    until(condition, seconds=PATIENCE_S)


class Story:
    """All public states of a room, as a watcher sees them, across restarts of the daemon."""

    def __init__(self, runtime: Path) -> None:
        self.states: list[RoomState] = []
        self.lines: list[str] = []
        self._socket = runtime / "watch.sock"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._follow()), name="story")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _follow(self) -> None:
        reading = asyncio.create_task(self._read())
        await asyncio.to_thread(self._stop.wait)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            with suppress(OSError, LinkError, TimeoutError):
                async with connected(self._socket, role="watch", boot=new_boot()) as connection:
                    async for body in connection.states():
                        self.lines.append(str(body))
                        self.states.append(from_json(RoomState, body))
            await asyncio.sleep(0.05)

    @property
    def now(self) -> RoomState:
        return self.states[-1]

    def comes(self, what: Callable[[RoomState], bool], since: int = 0) -> RoomState:
        """Wait for a state from the one with this number on; return the first."""
        sees(lambda: any(what(state) for state in self.states[since:]))
        return next(state for state in self.states[since:] if what(state))

    def becomes(self, what: Callable[[RoomState], bool]) -> RoomState:
        """Wait until the newest state is so."""
        sees(lambda: bool(self.states) and what(self.now))
        return self.now

    def passes(self, moment: datetime) -> None:
        """Look on until this moment, for what must not happen before it; the room must be alive at the end."""
        sees(lambda: datetime.now(UTC) > moment)
        self.states.append(asyncio.run(self._ask()))

    def lets_pass(self, seconds: float) -> None:
        """Look on for some seconds."""
        self.passes(datetime.now(UTC) + timedelta(seconds=seconds))

    async def _ask(self) -> RoomState:
        async with asyncio.timeout(30), connected(self._socket, role="watch", boot=new_boot()) as connection:
            return from_json(RoomState, await anext(connection.states()))


def live(state: RoomState) -> bool:
    """Whether the room is in a call with somebody, with a camera and a microphone program that runs."""
    return state.call.phase is Phase.LIVE and bool(state.call.participants) and state.senses.connected


def idle(state: RoomState) -> bool:
    return state.call.phase is Phase.IDLE and state.wanted is None and state.senses.connected


def touch(room: Room, command: Command) -> Ack:
    """Do as a finger on the room's panel does."""
    return asyncio.run(_ask(room.stage.runtime / "panel.sock", "panel", command))


def ask_as_cli(room: Room, command: Command) -> Ack:
    """Say on the command line's socket what `salon` itself would never say."""
    return asyncio.run(_ask(room.stage.runtime / "control.sock", "control", command))


async def _ask(socket: Path, role: str, command: Command) -> Ack:
    async with asyncio.timeout(30), connected(socket, role=role, boot=new_boot()) as connection:
        await connection.send(Message("command", tagged(command), 1))
        async for message in connection.messages():
            if message.kind == "ack":
                return from_json(Ack, message.body)
    raise AssertionError("the daemon went without an answer")


def tones(guest: GuestView) -> int:
    """For how many fifths of a second the guest heard the room's microphone."""
    return sum(count for hertz, count in guest.seen().tones.items() if abs(float(hertz) - TONE_HZ) <= 10)


def frames(guest: GuestView) -> int:
    """How many pictures of the room the guest saw."""
    return guest.seen().frames


def goes_on(count: Callable[[], int], by: int = 10) -> None:
    """Wait until a counter has risen."""
    before = count()
    sees(lambda: count() >= before + by)


def falls_silent(guest: GuestView, pictures: int = 50) -> int:
    """Wait until the last sound that was on its way has come; return how many tones the guest heard in all."""
    while True:
        heard, seen = tones(guest), frames(guest)
        sees(lambda seen=seen: frames(guest) >= seen + pictures)
        if tones(guest) == heard:
            return heard


def stays_silent(guest: GuestView, heard: int, pictures: int = 40) -> None:
    """Look on while the guest gets more pictures of the room, and not one sound."""
    seen = frames(guest)
    sees(lambda: frames(guest) >= seen + pictures)
    assert tones(guest) == heard


@functools.cache
def clip() -> checks.Clip:
    """What guests play, decoded once."""
    return checks.Clip.of(CLIP)


class Tv:
    """The room's TV picture, as a file."""

    def __init__(self, room: Room) -> None:
        self.path = room.stage.out / "tv.png"

    @property
    def written(self) -> int:
        return self.path.stat().st_mtime_ns

    def grey(self) -> np.ndarray:
        picture = cv2.imread(str(self.path), cv2.IMREAD_GRAYSCALE)
        assert picture is not None
        return picture

    def shows_clip(self, state: RoomState) -> bool:
        """Whether the guest's clip is in its tile."""
        return bool(state.layout.tiles) and checks.clip_on_tv(self.path, state.layout.tiles[0], clip()) > 0.9

    def moves(self) -> None:
        """Wait until another picture is there, and then another."""
        for _ in range(2):
            old, before = self.written, self.grey()
            sees(lambda old=old, before=before: self.written != old and not np.array_equal(self.grey(), before))


def small_tv(text: str) -> str:
    """A small canvas: the same picture for a fraction of the work."""
    return text.replace("[display]\n", "[display]\nwidth = 640\nheight = 360\n")


def setting(name: str, value: str) -> Callable[[str], str]:
    """Return a change of one line that the demo's settings have."""
    return lambda text: re.sub(rf"(?m)^{name} = .*$", lambda _: f"{name} = {value}", text)


@contextmanager
def a_room(
    out: Path, *, servers: bool = True, up: tuple[str, ...] = (), more: str = "", **changes: str
) -> Iterator[tuple[Room, Story]]:
    """Run a room whose TV is a file, and tell its story; `changes` are lines of room.toml, `more` comes after them."""

    def settings(text: str) -> str:
        for name, value in changes.items():
            text = setting(name, value)(text)
        return small_tv(text) + more

    screen = f"png:{out / 'tv.png'}?every=0.25"
    with (
        running(screen=screen, servers=servers, settings=settings, up=up, out=out) as room,
        Story(room.stage.runtime) as story,
    ):
        story.becomes(lambda state: state.senses.connected and state.face.connected)
        yield room, story
