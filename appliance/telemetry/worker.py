"""Does a console's jobs, one at a time: into the journal first, then the deed, then its end."""

import asyncio
import base64
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from appliance.errors import SalonError
from appliance.state.room import RoomState
from appliance.state.wire import BadValue
from appliance.telemetry.configuration import idle
from appliance.telemetry.jobs import Entry, due, expired, forgotten, heard, row, survived, unreadable
from appliance.telemetry.protocol.orders import Job, JobKind, Jobs
from appliance.telemetry.protocol.payloads import ClockSync
from appliance.telemetry.protocol.records import CHUNK, Chunk, Content, JobReport, JobState
from appliance.telemetry.report import said

logger = logging.getLogger(__name__)
_LOOK_S = 5.0
"""How often times are looked at: a clock may be set at any moment."""
LONGEST_S = 300.0
_NO_DISK = "The room's disk refused to write it down, and without that nothing is done. Check its free space."


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that a job brings back."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """How a job ended."""

    ok: bool
    detail: str = ""
    files: tuple[Attached, ...] = ()


Deed = Callable[[Job], Awaitable[Done]]
"""Does a job; raises `SalonError` or `OSError` when that does not work."""


class Journal(Protocol):
    """What the spool offers."""

    def note(self, content: Content) -> None:
        """Keep a record for the console."""

    async def note_job(self, report: JobReport, entry: str) -> bool:
        """Keep a job's report and its row, both or neither; False while only memory has them."""

    async def jobs(self) -> dict[str, str] | None:
        """Return all rows; None while the disk does not give them."""

    async def forget_jobs(self, ids: Iterable[str]) -> None:
        """Drop rows."""


class JobWorker:
    """Holds the journal; `run` does what is due."""

    def __init__(
        self,
        journal: Journal,
        deeds: Mapping[JobKind, Deed],
        *,
        now: Callable[[], datetime],
        machine: str,
        clock: Callable[[], ClockSync] = lambda: ClockSync.UNKNOWN,
    ) -> None:
        self._journal = journal
        self._deeds = deeds
        self._now = now
        self._machine = machine
        self._clock = clock
        self._rows: dict[str, Entry] = {}
        self._remembers = False
        """The journal of before has been read: until then nobody knows what has been done."""
        self._open: Jobs | None = None
        """The console's newest list."""
        self._news = asyncio.Event()

    async def work(self, jobs: Jobs) -> None:
        """Take the list of all jobs that are open for this room."""
        self._open = jobs
        self._news.set()

    async def run(self, states: AsyncIterator[RoomState]) -> None:
        """Do jobs until cancelled."""
        room = await anext(states)
        await self._remember()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._do_all(lambda: room), name="jobs")
            async for newest in states:
                if idle(newest) != idle(room):
                    self._news.set()
                room = newest

    async def _remember(self) -> None:
        journal = await self._journal.jobs()
        if journal is None:
            return
        self._remembers = True
        for name, text in journal.items():
            try:
                self._rows[name] = row(text)
            except (ValueError, BadValue) as err:
                logger.warning("the journal's row of job %s cannot be read: %s", name, err)
                # whatever became of it: once is enough
                self._rows[name] = unreadable(name, self._now_ms)
        for entry in list(survived(self._rows, self._machine, self._now_ms)):
            await self._keep(entry)

    async def _do_all(self, room: Callable[[], RoomState]) -> None:
        while True:
            self._news.clear()
            if not self._remembers:
                await self._remember()
            await self._look()
            entry = None if self._clock() is ClockSync.NO else due(self._rows, self._now_ms, idle=idle(room()))
            if entry is not None:
                await self._do(entry)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._news.wait()

    async def _look(self) -> None:
        jobs, self._open = self._open, None
        if jobs is not None:
            for entry in list(heard(self._rows, jobs, self._now_ms)):
                await self._keep(entry)
            gone = forgotten(self._rows, (job.id for job in jobs.jobs), self._now_ms)
            if gone:
                await self._journal.forget_jobs(gone)
                self._rows = {name: entry for name, entry in self._rows.items() if name not in gone}
        for entry in list(expired(self._rows, self._now_ms)):
            await self._keep(entry)

    async def _do(self, entry: Entry) -> None:
        job = entry.job
        begun = replace(entry.now(JobState.RUNNING, self._now_ms), machine=self._machine)
        if not self._remembers or not await self._keep(begun):
            await self._keep(begun.now(JobState.FAILED, self._now_ms, _NO_DISK))
            return
        logger.info("a job of the console: %s", job.kind)
        done = await self._done(job)
        for file in done.files:
            for chunk in chunks(file, job.id):
                self._journal.note(chunk)
        state = JobState.SUCCEEDED if done.ok else JobState.FAILED
        await self._keep(begun.now(state, self._now_ms, said(done.detail)))

    async def _done(self, job: Job) -> Done:
        deed = self._deeds.get(job.kind)
        if deed is None:
            return Done(ok=False, detail="This room cannot do that.")
        try:
            async with asyncio.timeout(LONGEST_S):
                return await deed(job)
        except TimeoutError:
            return Done(ok=False, detail=f"It took more than {LONGEST_S:g} s.")
        except (SalonError, OSError) as err:
            return Done(ok=False, detail=str(err))

    async def _keep(self, entry: Entry) -> bool:
        self._rows[entry.job.id] = entry
        return await self._journal.note_job(entry.report, entry.text)

    @property
    def _now_ms(self) -> int:
        return int(self._now().timestamp() * 1000)


def chunks(file: Attached, job: str) -> Iterable[Chunk]:
    """Yield a file in parts that fit into a batch."""
    count = max(1, -(-len(file.data) // CHUNK))
    name = secrets.token_hex(8)
    for index in range(count):
        part = file.data[index * CHUNK : (index + 1) * CHUNK]
        data = base64.b64encode(part).decode()
        yield Chunk(name, job, file.name, file.media_type, len(file.data), index, count, data)
