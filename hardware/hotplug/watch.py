"""Keeps telling which devices are there. Events make it quick; only looking makes it true.

Every list it tells comes from enumeration: soon after an event, and regularly, because events get lost, and because
some changes bring none (a TV's connector that is forced off, a driver that forgets).
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol, Self

from hardware.ports import DeviceError, Found

logger = logging.getLogger(__name__)
STOP_S = 1.0
_UNFORESEEN = "what is plugged in cannot be told, for a reason nobody foresaw: the log of salon daemon says which"


@dataclass(frozen=True, slots=True)
class Timing:
    """When to look."""

    quiet_s: float = 0.2
    """After an event, wait until none came for so long: plugging in one camera is a dozen of them."""
    storm_s: float = 0.5
    """But look at last after this time."""
    period_s: float = 2.0
    """Without any event. A TV that comes and goes without one is noticed within it."""


class Events(Protocol):
    """Where hints come from."""

    @property
    def trouble(self) -> str:
        """Why none come, or nothing."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where devices are looked up, and what tells that it is time to."""

    enumerate: Callable[[], tuple[Found, ...]]
    """The truth; raises `DeviceError`."""
    events: Callable[[Callable[[], None]], AbstractContextManager[Events]] | None = None
    """Takes what is to be called when something may have changed."""
    timing: Timing = Timing()


@dataclass(frozen=True, slots=True)
class Presence:
    """What is there, as far as it could be found out."""

    found: tuple[Found, ...] = ()
    trouble: str = ""
    """What keeps us from knowing it, or from knowing it at once: a sentence for the room's user, or nothing."""


class Watch:
    """Calls `tell`, from its own thread, with what is there: at the start, and each time it is different.

    Nothing ends the watch but leaving it. While devices cannot be listed, what was there last still counts.
    """

    def __init__(self, source: Source, tell: Callable[[Presence], None]) -> None:
        self._source, self._tell = source, tell
        self._hinted, self._stopping = threading.Event(), threading.Event()
        self._told: Presence | None = None
        self._looked_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="hotplug", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start watching; once in a watch's life."""
        self._thread.start()

    def stop(self) -> None:
        """Tell nothing from now on, and wait up to `STOP_S` for the thread.

        A driver that hangs in sysfs must not hang the room as well; its thread ends with the process.
        """
        self._stopping.set()
        self._hinted.set()
        self._thread.join(STOP_S)

    def age_s(self) -> float:
        """Return how long ago the devices were listed, or could not be."""
        return time.monotonic() - self._looked_at

    def _run(self) -> None:
        events = self._source.events
        with events(self._hinted.set) if events else nullcontext() as listening:
            while True:
                self._hinted.clear()  # first, so that what happens while looking is looked at again
                if self._stopping.is_set():
                    return
                self._look(listening.trouble if listening else "")
                self._wait()

    def _look(self, trouble: str) -> None:
        try:
            now = Presence(self._source.enumerate(), trouble)
        except DeviceError as err:
            now = self._unlisted(str(err))
        except Exception:  # what nobody foresaw must not end the watch: the next look may well succeed
            now = self._unlisted(_UNFORESEEN)
            if now != self._told:
                logger.exception("the devices cannot be listed")
        self._looked_at = time.monotonic()
        if now != self._told and not self._stopping.is_set():
            self._told = now
            self._tell(now)

    def _unlisted(self, trouble: str) -> Presence:
        return Presence(self._told.found if self._told else (), trouble)

    def _wait(self) -> None:
        """Return when it is time to look again."""
        if not self._hinted.wait(self._source.timing.period_s):
            return
        latest = time.monotonic() + self._source.timing.storm_s
        while not self._stopping.is_set() and (left := latest - time.monotonic()) > 0:
            self._hinted.clear()
            if not self._hinted.wait(min(left, self._source.timing.quiet_s)):
                return
