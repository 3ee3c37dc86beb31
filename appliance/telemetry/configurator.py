"""Keeps the configuration a console wants: on disk before it acts, in force when the room is idle, given up if it ails.

Programs read their settings as they start, so a change is a fresh start of all of them: of the daemon by `StartAgain`,
of media and display as they see the file change.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from appliance.errors import StartAgain
from appliance.overlay import FILE, Overlay, OverlayFile, held_back
from appliance.sections import Settings
from appliance.settings import Own
from appliance.state.room import RoomState
from appliance.state.wire import to_json
from appliance.telemetry.configuration import (
    NOT_WELL,
    agreed,
    arrived,
    fitting,
    given_up,
    idle,
    present,
    proved,
    reported,
    started,
    tried,
    well,
)
from appliance.telemetry.protocol.orders import Desired
from appliance.telemetry.protocol.payloads import Reported

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a configuration on trial has to prove itself."""

    well_s: float = 60
    """In one piece."""
    at_most_s: float = 300


class Configurator:
    """Holds the overlay; `run` puts it into force."""

    def __init__(self, file: OverlayFile, own: Own, in_force: Settings, *, patience: Patience = Patience()) -> None:
        self._file = file
        self._own = own
        self._in_force = in_force
        self._patience = patience
        self._overlay = fitting(file.load(), lambda doc: not own.mistakes(doc))
        self._disk = ""
        self._changed = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()

    async def configure(self, desired: Desired) -> None:
        """Take a configuration; it comes into force as soon as the room is idle."""
        if desired.rev > self._overlay.seen and await self._change(lambda before: self._judged(before, desired)):
            logger.info("the console wants configuration %s; %s", desired.rev, self._overlay.refused or "it is right")

    def _judged(self, before: Overlay, desired: Desired) -> Overlay:
        after = arrived(before, desired, self._own.mistakes(desired.doc))
        if after.waiting is not None and self._own.over(after.waiting.doc) == self._in_force:
            return agreed(after)
        return after

    def reported(self) -> Reported:
        """Return what is in force."""
        tree = to_json(self._in_force)
        held = held_back(self._own.tree, self._overlay.in_force.doc)
        said = reported(self._overlay, tree, held)
        return replace(said, waits=self._disk) if self._disk else said

    async def run(self, states: AsyncIterator[RoomState]) -> None:
        """Bring into force what waits, and judge what is on trial, until cancelled; raises `StartAgain`."""
        self._room = await anext(states)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._judge(), name="configuration on trial")
            tasks.create_task(self._try(), name="configuration that waits")
            async for self._room in states:
                self._changed.set()

    async def _try(self) -> None:
        while True:
            self._changed.clear()
            waits = self._overlay.waiting is not None and idle(self._room)
            if waits and await self._change(partial(tried, needs=present(self._room))):
                raise StartAgain("the console's configuration comes into force")
            await self._changed.wait()

    async def _judge(self) -> None:
        clock = asyncio.get_running_loop().time
        began = well_since = clock()
        while self._overlay.trial is not None:
            await asyncio.sleep(min(1.0, self._patience.well_s / 4))
            if not well(self._room, self._overlay.needs):
                well_since = clock()
            if clock() - well_since >= self._patience.well_s:
                logger.info("the room is well with configuration %s", self._overlay.in_force.rev)
                await self._change(proved)
            elif clock() - began > self._patience.at_most_s and self._free:
                logger.warning("configuration %s is given up: the room is not well", self._overlay.in_force.rev)
                if await self._change(partial(given_up, why=NOT_WELL)):
                    raise StartAgain("the last good configuration comes into force again")

    @property
    def _free(self) -> bool:
        return idle(self._room) or not well(self._room, ("media",))

    async def _change(self, decide: Callable[[Overlay], Overlay]) -> bool:
        """Decide and write it down; without that nothing is done."""
        async with self._one_at_a_time:
            try:
                self._overlay = await asyncio.to_thread(self._decided, self._overlay, decide)
            except OSError as err:
                self._disk = f"The room's disk refused to store it ({err.strerror}). Check its free space."
                logger.error("the console's configuration cannot be stored: %s", err)  # noqa: TRY400 - reason enough
                return False
        self._disk = ""
        self._changed.set()
        return True

    def _decided(self, before: Overlay, decide: Callable[[Overlay], Overlay]) -> Overlay:
        after = decide(before)
        if after != before:
            self._file.save(after)
        return after


def overlay_file(state_dir: Path) -> OverlayFile:
    """Return where a room keeps what its console wants."""
    return OverlayFile(state_dir / FILE)


def count_start(own: Own) -> None:
    """Count a start of the daemon, before anything else can go wrong in it; too many give the trial up."""
    file = overlay_file(own.settings().state_dir)
    before = file.load()
    after = started(before)
    if after is not before:
        try:
            file.save(after)
        except OSError as err:
            logger.error("%s cannot be written: %s", file.path, err)  # noqa: TRY400 - the reason is enough
