"""Which devices are open, which should be, and how each one does."""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable, Coroutine
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from appliance.media.keeper import closed_device
from appliance.media.probe import probe, worth_probing
from appliance.media.selftest import self_test
from appliance.state.clean import clean_text
from appliance.state.devices import DeviceKind, DeviceTry, DeviceUse
from appliance.state.selftest import SelfTest
from appliance.state.wishes import Devices
from hardware import registry
from hardware.ports import DeviceError

if TYPE_CHECKING:
    from appliance.media.studio import Studio

logger = logging.getLogger(__name__)
_LOOK_S = 2.0
"""How soon a better device is noticed without the daemon, which sees it come at once."""
_LISTED_S = 5.0
"""How long the system may take to say what is plugged in."""
_AGAIN_S = 60.0
"""No device is tried more often than this, unless somebody asks for it: cameras have lamps, and people see them."""
_ERROR = 200
_TRIED = frozenset((DeviceKind.CAMERA, DeviceKind.MICROPHONE, DeviceKind.SPEAKER))
_Place = tuple[DeviceKind, str]
T = TypeVar("T")
_IN_USE = "the devices are in use."
_DEAF = "the room's mute switch is on."
_INTERRUPTED = "a meeting began, or the room's mute switch was set."


class Equipment:
    """Everything here happens in the event loop; opening and closing are the studio's threads'."""

    def __init__(
        self,
        changed: Callable[[], None],
        *,
        deaf: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """While `deaf()` no microphone is tried: the mute line is asserted."""
        self.uses = {kind: DeviceUse(kind) for kind in DeviceKind}
        self._changed, self._deaf, self._clock = changed, deaf, clock
        self._studio: Studio | None = None
        self._devices = Devices()
        self._needed: AbstractSet[DeviceKind] = frozenset()
        self._absent: set[str] = set()
        """Devices that were not there at the last look."""
        self._tried_again: set[str] = set()
        """Missed devices that were there and yet did not work when they were tried once more."""
        self.probed = 0
        """How often devices were tried."""
        self._to_try: frozenset[_Place] = frozenset()
        self._tried_at: dict[_Place, float] = {}
        self._trying: frozenset[_Place] = frozenset()
        """What is being tried and has not been yet."""
        self._asked = False
        """Somebody asked for all of them to be tried."""
        self.tested = SelfTest()
        self._to_test = 0
        """The self-test that was asked for."""
        self._testing = False
        self._look = asyncio.Event()
        self._probe = asyncio.Event()
        self._in_use = asyncio.Event()
        self._no_probe = asyncio.Event()
        """Those that are tried are needed, or must not be open any more."""

    def equip(self, studio: "Studio | None", devices: Devices, needed: AbstractSet[DeviceKind]) -> None:
        """Open the devices that are needed now, close the others."""
        self._studio, self._devices, self._needed = studio, devices, needed
        if needed:
            self._to_try = self._left_to_try()
            self._in_use.set()
            self._no_probe.set()
        else:
            self._in_use.clear()
            self._probe.set()
        if studio is not None:
            studio.use(devices, needed)
        for kind, use in self.uses.items():
            if kind not in needed and not use.open and not _of_list(use, devices.of(kind)):
                self.uses[kind] = closed_device(kind, devices.of(kind))

    def heard(self, use: DeviceUse) -> None:
        """Take in what a device's keeper says; of those it did not come to, what was found out before still counts."""
        known = {old.uri: old for old in (*self.uses[use.kind].tries, *use.tries)}
        listed = {uri: known[uri] for uri in self._devices.of(use.kind) if uri in known}
        told = {tried.uri: tried for tried in use.tries}
        self.uses[use.kind] = _clean(replace(use, tries=tuple((listed | told).values())))
        self._changed()

    def reported(self) -> tuple[DeviceUse, ...]:
        """Return how all do; an HDMI input only where there is one."""
        return tuple(use for kind, use in self.uses.items() if kind is not DeviceKind.SHARE or self._devices.share)

    def broken(self) -> frozenset[DeviceKind]:
        """Return the kinds of which no device works."""
        return frozenset(kind for kind, use in self.uses.items() if not use.healthy)

    def look_now(self) -> None:
        """Look whether a better device has come: somebody saw one come."""
        self._look.set()

    def probe_now(self, kinds: AbstractSet[DeviceKind] = _TRIED, *, asked: bool = False) -> None:
        """Try the devices of these kinds as soon as none is in use; unasked, none within a minute of the last time."""
        places = frozenset((kind, uri) for kind in kinds & _TRIED for uri in self._devices.of(kind))
        if asked:
            self._asked = True
            self._tried_at = {place: at for place, at in self._tried_at.items() if place not in places}
        self._to_try |= places
        self._to_try = self._left_to_try()
        self._probe.set()

    def test_now(self, number: int) -> None:
        """Try all devices, then play a tone and listen for it, and look at what the cameras show."""
        self._to_test = number
        self.probe_now(asked=True)

    def line_changed(self) -> None:
        """Close a microphone that is tried when the mute line is asserted, and try it when it is not any more."""
        if not self._deaf():
            self._probe.set()
        elif self._testing:
            self._no_probe.set()
        elif any(kind is DeviceKind.MICROPHONE for kind, _ in self._trying):
            self._to_try |= self._trying
            self._no_probe.set()

    async def run(self) -> None:
        """Look after the devices until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_looking(), name="equipment: look")
            tasks.create_task(self._keep_probing(), name="equipment: probe")

    async def _keep_looking(self) -> None:
        while True:
            await self._in_use.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._look.wait()
            self._look.clear()
            for kind in self._needed:
                await self._look_for_missed(kind)

    async def _look_for_missed(self, kind: DeviceKind) -> None:
        """Go back to a device that was missed, once each time that it comes; others that come are untried again."""
        studio, uris = self._studio, self._devices.of(kind)
        if studio is None:
            return
        there = await _there(kind, uris)
        if there is None:
            return
        came, self._absent = self._absent & there, (self._absent - there) | (set(uris) - there)
        missed = set(studio.missed(kind)) & there
        self._tried_again -= set(uris) - there
        for uri in came - missed:
            self._untried(studio, kind, uri)
        if not missed <= self._tried_again:
            logger.info("%s: one that was missed is there", kind)
            self._tried_again |= missed
            studio.try_again(kind)

    def _untried(self, studio: "Studio", kind: DeviceKind, uri: str) -> None:
        use = self.uses[kind]
        if not (use.open and use.uri == uri):
            studio.forget(kind, uri)
            self.uses[kind] = replace(use, tries=tuple(tried for tried in use.tries if tried.uri != uri))
            self._changed()

    async def _keep_probing(self) -> None:
        while True:
            await self._until_some_are_due()
            places = self._due()
            if places:
                await self._try(places)
            if self._to_test:
                await self._test()
            if not self._needed and (places or self._asked):
                self._asked = False
                self.probed += 1
                self._changed()

    def _left_to_try(self) -> frozenset[_Place]:
        """Return what is to be tried still: nothing a chime has open, and nothing after a call, unless asked for."""
        if self._asked:
            return self._to_try
        if DeviceKind.MICROPHONE in self._needed:
            return frozenset()
        return frozenset(place for place in self._to_try if place[0] not in self._needed)

    async def _until_some_are_due(self) -> None:
        """Wait until a device may be tried, or something changed about that."""
        waits = [self._due_at(place) - self._clock() for place in self._may_try()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(waits)) if waits else None):
                await self._probe.wait()
        self._probe.clear()

    def _may_try(self) -> frozenset[_Place]:
        if self._needed or not (self._asked or worth_probing(self._devices)):
            return frozenset()
        listed = {(kind, uri) for kind in _TRIED for uri in self._devices.of(kind)}
        silent = {DeviceKind.MICROPHONE} if self._deaf() else set()
        return frozenset(place for place in self._to_try & listed if place[0] not in silent)

    def _due_at(self, place: _Place) -> float:
        return self._tried_at.get(place, -math.inf) + _AGAIN_S

    def _due(self) -> frozenset[_Place]:
        return frozenset(place for place in self._may_try() if self._due_at(place) <= self._clock())

    async def _try(self, places: frozenset[_Place]) -> None:
        """Try devices, until some are needed or must be closed."""
        self._to_try -= places
        self._trying = places
        self._tried_at |= dict.fromkeys(places, self._clock())
        try:
            await self._unless_needed(probe(_only(self._devices, places), self._tried))
        finally:
            self._trying = frozenset()

    async def _test(self) -> None:
        """Test sound and pictures, unless devices are needed or must be closed meanwhile."""
        asked, self._to_test = self._to_test, 0
        found = SelfTest(why=_IN_USE)
        if self._deaf():
            found = SelfTest(why=_DEAF)
        elif not self._needed:
            self._testing = True
            try:
                found = await self._unless_needed(self_test(self._devices)) or SelfTest(why=_INTERRUPTED)
            finally:
                self._testing = False
        self.tested = replace(found, asked=asked)
        self._changed()

    async def _unless_needed(self, work: Coroutine[None, None, T]) -> T | None:
        """Work with devices that are closed otherwise; None when they were needed before that was done."""
        self._no_probe.clear()
        working = asyncio.create_task(work, name="equipment: probing")
        ended = asyncio.create_task(self._no_probe.wait(), name="equipment: ended")
        try:
            await asyncio.wait({working, ended}, return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() and not ended.done() else None
        finally:
            for task in (working, ended):
                task.cancel()
            await asyncio.gather(working, ended, return_exceptions=True)

    def _tried(self, kind: DeviceKind, tried: DeviceTry) -> None:
        use = self.uses[kind]
        self._trying -= {(kind, tried.uri)}
        if kind not in self._needed and tried.uri in self._devices.of(kind):
            self.heard(replace(use, tries=(tried,)))


async def _there(kind: DeviceKind, uris: tuple[str, ...]) -> set[str] | None:
    """Return which devices are plugged in; None while that cannot be told, as when a driver hangs."""
    try:
        async with asyncio.timeout(_LISTED_S):
            return {uri for uri in uris if await asyncio.to_thread(_present, kind, uri)}
    except (DeviceError, TimeoutError) as err:
        logger.debug("%s: nobody can tell what is plugged in: %s", kind, err)
        return None


def _present(kind: DeviceKind, uri: str) -> bool:
    """Whether a device is plugged in; raise `DeviceError` when that cannot be told."""
    try:
        return registry.present("capture" if kind is DeviceKind.SHARE else kind, uri)
    except (OSError, ValueError):
        return False


def _only(devices: Devices, places: frozenset[_Place]) -> Devices:
    def kept(kind: DeviceKind) -> tuple[str, ...]:
        return tuple(uri for uri in devices.of(kind) if (kind, uri) in places)

    return Devices(kept(DeviceKind.CAMERA), kept(DeviceKind.MICROPHONE), kept(DeviceKind.SPEAKER))


def _of_list(use: DeviceUse, uris: tuple[str, ...]) -> bool:
    """Whether what is known of a closed device is about this list."""
    return use.uri == (uris[0] if uris else "") and all(tried.uri in uris for tried in use.tries)


def _clean(use: DeviceUse) -> DeviceUse:
    tries = tuple(
        replace(tried, name=clean_text(tried.name), error=clean_text(tried.error, _ERROR)) for tried in use.tries
    )
    return replace(use, name=clean_text(use.name), error=clean_text(use.error, _ERROR), tries=tries)
