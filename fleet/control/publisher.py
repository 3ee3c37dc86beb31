"""Tells rooms what is wanted of them by MQTT: settings, jobs, live requests. Everything is said again when it may be
lost: after a connection, to a room that is born again or has not seen its settings, and once a day.
"""

import asyncio
import json
import logging
import random
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from appliance.telemetry.protocol.orders import Job, JobKind
from appliance.telemetry.protocol.payloads import Call
from fleet.control.calls import LIFE_MS
from fleet.control.homeassistant import BORN, HomeAssistant
from fleet.control.lease import Lease
from fleet.control.outgoing import Message, Voice
from fleet.control.places import counter
from fleet.line import Access, BrokerUnreachable, Line
from fleet.store.database import Database, Reader, Row

logger = logging.getLogger(__name__)

AGAIN_MS = 24 * 3600 * 1000
_UNSEEN_MS = 60_000
"""A room that has not seen its settings so long after they were said is told again."""
_UNTOLD_MS = 60_000
"""A room is asked so often to tell everything again, until it has."""
_POLL_S = 0.5
_LONGEST_WAIT_S = 60
_AT_ONCE, _GAP_S = 250, 0.05
"""So many messages, then a pause: ten thousand rooms are told within seconds, and no broker is flooded."""
_ROOMS = (
    "SELECT r.key AS key, r.id AS id, r.bd AS bd, r.rev_desired AS rev_desired, r.reported AS reported, "
    "r.retired_at AS retired_at, r.untold AS untold, r.version AS version, r.name AS name, s.name AS site, "
    "d.doc AS doc FROM rooms r "
    "LEFT JOIN sites s ON s.key = r.site LEFT JOIN desired d ON d.room = r.key AND d.rev = r.rev_desired "
    "WHERE r.version > $1 ORDER BY r.version"
)
_OPEN_JOBS = (
    "SELECT e.room AS room, j.id AS id, j.kind AS kind, j.args AS args, j.expires_at AS expires_at, "
    "j.not_before AS not_before, j.if_idle AS if_idle FROM executions e JOIN jobs j ON j.key = e.job "
    "JOIN rooms r ON r.key = e.room WHERE e.state IN ('queued', 'accepted', 'running') "
    "AND j.state IN ('running', 'paused') AND j.kind <> 'configuration' AND r.retired_at IS NULL ORDER BY e.room, j.key"
)
_CALLS = (
    "SELECT c.key AS key, c.id AS id, c.cmd AS cmd, c.args AS args, c.expires_at AS expires_at, r.id AS room "
    "FROM calls c JOIN rooms r ON r.key = c.room WHERE c.sent_at IS NULL AND c.expires_at > $1 ORDER BY c.key"
)


@dataclass(slots=True)
class _Room:
    """What a room has been told on this connection."""

    id: str
    bd: int = -1
    title: str = ""
    """As Home Assistant knows it."""
    rev: int = 0
    said_at: int = 0
    asked_at: int = 0
    """When it was asked to tell everything about itself again."""


@dataclass(slots=True)
class _Round:
    """What has been told on one connection."""

    rooms: dict[int, _Room] = field(default_factory=dict)
    jobs: dict[int, tuple[Job, ...]] = field(default_factory=dict)
    rooms_seen: int = -1
    jobs_seen: int = -1
    began_at: int = 0


@dataclass(frozen=True, slots=True)
class _Found:
    """What was read of the database at once."""

    jobs_at: int
    rooms: Sequence[Row]
    jobs: Sequence[Row] | None
    """None when they have not changed."""
    calls: Sequence[Row]


@dataclass(slots=True)
class Publisher:
    """Speaks to all rooms, for the one process that has the lease. The broker may come and go."""

    database: Database
    lease: Lease
    access: Access
    voice: Voice
    now: Callable[[], int]
    home: HomeAssistant | None = None
    _round: _Round = field(default_factory=_Round, init=False)
    _home_born: threading.Event = field(default_factory=threading.Event, init=False)

    async def run(self) -> None:
        """Stay connected and speak, until cancelled."""
        failures = 0
        while True:
            try:
                async with Line(self.access, subscribe=self._topics(), hear=self._hear) as line:
                    logger.info("Rooms are told what to do by the broker at %s", self.access.address)
                    failures = 0
                    await self._speak(line)
                    reason = line.why_over()
            except BrokerUnreachable as err:
                reason = str(err)
            failures += 1
            if failures == 1:
                logger.warning("%s Orders wait.", reason)
            wait = min(_LONGEST_WAIT_S, 2.0 ** min(failures - 1, 6))
            await asyncio.sleep(wait * random.uniform(0.5, 1))  # noqa: S311 - jitter, not a secret

    def _topics(self) -> tuple[str, ...]:
        return (self.home.status,) if self.home else ()

    def _hear(self, _topic: str, payload: bytes, retained: bool) -> None:
        """On the connection's thread: Home Assistant was born."""
        if payload == BORN and not retained:
            self._home_born.set()

    async def _speak(self, line: Line) -> None:
        self._round = _Round(began_at=self.now())
        while not line.over.done():
            if self._home_born.is_set() or self.now() - self._round.began_at >= AGAIN_MS:
                self._home_born.clear()
                self._round = _Round(began_at=self.now())
            found = await self.database.read(self._read)
            await self._send(line, await self._news(found))
            await self._send_calls(line, found.calls)
            await asyncio.wait({line.over}, timeout=_POLL_S)

    async def _send(self, line: Line, messages: list[Message]) -> None:
        if messages:
            await self._check_lease()
        for first in range(0, len(messages), _AT_ONCE):
            for message in messages[first : first + _AT_ONCE]:
                line.publish(message.topic, message.payload, retain=message.retain)
            if len(messages) > _AT_ONCE:
                await asyncio.sleep(_GAP_S)

    async def _check_lease(self) -> None:
        # one that was asleep while another took over must not withdraw that one's jobs
        async with self.database.transaction() as tx:
            await self.lease.check(tx, self.now())

    async def _read(self, reader: Reader) -> _Found:
        """Read what there may be to say."""
        jobs_at = await counter(reader, "jobs")
        rooms = await reader.fetch(_ROOMS, self._round.rooms_seen)
        jobs = await reader.fetch(_OPEN_JOBS) if jobs_at != self._round.jobs_seen else None
        return _Found(jobs_at, rooms, jobs, await reader.fetch(_CALLS, self.now()))

    async def _news(self, found: _Found) -> list[Message]:
        """Return all that has to be said now."""
        born, messages = await self._room_news(found.rooms)
        first = self._round.jobs_seen < 0
        if found.jobs is not None:
            messages += await self._job_news(found.jobs, first=first)
            self._round.jobs_seen = found.jobs_at
        # at first all rooms are told of their jobs as it is
        for key in () if first else born:
            if jobs := self._round.jobs.get(key):
                messages += self.voice.jobs(self._round.rooms[key].id, jobs, self.now())
        return messages

    async def _room_news(self, rows: Sequence[Row]) -> tuple[list[int], list[Message]]:
        born: list[int] = []
        messages: list[Message] = []
        for number, row in enumerate(rows):
            await _breathe(number)
            self._round.rooms_seen = row["version"]
            if row["retired_at"] is not None:
                if self._round.rooms.pop(row["key"], None):
                    messages += [*self.voice.silence(row["id"]), *self._home_news(row, None)]
                continue
            told = self._round.rooms.setdefault(row["key"], _Room(row["id"]))
            if row["bd"] != told.bd:
                told.bd, told.rev = row["bd"], 0
                born.append(row["key"])
            messages += [*self._home_news(row, told), *self._rebirth(row, told)]
            if row["doc"] is not None and self._is_news(row, told):
                told.rev, told.said_at = row["rev_desired"], self.now()
                messages.append(self.voice.desired(row["id"], told.rev, json.loads(row["doc"]), self.now()))
        return born, messages

    def _rebirth(self, row: Row, told: _Room) -> list[Message]:
        """Ask a room whose documents the console has not got; each report it makes without them brings us here."""
        now = self.now()
        if not row["untold"] or now - told.asked_at < _UNTOLD_MS:
            return []
        told.asked_at = now
        call = Call(f"rebirth-{secrets.token_hex(8)}", "rebirth", now + LIFE_MS)
        return [self.voice.call(told.id, call)]

    def _home_news(self, row: Row, told: _Room | None) -> list[Message]:
        if self.home is None:
            return []
        if told is None:
            return [self.home.withdrawn(row["id"])]
        title = f"{row['name'] or row['id']}\n{row['site'] or ''}"
        if title == told.title:
            return []
        told.title = title
        return [self.home.announced(row["id"], row["name"], row["site"] or "")]

    def _is_news(self, row: Row, told: _Room) -> bool:
        if row["rev_desired"] != told.rev:
            return True
        return seen_rev(row["reported"]) < told.rev and self.now() - told.said_at >= _UNSEEN_MS

    async def _job_news(self, rows: Sequence[Row], *, first: bool) -> list[Message]:
        before, after = self._round.jobs, open_jobs(rows)
        self._round.jobs = dict(after)
        # what the broker keeps of before may hold jobs that have been taken back meanwhile
        concerned: Iterable[int] = self._round.rooms if first else before.keys() | after.keys()
        messages: list[Message] = []
        for number, key in enumerate(concerned):
            await _breathe(number)
            if key in self._round.rooms and (first or before.get(key) != after.get(key)):
                messages += self.voice.jobs(self._round.rooms[key].id, after.get(key, ()), self.now())
        return messages

    async def _send_calls(self, line: Line, rows: Sequence[Row]) -> None:
        if not rows:
            return
        async with self.database.transaction() as tx:
            await self.lease.check(tx, self.now())
            for row in rows:
                call = Call(row["id"], row["cmd"], row["expires_at"], json.loads(row["args"]))
                message = self.voice.call(row["room"], call)
                # a room does the same request once, however often it comes
                line.publish(message.topic, message.payload)
            await tx.many("UPDATE calls SET sent_at = $1 WHERE key = $2", [(self.now(), row["key"]) for row in rows])


async def _breathe(number: int) -> None:
    """Let others have the event loop: signing for tens of thousands of rooms takes longer than a lease may wait."""
    if number % _AT_ONCE == 0:
        await asyncio.sleep(0)


def open_jobs(rows: Iterable[Row]) -> Mapping[int, tuple[Job, ...]]:
    """Return the jobs that are open, by room."""
    found: dict[int, tuple[Job, ...]] = {}
    for row in rows:
        job = Job(
            row["id"],
            JobKind(row["kind"]),
            row["expires_at"],
            row["not_before"],
            bool(row["if_idle"]),
            json.loads(row["args"]),
        )
        found[row["room"]] = (*found.get(row["room"], ()), job)
    return found


def seen_rev(reported: str | None) -> int:
    """Return the newest revision a room says to have seen."""
    try:
        seen = json.loads(reported or "{}").get("seen", 0)
    except (ValueError, AttributeError):
        return 0
    return seen if isinstance(seen, int) else 0
