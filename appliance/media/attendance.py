"""Is in the call that is desired: one at a time, and the one before is left first."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from appliance.media.call import CallRunner, Stage
from appliance.meetings.provider import Provider, Session
from appliance.state.latest import Latest
from appliance.state.room import Call
from appliance.state.wishes import CallWish

_LEAVE_S = 2.0


@dataclass(frozen=True, slots=True)
class Venue:
    """What a call needs of the room: where its streams go, and the servers that are known."""

    stage: Stage
    providers: Sequence[Provider]


@dataclass(frozen=True, slots=True)
class _Desired:
    """The call to be in; a value of its own, because None is one of them."""

    call: CallWish | None


class Attendance:
    """Everything here happens in the event loop."""

    def __init__(
        self,
        *,
        venue: Callable[[], Awaitable[Venue]],
        prepare: Callable[[Session], None],
        changed: Callable[[Call], None],
        now: Callable[[], datetime],
    ) -> None:
        """`venue` may take its time on first need; `prepare` sees each session before it runs."""
        self._venue, self._prepare, self._changed, self._now = venue, prepare, changed, now
        self._wish: CallWish | None = None
        self._desired: Latest[_Desired] = Latest()
        self._runner: CallRunner | None = None

    @property
    def session(self) -> Session | None:
        """The stay in progress."""
        return self._runner.session if self._runner is not None else None

    def want(self, wish: CallWish | None) -> None:
        """Be in this call from now on, or in none; the same call again may end at another time."""
        before, self._wish = self._wish, wish
        if not same_call(before, wish):
            self._desired.put(_Desired(wish))

    async def run(self) -> None:
        """Follow what is wanted until cancelled; then the call is left."""
        async with asyncio.TaskGroup() as group:
            task: asyncio.Task[None] | None = None
            async for desired in self._desired.values():
                if task is not None:
                    await self._leave(task)
                if self._wish is None:
                    self._changed(Call())
                task = None
                if desired.call is not None:
                    task = group.create_task(self._be_in(desired.call), name="call")

    async def _be_in(self, wish: CallWish) -> None:
        venue = await self._venue()

        def changed(call: Call) -> None:
            # what a call says while it is being left is of no interest any more
            if same_call(wish, self._wish):
                self._changed(call)

        def ends_at() -> datetime | None:
            return self._wish.ends_at if self._wish is not None else None

        runner = CallRunner(
            wish, providers=venue.providers, stage=venue.stage, changed=changed, now=self._now, ends_at=ends_at
        )
        self._runner = runner
        try:
            await runner.run(self._prepare)
        finally:
            # one that took long to leave must not take the next one's place with it
            if self._runner is runner:
                self._runner = None

    async def _leave(self, task: asyncio.Task[None]) -> None:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=_LEAVE_S)
        if self._runner is not None:
            # it may be leaving still: the next call must find the stage empty, and keep what it puts there
            self._runner.dismiss()
            self._runner = None


def same_call(a: CallWish | None, b: CallWish | None) -> bool:
    """Whether both mean the same call; a new key or attempt is a new one."""
    if a is None or b is None:
        return a is b
    return (a.key, a.attempt) == (b.key, b.attempt)
