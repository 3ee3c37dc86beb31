"""What is done again and again while a call is on: levels told, the slate shown, pictures held back."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from appliance.link.meters import MeterServer
from appliance.media.governor import Governor, Load, Strain
from appliance.state.room import Call, Limits, Phase
from appliance.state.wishes import MediaWish, Meters, StreamStats

if TYPE_CHECKING:
    from appliance.media.studio import Studio

logger = logging.getLogger(__name__)
_METERS_S = 0.1
_COVER_LOOK_S, _COVER_EVERY_S = 0.1, 0.25
_GOVERN_S = 1.0
STATS_S = 2.0
"""How long a rate is counted at least."""
BEEN_IN = frozenset((Phase.LIVE, Phase.RECONNECTING))
"""Phases of a call whose pictures have come."""


class Upkeep:
    """Looks after the studio while a call is on. Everything here happens in the event loop."""

    def __init__(
        self,
        meters: MeterServer,
        *,
        studio: "Callable[[], Studio | None]",
        wish: Callable[[], MediaWish],
        call: Callable[[], Call],
        limited: Callable[[], None],
        temperature: Callable[[], float | None],
    ) -> None:
        """`limited` is called when the machine can bear more or less than before; `temperature` may block."""
        self._meters, self._studio, self._wish, self._call = meters, studio, wish, call
        self._limited, self._temperature = limited, temperature
        self._governor = Governor(time.monotonic())
        self._streams: tuple[StreamStats, ...] = ()
        self._counted_at = 0.0
        self._live = asyncio.Event()

    @property
    def limits(self) -> Limits:
        """What the machine can bear."""
        return self._governor.limits

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._measure(), name="meters: measure")
            tasks.create_task(self._cover(), name="slate")
            tasks.create_task(self._govern(), name="governor")

    def follow(self, *, in_call: bool) -> None:
        """Begin when a call does, rest when it is over."""
        if in_call:
            self._live.set()
        else:
            self._live.clear()

    def lift_limits(self) -> None:
        """Begin a call without limits: what the machine could bear of another is no measure for it."""
        self._governor = Governor(time.monotonic())
        if (studio := self._studio()) is not None:
            studio.pace(self.limits.fps)

    def streams(self) -> tuple[StreamStats, ...]:
        """Return how the streams do. Reports may follow each other at once; a rate needs some time to be one."""
        studio = self._studio()
        if studio is None or not self._live.is_set():
            self._streams = ()
        elif not self._streams or time.monotonic() - self._counted_at >= STATS_S:
            self._streams, self._counted_at = studio.stats(), time.monotonic()
        return self._streams

    async def _govern(self) -> None:
        """Hold pictures back while the machine cannot bear them."""
        while True:
            await self._live.wait()
            await asyncio.sleep(_GOVERN_S)
            temperature = await asyncio.to_thread(self._temperature)
            studio = self._studio()
            if studio is not None and self._call().phase in BEEN_IN:
                self._look(studio, temperature)

    def _look(self, studio: "Studio", temperature: float | None) -> None:
        before, wish = self.limits, self._wish()
        strain = Strain(studio.take_lag(), wish.display_behind, temperature)
        limits = self._governor.look(strain, Load.of(self._call(), wish.layout), time.monotonic())
        if limits != before:
            logger.info("at most %d pictures a second, %d lines high, of %d", limits.fps, limits.height, limits.tiles)
            studio.pace(limits.fps)
            self._limited()

    async def _measure(self) -> None:
        """Publish the sound levels and look after lip sync ten times a second; nothing while no device is open."""
        while True:
            await self._live.wait()
            while self._live.is_set():
                if (studio := self._studio()) is not None:
                    self._meters.put(studio.meters())
                    studio.keep_in_step()
                await asyncio.sleep(_METERS_S)
            self._meters.put(Meters())

    async def _cover(self) -> None:
        """Show others a slate while the camera should give a picture and does not."""
        while True:
            await self._live.wait()
            studio = self._studio()
            blank = studio is not None and bool(self._wish().devices.camera) and studio.blank
            if blank and studio is not None:
                await asyncio.to_thread(studio.cover)
            await asyncio.sleep(_COVER_EVERY_S if blank else _COVER_LOOK_S)
