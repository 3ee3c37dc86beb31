"""Notes what happens in the room, with or without a connection: events, samples, and what became of each meeting."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from appliance.seldom import Seldom
from appliance.state.commands import Origin
from appliance.state.room import Phase, RoomState
from appliance.state.wire import BadValue, from_json, to_json
from appliance.state.wishes import StreamStats
from appliance.telemetry.happenings import changed, clock_set, issues_changed
from appliance.telemetry.issues import issues_of
from appliance.telemetry.meetings import Ledger, measured, seen, told
from appliance.telemetry.moments import Moment
from appliance.telemetry.protocol.payloads import Gauges, Issue
from appliance.telemetry.protocol.records import Began, Happening
from appliance.telemetry.readiness import ready_of
from appliance.telemetry.samples import Freezes, sample_of
from appliance.telemetry.spool import Spool

logger = logging.getLogger(__name__)
_LEDGER, _ISSUES = "meetings", "issues"
_ASKED_MS = 10_000
"""A call that begins so soon after somebody asked for one is theirs."""
_BEGAN = {
    Origin.TOUCH: Began.TOUCH,
    Origin.CLI: Began.CLI,
    Origin.REMOTE: Began.REMOTE,
    Origin.CALENDAR: Began.SCHEDULE,
}


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often samples are taken."""

    meeting_s: float = 30
    idle_s: float = 300
    settle_s: float = 15
    """After a start, so long the programs have to come up before what lacks is an event."""


class Recorder:
    """Follows the room's states, each of them, for as long as the daemon does."""

    def __init__(
        self,
        spool: Spool,
        *,
        states: Callable[[], AsyncIterator[RoomState]],
        streams: Callable[[], tuple[StreamStats, ...]],
        gauges: Callable[[], Gauges],
        clock: Callable[[], Moment],
        titles: bool = False,
        rhythm: Rhythm = Rhythm(),
    ) -> None:
        self._spool = spool
        self._states = states
        self._streams = streams
        self._gauges = gauges
        self._clock = clock
        self._titles = titles
        self._rhythm = rhythm
        self._freezes = Freezes()
        self._ledger = Ledger()
        self._issues: tuple[Issue, ...] = ()
        self._asked: tuple[Began, int] | None = None
        self._seldom: dict[str, Seldom] = {}
        self._quiet: set[str] = set()
        """Issues that come and go so often that their newest beginning was not told."""
        self._turn = asyncio.Event()
        """The rhythm changes."""
        self._started = False

    def asked_to_join(self, origin: Origin) -> None:
        """Take in who wants the next call."""
        self._asked = _BEGAN[origin], self._clock().mono

    def _began(self) -> Began:
        """Return who brings the room into a call that begins now."""
        if self._asked is not None and self._clock().mono - self._asked[1] < _ASKED_MS:
            return self._asked[0]
        return Began.SCHEDULE

    async def run(self) -> None:
        """Note what happens until cancelled."""
        if not self._started:
            self._started = True
            self._spool.note(Happening("room.started"))
        self._ledger = _stored_ledger(await self._spool.kept(_LEDGER))
        self._issues = _stored_issues(await self._spool.kept(_ISSUES))
        await asyncio.sleep(self._rhythm.settle_s)
        states = self._states()
        self._room = await anext(states)
        self._look(self._room)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(states), name="recorder follow")
            tasks.create_task(self._take_samples(), name="recorder samples")

    async def _follow(self, states: AsyncIterator[RoomState]) -> None:
        async for room in states:
            before, self._room = self._room, room
            for happening in changed(before, room):
                self._spool.note(happening)
            self._look(room)
            if before.call.phase is not room.call.phase:
                self._turn.set()

    def _look(self, room: RoomState) -> None:
        """Take in a state: what is wrong, and where its meetings stand."""
        issues = issues_of(room, self._issues)
        for happening in issues_changed(self._issues, issues):
            self._note_issue(happening)
        if {issue.id for issue in issues} != {issue.id for issue in self._issues}:
            self._spool.keep(_ISSUES, json.dumps(to_json(issues)))
        self._issues = issues
        self._pass_time()

    def _pass_time(self) -> None:
        now = self._now()
        ledger = seen(self._ledger, self._room, now, self._began())
        ledger, records = told(ledger, now, titles=self._titles)
        for record in records:
            self._spool.note(record)
        self._take(ledger)

    def _take(self, ledger: Ledger) -> None:
        if ledger != self._ledger:
            self._ledger = ledger
            self._spool.keep(_LEDGER, json.dumps(to_json(ledger)))

    def _note_issue(self, happening: Happening) -> None:
        """A loose plug must not fill the disk: what comes and goes all the time is told as often as a log would."""
        name = happening.issue or ""
        if happening.type == "issue.began":
            if self._seldom.setdefault(name, Seldom()).may():
                self._quiet.discard(name)
                self._spool.note(happening)
            else:
                self._quiet.add(name)
        elif name in self._quiet:
            self._quiet.discard(name)
        else:
            self._spool.note(happening)

    async def _take_samples(self) -> None:
        before = self._clock()
        while True:
            self._turn.clear()
            await self._wait()
            moment = self._clock()
            happening = clock_set(before, moment)
            if happening is not None:
                self._spool.note(happening)
            await self._sample(max(1, round((moment.mono - before.mono) / 1000)))
            before = moment

    async def _wait(self) -> None:
        rhythm, idle = self._rhythm, self._room.call.phase is Phase.IDLE
        with suppress(TimeoutError):
            async with asyncio.timeout(rhythm.idle_s if idle else rhythm.meeting_s):
                await self._turn.wait()

    async def _sample(self, span_s: int) -> None:
        gauges, streams, room = await asyncio.to_thread(self._gauges), self._streams(), self._room
        freezes = self._freezes.since(streams)
        ready = ready_of(room, self._issues)
        self._spool.note(
            sample_of(
                room,
                gauges,
                self._issues,
                streams,
                ready=None if ready is None else ready.ok,
                span_s=span_s,
                freezes=freezes,
            )
        )
        self._take(measured(self._ledger, room, streams, freezes))
        self._pass_time()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock().ts / 1000, UTC)


def _stored_ledger(text: str) -> Ledger:
    try:
        return from_json(Ledger, json.loads(text)) if text else Ledger()
    except (ValueError, BadValue) as err:
        logger.warning("what was gathered of the meetings cannot be read and is begun anew: %s", err)
        return Ledger()


def _stored_issues(text: str) -> tuple[Issue, ...]:
    try:
        return tuple(from_json(Issue, item) for item in json.loads(text)) if text else ()
    except (ValueError, BadValue, TypeError):
        return ()
