"""One call, from the wish to be in it until it is over: joins, joins again when the connection breaks, and says so."""

import asyncio
import itertools
import logging
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from appliance.meetings.provider import (
    Bound,
    Closed,
    Ended,
    Event,
    Joined,
    JoinFailed,
    JoinSpec,
    NoProvider,
    Opened,
    Provider,
    RosterChanged,
    Sent,
    Session,
    Slot,
    SpeakersChanged,
    Unbound,
    provider_for,
)
from appliance.state.layout import PersonId
from appliance.state.room import Call, Phase
from appliance.state.wishes import CallWish

logger = logging.getLogger(__name__)
SPEAKERS_S = 0.5
BACKOFF_S = (0.5, 1.0, 2.0, 4.0, 8.0)
_WITHOUT_END = timedelta(minutes=10)
"""How long re-joining is tried when nobody knows when the meeting ends."""
_RUNS_LATE = timedelta(minutes=1)
"""How long re-joining is tried at least, also after the booked end: people may still be there."""
_STABLE = timedelta(seconds=20)
"""A stay this long makes the next trouble a new one."""


class Stage(Protocol):
    """What a call does with the streams it gets; the studio is one."""

    def bind(self, bound: Bound) -> None: ...

    def unbind(self, unbound: Unbound) -> None: ...

    def send_to(self, slot: Slot, out: Sent | None) -> None: ...

    def strike(self) -> None:
        """Nothing comes and nothing goes any more."""


class CallRunner:
    """Runs one wished call; `changed` hears every new state of it."""

    def __init__(
        self,
        wish: CallWish,
        *,
        providers: Sequence[Provider],
        stage: Stage,
        changed: Callable[[Call], None],
        now: Callable[[], datetime],
        ends_at: Callable[[], datetime | None],
    ) -> None:
        """`ends_at` says until when the meeting is booked, which may change while it is on."""
        self._ends_at = ends_at
        self._wish, self._providers, self._stage, self._changed, self._now = wish, providers, stage, changed, now
        self._call = Call(Phase.JOINING, wish.key, wish.title, now())
        self._speakers: tuple[PersonId, ...] = ()
        self._settling: asyncio.TimerHandle | None = None
        self._dismissed = False
        self.session: Session | None = None
        """The stay in progress, for layout and mute."""

    async def run(self, prepare: Callable[[Session], None]) -> None:
        """Be in the call until cancelled, or until it is over for good. `prepare` sees each session before it runs."""
        self._changed(self._call)
        try:
            ended = await self._attend(prepare)
            self._update(replace(self._call, phase=Phase.IDLE, participants=(), speakers=(), reason=ended.reason))
            logger.info("the call is over: %s", ended.reason)
        except asyncio.CancelledError:
            self._update(replace(self._call, phase=Phase.IDLE, participants=(), speakers=(), reason=""))
            raise

    def dismiss(self) -> None:
        """Clear the stage, which is another's from now on: this call may take its time to leave, unheard and unseen."""
        if not self._dismissed:
            self._stage.strike()
            self._dismissed = True

    async def _attend(self, prepare: Callable[[Session], None]) -> Ended:
        """Join again and again while that is worth trying; return why it is not any more."""
        waits, trouble_since = _waits(), self._now()
        while True:
            began = self._now()
            ended = await self._stay(prepare)
            if not ended.retryable:
                return ended
            now = self._now()
            if self._call.phase is Phase.LIVE and now - began > _STABLE:
                waits, trouble_since = _waits(), now
            if now >= self._give_up_at(trouble_since):
                return replace(ended, reason=f"could not get back in: {ended.reason}")
            was_in = self._call.phase in {Phase.LIVE, Phase.RECONNECTING}
            phase = Phase.RECONNECTING if was_in else Phase.JOINING
            self._update(replace(self._call, phase=phase, speakers=(), reason=ended.reason))
            logger.warning("the call is interrupted: %s; joining again", ended.reason)
            await asyncio.sleep(next(waits))

    def _give_up_at(self, trouble_since: datetime) -> datetime:
        ends_at = self._ends_at()
        return trouble_since + _WITHOUT_END if ends_at is None else max(ends_at, trouble_since + _RUNS_LATE)

    async def _stay(self, prepare: Callable[[Session], None]) -> Ended:
        try:
            provider = provider_for(self._wish.url, self._providers)
            self.session = provider.session(JoinSpec(self._wish.url, self._wish.name))
            prepare(self.session)
            return await self.session.run(self._happened)
        except NoProvider as err:
            return Ended(str(err), retryable=False)
        except JoinFailed as err:
            return Ended(str(err), err.retryable)
        finally:
            self.session = None
            if not self._dismissed:
                self._stage.strike()

    def _happened(self, event: Event) -> None:
        if self._dismissed:
            return
        match event:
            case Joined():
                self._update(replace(self._call, phase=Phase.LIVE, reason=""))
                logger.info("in the call")
            case RosterChanged(participants):
                self._update(replace(self._call, participants=participants))
            case SpeakersChanged(speakers):
                self._speakers_changed(speakers)
            case Bound():
                self._stage.bind(event)
            case Unbound():
                self._stage.unbind(event)
            case Opened(slot, out):
                self._stage.send_to(slot, out)
            case Closed(slot):
                self._stage.send_to(slot, None)

    def _speakers_changed(self, speakers: tuple[PersonId, ...]) -> None:
        """Show a change of speakers at once, and the next not before half a second has passed."""
        self._speakers = speakers
        if self._settling is None:
            self._update(replace(self._call, speakers=speakers))
            self._settling = asyncio.get_running_loop().call_later(SPEAKERS_S, self._speakers_settled)

    def _speakers_settled(self) -> None:
        self._settling = None
        if self._call.phase is Phase.LIVE and self._call.speakers != self._speakers:
            self._speakers_changed(self._speakers)

    def _update(self, call: Call) -> None:
        if call.phase is not self._call.phase:
            call = replace(call, since=self._now())
        if call != self._call and not self._dismissed:
            self._call = call
            self._changed(call)


def _waits() -> Iterator[float]:
    """Yield how long to wait before each further attempt, +-20 %, so that a building's rooms do not come at once."""
    steady = itertools.chain(BACKOFF_S, itertools.repeat(BACKOFF_S[-1]))
    return (wait * random.uniform(0.8, 1.2) for wait in steady)  # noqa: S311 - jitter, not a secret
