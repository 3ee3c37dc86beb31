"""Lets time pass in the room: runs the lifecycle's rules whenever the state changes or a moment they wait for comes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from appliance.desired import Desired, forget_stale
from appliance.dispatch import left, rebooked
from appliance.lifecycle.rules import Decision, Timing, booked_end, next_countdown, next_wake, should_leave
from appliance.state.commands import Ack, AckStatus, Command, JoinMeeting, Origin
from appliance.state.events import CountdownChanged, NoticeGiven
from appliance.state.room import Countdown, Phase, RoomState
from appliance.state.store import RoomStore

logger = logging.getLogger(__name__)
_AT_LEAST_EVERY_S = 30.0
"""The wall clock may jump (no battery clock on a Pi): look again although no moment is due."""


class Conductor:
    """Counts down, joins and leaves by itself."""

    def __init__(
        self,
        store: RoomStore,
        timing: Timing,
        *,
        desired: Callable[[], Desired],
        dispatch: Callable[[Command, Origin], Awaitable[Ack]],
        change: Callable[[Callable[[Desired], Desired]], Awaitable[None]],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._timing = timing
        self._desired = desired
        self._dispatch = dispatch
        self._change = change
        self._now = now
        self._alone_since: datetime | None = None

    async def run(self) -> None:
        """Apply the rules until cancelled."""
        changed = asyncio.Event()
        watching = asyncio.create_task(self._watch(changed), name="conductor watch")
        try:
            while True:
                changed.clear()
                await self._step()
                await self._wait(changed)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self, changed: asyncio.Event) -> None:
        async for _ in self._store.watch():
            changed.set()

    async def _step(self) -> None:
        now = self._now()
        await self._change(lambda desired: forget_stale(desired, now))
        await self._follow_booking()
        state = self._store.state
        self._note_company(state, now)
        if state.wanted is not None and state.call.phase is Phase.IDLE:
            await self._end(state.call.reason or "The meeting has ended.")
        elif should_leave(state.wanted, state.call, self._alone_since, now, self._timing):
            await self._end("The meeting is over and nobody else is there.")
        await self._count_down(now)

    async def _follow_booking(self) -> None:
        """Take over a new end of the meeting the room is in."""
        state = self._store.state
        wanted = state.wanted
        if wanted is None or state.call.phase in {Phase.IDLE, Phase.LEAVING}:
            return
        ends_at = booked_end(wanted, state.agenda)
        if ends_at != wanted.ends_at:
            logger.info("the meeting is booked until another time now")
            await self._change(lambda desired: rebooked(desired, wanted.key, ends_at))

    def _note_company(self, state: RoomState, now: datetime) -> None:
        alone = state.call.phase is Phase.LIVE and not state.call.participants
        if not alone:
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = now

    async def _end(self, reason: str) -> None:
        logger.info("leaving: %s", reason)
        await self._change(lambda desired: left(desired, Decision.ENDED))
        self._store.apply(NoticeGiven(reason))

    async def _count_down(self, now: datetime) -> None:
        state, desired = self._store.state, self._desired()
        countdown = next_countdown(state.agenda, desired.decided, state.countdown, state.wanted, now, self._timing)
        if countdown is not None and now >= countdown.joins_at:
            await self._join(countdown)
            countdown = None
        if countdown != self._store.state.countdown:
            self._store.apply(CountdownChanged(countdown))

    async def _join(self, countdown: Countdown) -> None:
        logger.info("joining the meeting booked for %s", countdown.start.isoformat(timespec="minutes"))
        ack = await self._dispatch(JoinMeeting(countdown.key), Origin.CALENDAR)
        if ack.status is not AckStatus.OK:
            self._store.apply(NoticeGiven(ack.reason))
            await self._change(lambda desired: desired.deciding(countdown.key, Decision.ENDED))

    async def _wait(self, changed: asyncio.Event) -> None:
        state, now = self._store.state, self._now()
        wake = next_wake(
            state.agenda, state.countdown, state.wanted, self._alone_since, now, self._timing, state.call.since
        )
        wait_s = _AT_LEAST_EVERY_S if wake is None else min((wake - now).total_seconds(), _AT_LEAST_EVERY_S)
        try:
            async with asyncio.timeout(max(wait_s, 0.0)):
                await changed.wait()
        except TimeoutError:
            return
