"""Takes turns between calls and sound checks: a check opens loudspeaker and microphones for as long as it lasts.

A call never waits for a check: it ends one that runs. The mute line ends it too, and lets none begin.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.state.devices import DeviceKind, DeviceUse
from appliance.state.latest import Latest
from appliance.state.sound import SoundCheck

if TYPE_CHECKING:
    from appliance.media.studio import Studio

logger = logging.getLogger(__name__)
_OPEN_S = 8.0
"""How long loudspeaker and microphone may take to open."""
NEEDED = frozenset((DeviceKind.MICROPHONE, DeviceKind.SPEAKER))
MUTED = "the room's mute switch is on. Switch it off, then check the sound."
CALLED = "the room joined a meeting. Check the sound again afterwards."
STOPPED = "somebody stopped it."
RESTARTED = "the room's camera and sound were restarting. Start it again."


class SoundChecking:
    """Everything here happens in the event loop."""

    def __init__(
        self,
        *,
        studio: "Callable[[], Awaitable[Studio]]",
        uses: Mapping[DeviceKind, DeviceUse],
        forbidden: Callable[[], str],
        folder: Path,
        now: Callable[[], datetime],
        changed: Callable[[], None],
    ) -> None:
        """`uses` is how the devices do; `changed` is called when a check begins and when it ends.

        `forbidden` says why there must not be one now, empty where there may.
        """
        self._studio, self._uses, self._forbidden = studio, uses, forbidden
        self._folder, self._now, self._changed = folder, now, changed
        self._asked: Latest[int] = Latest()
        self._opened = asyncio.Event()
        self._ended = asyncio.Event()
        self.last = SoundCheck()
        """The one that runs, or the last."""

    def ask(self, number: int) -> None:
        """Check the sound, unless this very check was done already."""
        if number not in {0, self.last.asked}:
            self._asked.put(number)

    def end(self, number: int, why: str) -> None:
        """End the check that runs, or one that has not begun; its devices are let go before this returns."""
        if number not in {0, self.last.asked} or self.last.running:
            self._ended.set()
            self._say(SoundCheck(number or self.last.asked, self._now(), interrupted=True, words=(_interrupted(why),)))

    def device_changed(self) -> None:
        """Look again whether loudspeaker and microphone are open."""
        self._opened.set()

    async def run(self) -> None:
        """Do what is asked until cancelled."""
        async for asked in self._asked.values():
            if asked == self.last.asked:
                continue
            why = self._forbidden()
            if why:
                self.end(asked, why)
            else:
                await self._check_until_ended(asked)
            logger.info("the sound was checked: %s", " ".join(self.last.words))

    async def _check_until_ended(self, asked: int) -> None:
        self._ended.clear()
        self._say(SoundCheck(asked, running=True))
        checking = asyncio.create_task(self._check(asked), name="sound check: measuring")
        ended = asyncio.create_task(self._ended.wait(), name="sound check: ended")
        try:
            await asyncio.wait({checking, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                self._say(checking.result())
        finally:
            for task in (checking, ended):
                task.cancel()
            await asyncio.gather(checking, ended, return_exceptions=True)

    def _say(self, check: SoundCheck) -> None:
        self.last = check
        self._changed()

    async def _check(self, asked: int) -> SoundCheck:
        studio = await self._studio()
        self._changed()
        try:
            async with asyncio.timeout(_OPEN_S):
                while self._closed():
                    self._opened.clear()
                    await self._opened.wait()
        except TimeoutError:
            words = tuple(f"The {kind} does not work. {self._uses[kind].error}".strip() for kind in self._closed())
            return SoundCheck(asked, self._now(), words=words)
        from appliance.media.soundcheck import check_sound  # noqa: PLC0415 - numpy, not before it is needed

        return await check_sound(studio.mixer, studio.microphones, asked=asked, folder=self._folder, now=self._now)

    def _closed(self) -> list[DeviceKind]:
        return [kind for kind in sorted(NEEDED) if not self._uses[kind].open]


def _interrupted(why: str) -> str:
    return f"The sound check was interrupted: {why}"
