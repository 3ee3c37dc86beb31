"""The watch for asyncio: what the daemon runs."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from hardware.hotplug.watch import Presence, Source, Watch

STALLED_S = 10.0
HANGS = "a device's driver hangs, so what is plugged cannot be told: unplug what came last, or restart the room"


async def follow(source: Source, tell: Callable[[Presence], None], *, stalled_s: float = STALLED_S) -> None:
    """Call `tell` in this event loop with what is there, each time it is different, until cancelled."""
    loop = asyncio.get_running_loop()
    link = _Link(tell)

    def on_watch(seen: Presence) -> None:
        loop.call_soon_threadsafe(link.on_watch, seen)

    watch = Watch(source, on_watch)
    watch.start()
    try:
        while True:
            await asyncio.sleep(stalled_s / 4)
            link.on_age(stalled=watch.age_s() > stalled_s)
    finally:
        await asyncio.to_thread(watch.stop)


class _Link:
    """Joins what the watch says with how long it has said nothing."""

    def __init__(self, tell: Callable[[Presence], None]) -> None:
        self._tell = tell
        self._seen = Presence()
        self._told: Presence | None = None

    def on_watch(self, seen: Presence) -> None:
        self._seen = seen
        self._say(seen)

    def on_age(self, *, stalled: bool) -> None:
        if stalled or self._told:
            self._say(replace(self._seen, trouble=HANGS) if stalled else self._seen)

    def _say(self, now: Presence) -> None:
        if now != self._told:
            self._told = now
            self._tell(now)
