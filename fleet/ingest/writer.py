"""Writes what rooms say into the database, many messages in one transaction, and says what may be acknowledged."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from appliance.telemetry.protocol.payloads import Event
from appliance.telemetry.protocol.records import Batch, BatchAck
from fleet.control.calls import take_answers
from fleet.control.jobs import take_reports
from fleet.ingest.budget import KEPT_A_DAY, Budget
from fleet.ingest.inbox import Letter
from fleet.ingest.known import (
    BEYOND,
    Known,
    beyond_budget,
    beyond_event,
    change_of,
    duplicate_event,
    event_of,
    known_of,
    told,
    written,
)
from fleet.ingest.reading import Heard, Refused, read
from fleet.ingest.records import KEPT, sort_out
from fleet.refusal import Refusal
from fleet.store.database import Database, Transaction, Unfit
from fleet.store.records import MOST_STRETCHES, Arrived, Boot, Rows, arrived, write_arrived, write_rows
from fleet.store.rooms import add_rooms, changed_since, next_version, write_changes
from fleet.store.samples import DAY

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a room may forget now."""

    room: str
    ack: BatchAck


@dataclass(slots=True)
class Counts:
    """What the ingest has done since it began; shown on the console and in /metrics."""

    messages: int = 0
    records: int = 0
    repeated: int = 0
    """Records that had arrived before."""
    beyond: int = 0
    """Records beyond their room's budget that were acknowledged and not stored."""
    refused: Counter[Refusal] = field(default_factory=Counter)
    flushes: int = 0


@dataclass(frozen=True, slots=True)
class _Taken:
    """A batch to store, and what it is charged to."""

    known: Known
    heard: Heard
    batch: Batch
    charged: Counter[int]

    @property
    def boot(self) -> Boot:
        return self.known.key, self.batch.head.of


@dataclass(slots=True)
class _Flush:
    """One transaction's worth of messages."""

    rooms: dict[str, Known]
    """Those of this flush, as they are after it."""
    version: int
    batches: list[_Taken] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    records: int = 0
    repeated: int = 0
    beyond: int = 0
    taken: Counter[int] = field(default_factory=Counter)
    """Of each room's budget, by its key."""
    kept: Counter[int] = field(default_factory=Counter)
    """Of what each room may have stored beyond it."""
    beyond_on: dict[int, int] = field(default_factory=dict)
    """Rooms of which it is said that they are beyond it, and the day."""
    refused: Counter[Refusal] = field(default_factory=Counter)

    def take(self, known: Known, heard: Heard, batch: Batch, charged: Counter[int]) -> None:
        # a boot takes a place, too
        charged[known.key] += 1 + len(batch.records)
        self.batches.append(_Taken(known, heard, batch, charged))


class Writer:
    """The only part of the ingest that knows the database."""

    def __init__(
        self,
        database: Database,
        org: str,
        *,
        most_unenrolled: int,
        records_a_day: int,
        kept_a_day: int = KEPT_A_DAY,
        now: Callable[[], int],
        counts: Counts,
    ) -> None:
        self._database = database
        self._org = org
        self._most_unenrolled = most_unenrolled
        self._budget = Budget(records_a_day)
        self._last_budget = Budget(kept_a_day)
        self._now = now
        self._counts = counts
        self._rooms: dict[str, Known] = {}
        self._beyond_on: dict[int, int] = {}
        """On which day rooms were last said to be beyond their budget."""
        self._seen = 0
        """The version up to which `_rooms` is what the database has."""

    async def write(self, letters: Sequence[Letter]) -> list[Answer]:
        """Store messages and return what may be acknowledged; `DatabaseTrouble` when nothing was stored."""
        heard = self._read(letters)
        self._counts.messages += len(letters)
        self._counts.flushes += 1
        return await self._write(heard) if heard else []

    def _read(self, letters: Sequence[Letter]) -> list[Heard]:
        heard = []
        for letter in letters:
            try:
                message = read(self._org, letter.topic, letter.payload, retained=letter.retained, at=letter.at)
            except Refused as err:
                self._refuse(err.reason, letter.topic)
            else:
                if message is not None:
                    heard.append(message)
        return heard

    def _refuse(self, reason: Refusal, topic: str) -> None:
        self._counts.refused[reason] += 1
        logger.debug("A message on %.80r was not taken: %s", topic, reason)

    async def _write(self, heard: Sequence[Heard]) -> list[Answer]:
        try:
            flush = await self._database.change(lambda tx: self._store(tx, heard))
        except Unfit:
            # nothing a room may say gets here as far as we know; should it all the same, it is that message's end alone
            if len(heard) == 1:
                logger.warning("A message of room %s cannot be stored and is left", heard[0].room)
                self._counts.refused[Refusal.UNFIT] += 1
                return []
            half = len(heard) // 2
            return [*await self._write(heard[:half]), *await self._write(heard[half:])]
        self._rooms |= {room: written(known) for room, known in flush.rooms.items()}
        self._seen = flush.version
        self._counts.records += flush.records
        self._counts.repeated += flush.repeated
        self._counts.beyond += flush.beyond
        self._budget.charge(flush.taken, self._now())
        self._last_budget.charge(flush.kept, self._now())
        self._beyond_on |= flush.beyond_on
        self._counts.refused += flush.refused
        return flush.answers

    async def _store(self, tx: Transaction, heard: Sequence[Heard]) -> _Flush:
        version = await next_version(tx)
        flush = _Flush(await self._meet(tx, heard, version), version)
        rows, now = Rows(), self._now()
        changed: dict[str, Known] = {}
        for message in heard:
            known = changed.get(message.room) or flush.rooms.get(message.room) or self._rooms.get(message.room)
            if known is None or known.retired:
                flush.refused[Refusal.TOO_MANY_ROOMS if known is None else Refusal.RETIRED] += 1
                continue
            after = changed[message.room] = told(known, message)
            if after.trouble and not known.trouble:
                rows.events.append(duplicate_event(after, message.at))
            match message.body:
                case Batch() | Event() if self._budget.is_spent(after.key, now, flush.taken[after.key]):
                    changed[message.room] = self._leave(flush, rows, after, message)
                case Batch():
                    flush.take(after, message, message.body, flush.taken)
                case Event():
                    flush.taken[after.key] += 1
                    rows.events.append(event_of(after, message, message.body))
                    if message.body.data is not None:
                        rows.answers.append((after.key, message.body.data))
        await self._store_batches(tx, flush, rows)
        await write_rows(tx, self._database.dialect, rows)
        await take_reports(tx, rows.jobs)
        await take_answers(tx, rows.answers)
        await write_changes(tx, [change_of(known) for known in changed.values()], version=version, now=now)
        flush.rooms |= changed
        return flush

    async def _meet(self, tx: Transaction, heard: Sequence[Heard], version: int) -> dict[str, Known]:
        """Return rooms that are new to us, or that somebody else has changed."""
        strangers = dict.fromkeys(message.room for message in heard if message.room not in self._rooms)
        found: dict[str, Known] = {}
        if version > self._seen + 1:
            found = await self._changed(tx, self._seen)
        new = [room for room in strangers if room not in found]
        if new:
            unenrolled = sum(not known.enrolled for known in (self._rooms | found).values())
            await add_rooms(tx, new[: max(0, self._most_unenrolled - unenrolled)], version)
            found |= await self._changed(tx, version - 1)
        return found

    async def _changed(self, tx: Transaction, version: int) -> dict[str, Known]:
        return {row["id"]: known_of(row, self._rooms.get(row["id"])) for row in await changed_since(tx, version)}

    async def _store_batches(self, tx: Transaction, flush: _Flush, rows: Rows) -> None:
        if not flush.batches:
            return
        boots: dict[Boot, int] = {taken.boot: taken.batch.head.of_no for taken in flush.batches}
        got = await arrived(tx, boots, self._now())
        before = dict(got)
        for taken in flush.batches:
            got[taken.boot] = self._store_batch(flush, rows, taken, got[taken.boot])
        await write_arrived(tx, [boot for name, boot in got.items() if boot != before[name]])

    def _store_batch(self, flush: _Flush, rows: Rows, taken: _Taken, boot: Arrived) -> Arrived:
        known, batch, head = taken.known, taken.batch, taken.batch.head
        got = boot.got.with_stretch(head.first, head.last)
        if len(got.stretches) > MOST_STRETCHES:
            flush.refused[Refusal.SCATTERED] += 1
            taken.charged[known.key] -= 1 + len(batch.records)
            return boot
        fresh = [record for record in batch.records if record.n not in boot.got]
        sort_out(rows, known.key, boot.key, taken.heard, head.of, fresh)
        flush.records += len(fresh)
        repeated = len(batch.records) - len(fresh)
        flush.repeated += repeated
        # a boot takes its place in the database once
        taken.charged[known.key] -= repeated + bool(boot.got.stretches)
        flush.answers.append(Answer(known.id, BatchAck(head.of, head.first, head.last)))
        return replace(boot, got=got)

    def _leave(self, flush: _Flush, rows: Rows, known: Known, heard: Heard) -> Known:
        """Take of what is beyond a room's budget what somebody has asked the room for, and meetings; leave the rest."""
        match heard.body:
            case Batch():
                self._leave_batch(flush, rows, known, heard, heard.body)
            case Event(data=data):
                flush.beyond += 1
                if data is not None:
                    rows.answers.append((known.key, data))
        today = heard.at // DAY
        if today not in (self._beyond_on.get(known.key), flush.beyond_on.get(known.key)):
            flush.beyond_on[known.key] = today
            logger.warning("Room %s: %s", known.id, BEYOND)
            rows.events.append(beyond_event(known, heard.at))
        return beyond_budget(known, heard.at)

    def _leave_batch(self, flush: _Flush, rows: Rows, known: Known, heard: Heard, batch: Batch) -> None:
        head, asked = batch.head, Rows()
        sort_out(asked, known.key, 0, heard, head.of, batch.records)
        # parts of files and states of jobs are of what the console knows: a room cannot make them more
        rows.chunks += asked.chunks
        if self._last_budget.is_spent(known.key, self._now(), flush.kept[known.key]):
            rows.jobs += asked.jobs
            flush.beyond += len(batch.records)
            flush.answers.append(Answer(known.id, BatchAck(head.of, head.first, head.last)))
            return
        # without the others it speaks for the same numbers: what is left counts as arrived
        kept = tuple(record for record in batch.records if isinstance(record.content, KEPT))
        flush.beyond += len(batch.records) - len(kept)
        flush.take(known, heard, Batch(head, kept), flush.kept)
