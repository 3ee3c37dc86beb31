"""What the room keeps for the console until the console has it: numbered records, and the journal of jobs beside them.

Nothing here waits for the disk in the event loop: a thread of its own writes. When the disk fails, records stay in
memory, can be sent from there, and are written when it is well again; the room says so and goes on.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from appliance.state.room import ServiceHealth
from appliance.telemetry.moments import Moment
from appliance.telemetry.protocol.payloads import ClockSync, Severity
from appliance.telemetry.protocol.records import (
    MAX_BATCH,
    BatchHead,
    Content,
    Happening,
    JobReport,
    Kind,
    encode_content,
    kind_of,
)
from appliance.telemetry.spool_disk import DiskTrouble, SpoolDisk
from appliance.telemetry.spool_file import START, Note, Place, SpoolFile, Stretch, Write, in_one_batch
from appliance.telemetry.thinning import Plan, kept_since, thinner, too_old

logger = logging.getLogger(__name__)
T = TypeVar("T")

SERVICE = "records"
_MB = 1024 * 1024
_CLOSE_S = 5.0
_OVER = "Records for the console take all the disk they may, and no sample is left to give up. Is the console away?"


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """What the spool may take, and how often it looks after itself."""

    budget_mb: float = 256
    retry_s: float = 10
    """How soon a disk that failed is tried again."""
    tidy_s: float = 600
    """How often age and size are looked at."""
    most_in_memory: int = 5000
    """Records kept while the disk fails."""


@dataclass(frozen=True, slots=True)
class Batched:
    """Records to send, and for which numbers they speak."""

    head: BatchHead
    notes: tuple[Note, ...]

    @property
    def last(self) -> Place:
        """The place of its newest record."""
        return self.head.of_no, self.head.last

    @property
    def rows(self) -> tuple[tuple[int, int, int, str, Kind, bytes], ...]:
        """The records as `encode_batch` takes them."""
        return tuple((note.n, note.ts, note.mono, note.sync, note.kind, note.content) for note in self.notes)


@dataclass(slots=True, eq=False)
class _Pending:
    """What is not on the disk yet."""

    write: Write
    done: asyncio.Future[bool] | None = field(default=None)


class Spool:
    """Open as a context for as long as the daemon lives: numbers rise within it."""

    def __init__(
        self,
        path: Path,
        *,
        boot: str,
        clock: Callable[[], Moment],
        on_health: Callable[[ServiceHealth], None],
        settings: SpoolSettings = SpoolSettings(),
    ) -> None:
        self._boot = boot
        self._clock = clock
        self._on_health = on_health
        self._settings = settings
        self._disk = SpoolDisk(path, boot, number=max(1, clock().ts // 1000), on_damage=self._damaged)
        self._pending: list[_Pending] = []
        self._writing: frozenset[_Pending] = frozenset()
        self._news = asyncio.Event()
        self._trouble = ""
        self._unread = False
        """The disk did not give what was asked of it, and has not been read since."""
        self._over = False
        self._lost = 0
        self.on_note: Callable[[], None] = lambda: None
        """Called in the event loop when there may be something to send."""
        self.newest = 0
        """The newest record's n."""
        self.newest_urgent = 0
        """The newest n that should be sent at once: all but samples."""
        self.waiting = 0
        """Records that the console has not acknowledged."""
        self.recovered = 0
        """How often the disk was well again: what it did not give, and did not forget, it may now."""

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        before = await self._read(SpoolFile.count, otherwise=0)
        self.waiting += before
        work = {"spool write": self._keep_writing(), "spool tidy": self._keep_tidy()}
        self._tasks = [asyncio.create_task(run, name=name) for name, run in work.items()]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        closing = self._loop.run_in_executor(self._thread, self._last_words, self._writes())
        self._thread.shutdown(wait=False)
        await asyncio.wait({closing}, timeout=_CLOSE_S)

    @property
    def newest_place(self) -> Place:
        """Where the newest record is."""
        return self._disk.boot_no, self.newest

    def note(self, content: Content) -> None:
        """Keep a record for the console. Returns at once; all but samples outlive a power cut once they are written."""
        self._put(Write(self._numbered(content)))

    async def note_job(self, report: JobReport, entry: str) -> bool:
        """Keep a job's report and its row in the journal, both or neither; False while only memory has them."""
        done: asyncio.Future[bool] = self._loop.create_future()
        self._put(Write(self._numbered(report), job=(report.job, entry)), done)
        return await done

    async def jobs(self) -> dict[str, str] | None:
        """Return the journal: the newest row of each job; None while the disk does not give it."""
        journal = await self._read(SpoolFile.jobs, otherwise=None)
        if journal is None:
            return None
        return {**journal, **dict(write.job for write in self._writes() if write.job is not None)}

    async def forget_jobs(self, ids: Iterable[str]) -> None:
        """Take jobs out of the journal."""
        names = tuple(ids)
        await self._read(lambda file: file.forget_jobs(names), otherwise=None)

    def keep(self, name: str, value: str) -> None:
        """Remember a text beside the records, also after a restart; an empty one is forgotten."""
        self._put(Write(keep=(name, value)))

    async def kept(self, name: str) -> str:
        """Return what is remembered under a name, or nothing."""
        return await self._read(lambda file: file.kept(name), otherwise="")

    async def batch(self, after: Place = START, until: Place | None = None) -> Batched | None:
        """Return the oldest records after a place, of one boot, as many as a batch holds; None when there are none."""
        waiting = self._notes()
        stretch = await self._read(lambda file: file.read(after, until, MAX_BATCH), otherwise=None)
        if stretch is not None:
            # of numbers that are gone a batch says so, by speaking for them
            first = after[1] + 1 if after[0] == stretch.no else stretch.notes[0].n
            return _batched(stretch, first)
        # what a failing disk does not take is sent from memory; what it does not give is not spoken for
        stretch = self._in_memory(waiting, after, until)
        return None if stretch is None else _batched(stretch, stretch.notes[0].n)

    async def age_s(self) -> int | None:
        """Return for how long the oldest record has waited; None when none does, or no clock can tell."""
        waiting = self._notes()
        oldest = await self._read(SpoolFile.oldest, otherwise=None)
        if oldest is None and waiting:
            oldest = (self._disk.boot_no, waiting[0])
        return None if oldest is None else waited_s(oldest[1], self._clock(), same_boot=oldest[0] == self._disk.boot_no)

    async def forget(self, boot: str, first: int, last: int) -> None:
        """Drop what the console has for good."""
        if boot == self._boot:
            self._forget_in_memory(first, last)
        # not in one statement: what is noted meanwhile would not count
        forgotten = await self._read(lambda file: file.forget(boot, first, last), otherwise=0)
        self.waiting -= forgotten
        if boot == self._boot:
            # what was being written, and could not be
            self._forget_in_memory(first, last)

    def _forget_in_memory(self, first: int, last: int) -> None:
        for pending in self._pending:
            note = pending.write.note
            # what is being written now will be in the file by the time that is asked
            if note is not None and first <= note.n <= last and pending not in self._writing:
                pending.write = replace(pending.write, note=None)
                self.waiting -= 1

    def _numbered(self, content: Content) -> Note:
        self.newest += 1
        self.waiting += 1
        kind = kind_of(content)
        if kind is not Kind.SAMPLE:
            self.newest_urgent = self.newest
        moment = self._clock()
        return Note(self.newest, moment.ts, moment.mono, moment.sync, kind, encode_content(content))

    def _put(self, write: Write, done: asyncio.Future[bool] | None = None) -> None:
        self._pending.append(_Pending(write, done))
        self._news.set()
        if write.note is not None:
            self.on_note()

    def _writes(self) -> list[Write]:
        return [pending.write for pending in self._pending]

    def _notes(self) -> list[Note]:
        return [write.note for write in self._writes() if write.note is not None]

    def _in_memory(self, notes: list[Note], after: Place, until: Place | None) -> Stretch | None:
        no = self._disk.boot_no
        wanted = (note for note in notes if after < (no, note.n) and (until is None or (no, note.n) <= until))
        found = tuple(in_one_batch(wanted, MAX_BATCH))
        return Stretch(self._boot, no, found) if found else None

    async def _keep_writing(self) -> None:
        """Write whatever waits, all of it at once; after a failure, to read too, try again in a while."""
        while True:
            await self._news.wait()
            self._news.clear()
            if self._unread:
                await asyncio.sleep(self._settings.retry_s)
            if not await self._write_all():
                await asyncio.sleep(self._settings.retry_s)
                self._news.set()

    async def _write_all(self) -> bool:
        tried, writes, unread = frozenset(self._pending), self._writes(), self._unread
        self._writing = tried
        try:
            gone = await self._on_thread(partial(self._tried, writes=writes, read=unread))
        except DiskTrouble as err:
            self._say(str(err))
            self._answer(tried, written=False)
            self._bound_memory()
            return False
        finally:
            self._writing = frozenset()
        self._unread = self._unread and not unread
        self.waiting -= gone
        self._pending = [pending for pending in self._pending if pending not in tried]
        self._answer(tried, written=True)
        self._recover()
        return True

    def _tried(self, file: SpoolFile, *, writes: list[Write], read: bool) -> int:
        """Write, on the thread; a disk that could not be read is well when it can be, and not before."""
        if read:
            file.count()
        return file.write(self._disk.boot_no, writes)

    def _answer(self, tried: frozenset[_Pending], *, written: bool) -> None:
        for pending in tried:
            if pending.done is not None and not pending.done.done():
                pending.done.set_result(written)

    def _bound_memory(self) -> None:
        """While the disk fails, give up samples first and then the oldest."""
        over = len(self._pending) - self._settings.most_in_memory
        if over <= 0:
            return
        given_up = set(sorted(self._pending, key=lambda pending: pending.write.durable)[:over])
        self._pending = [pending for pending in self._pending if pending not in given_up]
        lost = sum(pending.write.note is not None for pending in given_up)
        self.waiting -= lost
        self._lost += lost

    def _recover(self) -> None:
        if self._lost:
            lost, self._lost = self._lost, 0
            text = f"{lost} records were lost while the disk could not be written."
            self.note(Happening("records.lost", Severity.WARNING, text=text))
        if self._trouble and not self._over:
            self.recovered += 1
            self.on_note()
        self._say(_OVER if self._over else "")

    def _say(self, trouble: str) -> None:
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if trouble:
            logger.warning("%s", trouble)
        self._on_health(ServiceHealth(SERVICE, ok=not trouble, detail=trouble))

    def _damaged(self) -> None:
        self._loop.call_soon_threadsafe(self._begin_anew)

    def _begin_anew(self) -> None:
        self.waiting = len(self._notes())
        text = "The file of records for the console was damaged and begun anew; what was in it is not sent."
        self.note(Happening("records.begun_anew", Severity.WARNING, text=text))

    async def _keep_tidy(self) -> None:
        while True:
            plan = None if self._trouble else await self._read(self._to_give_up, otherwise=None)
            if plan is None:
                await asyncio.sleep(self._settings.tidy_s)
                continue
            done: asyncio.Future[bool] = self._loop.create_future()
            self._put(Write(self._numbered(plan.told), plan=plan), done)
            await done
            await self._read(SpoolFile.give_back, otherwise=None)

    def _to_give_up(self, file: SpoolFile) -> Plan | None:
        """Look at age and size, on the thread."""
        moment = self._clock()
        plan = None if moment.sync is ClockSync.NO else too_old(file.samples(kept_since(moment.ts)), moment.ts)
        over = file.size() > self._settings.budget_mb * _MB
        if plan is None and over:
            plan = thinner(list(file.samples()))
        self._over = over and plan is None
        return plan

    def _on_thread(self, deed: Callable[[SpoolFile], T]) -> "asyncio.Future[T]":
        return self._loop.run_in_executor(self._thread, self._disk.use, deed)

    async def _read(self, deed: Callable[[SpoolFile], T], *, otherwise: T) -> T:
        try:
            return await self._on_thread(deed)
        except DiskTrouble as err:
            self._say(str(err))
            self._unread = True
            self._news.set()
            return otherwise

    def _last_words(self, writes: list[Write]) -> None:
        with suppress(DiskTrouble):
            if writes:
                self._disk.use(lambda file: file.write(self._disk.boot_no, writes))
        self._disk.close()


def waited_s(note: Note, now: Moment, *, same_boot: bool) -> int | None:
    """Return how long ago a record was noted: across boots only clocks that were set can tell."""
    if same_boot:
        return max(0, (now.mono - note.mono) // 1000)
    if ClockSync.NO in {note.sync, now.sync}:
        return None
    return max(0, (now.ts - note.ts) // 1000)


def _batched(stretch: Stretch, first: int) -> Batched:
    return Batched(BatchHead(stretch.boot, stretch.no, first, stretch.notes[-1].n), stretch.notes)
