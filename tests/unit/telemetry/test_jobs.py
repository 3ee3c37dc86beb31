"""A console's jobs in this room: begun when it is their time, at most once, and always with an end that is told."""

import asyncio
import base64
import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import SalonError
from appliance.state.room import Call
from appliance.telemetry.jobs import FINAL, TELL_AGAIN_MS, Entry, due, expired, forgotten, heard, row, survived
from appliance.telemetry.moments import machine_clock
from appliance.telemetry.protocol.orders import Job, JobKind, Jobs
from appliance.telemetry.protocol.payloads import ClockSync
from appliance.telemetry.protocol.records import CHUNK, JobState
from appliance.telemetry.spool import Spool
from appliance.telemetry.worker import Attached, Done, JobWorker, chunks

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
LATER = NOW_MS + 3_600_000


def job(name="j1", kind=JobKind.IDENTIFY, **more):
    return Job(name, kind, more.pop("expires", LATER), **more)


def journal(*entries):
    return {entry.job.id: entry for entry in entries}


def entry(state, **more):
    return Entry(job(**more), state, NOW_MS)


def test_a_new_job_is_accepted_and_a_known_one_is_not_begun_again():
    (first,) = heard({}, Jobs((job(),)), NOW_MS)
    assert first.state is JobState.ACCEPTED
    for state in (JobState.ACCEPTED, JobState.RUNNING, *FINAL):
        assert list(heard(journal(entry(state)), Jobs((job(),)), NOW_MS)) == []


@pytest.mark.parametrize(
    ("given_", "state", "words"),
    [
        (job(expires=NOW_MS), JobState.EXPIRED, "too late"),
        (job(kind=JobKind.UPDATE), JobState.REJECTED, "cannot be updated from a console yet"),
        (job(kind=JobKind.UNKNOWN), JobState.REJECTED, "does not know"),
        (job(args={"x": "y"}), JobState.REJECTED, "takes no arguments"),
        (job(kind=JobKind.JOIN, args={"url": "https://x"}), JobState.REJECTED, "takes no 'url'"),
        (job(kind=JobKind.JOIN, args={"key": 1}), JobState.REJECTED, "takes no 'key'"),
        (job(kind=JobKind.SCREENSHOT, args={"what": "all"}), JobState.REJECTED, "interface or picture"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(given_, state, words):
    (first,) = heard({}, Jobs((given_,)), NOW_MS)
    assert first.state is state
    assert words in first.detail


def test_a_job_that_is_withdrawn_before_it_began_is_cancelled_and_a_running_one_goes_on():
    rows = journal(entry(JobState.ACCEPTED, name="a"), entry(JobState.RUNNING, name="b"))
    (changed,) = heard(rows, Jobs(()), NOW_MS)
    assert (changed.job.id, changed.state) == ("a", JobState.CANCELLED)


def test_a_console_that_has_not_heard_of_an_end_is_told_again():
    done = entry(JobState.SUCCEEDED)
    (again,) = heard(journal(done), Jobs((job(),)), NOW_MS + TELL_AGAIN_MS)
    assert again.report == done.report
    assert list(heard(journal(again), Jobs((job(),)), NOW_MS + TELL_AGAIN_MS)) == []


def test_a_job_waits_for_its_time_and_for_the_room_to_be_idle():
    rows = journal(entry(JobState.ACCEPTED, not_before=NOW_MS + 1000))
    assert due(rows, NOW_MS, idle=True) is None
    assert due(rows, NOW_MS + 1000, idle=False) is None
    assert due(rows, NOW_MS + 1000, idle=True) is not None
    assert due(rows, LATER, idle=True) is None
    urgent = journal(entry(JobState.ACCEPTED, if_idle=False))
    assert due(urgent, NOW_MS, idle=False) is not None


def test_a_job_that_was_not_begun_in_time_expires():
    (gone,) = expired(journal(entry(JobState.ACCEPTED)), LATER)
    assert gone.state is JobState.EXPIRED
    assert list(expired(journal(entry(JobState.RUNNING)), LATER)) == []


@pytest.mark.parametrize(
    ("kind", "machine", "state"),
    [
        (JobKind.RESTART, "same", JobState.SUCCEEDED),
        (JobKind.REBOOT, "other", JobState.SUCCEEDED),
        (JobKind.REBOOT, "same", JobState.FAILED),
        (JobKind.LOGS, "other", JobState.FAILED),
    ],
)
def test_a_job_that_ran_when_the_daemon_ended_has_an_end(kind, machine, state):
    running = replace(entry(JobState.RUNNING, kind=kind), machine="same")
    (after,) = survived(journal(running), machine, NOW_MS)
    assert after.state is state


def test_rows_are_kept_until_a_repeat_would_be_late_anyway():
    rows = journal(entry(JobState.SUCCEEDED, name="old"), entry(JobState.SUCCEEDED, name="listed"))
    week = LATER + 7 * 86_400_000
    assert forgotten(rows, ("listed",), week - 1) == ()
    assert forgotten(rows, ("listed",), week) == ("old",)


@given(
    st.builds(
        Job,
        st.text(max_size=70),
        st.sampled_from(JobKind),
        st.integers(0, 2**50),
        st.integers(0, 2**50),
        st.booleans(),
        st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers() | st.none(), max_size=2),
    )
)
def test_whatever_a_console_lists_becomes_rows_that_can_be_read_again(listed):
    for found in heard({}, Jobs((listed,)), NOW_MS):
        assert row(found.text) == found


def test_a_file_goes_in_parts_that_make_it_up():
    data = bytes(range(256)) * 300
    parts = list(chunks(Attached("logs.txt.gz", "application/gzip", data), "j1"))
    assert [part.index for part in parts] == list(range(4))
    assert b"".join(base64.b64decode(part.data) for part in parts) == data
    assert all(len(part.data) <= CHUNK * 4 // 3 + 4 for part in parts)


class House:
    """A room that lives on in its spool; each life is a worker on the same file."""

    def __init__(self, folder, state):
        self.path = folder / "spool.db"
        self.state = state
        self.news = asyncio.Event()
        self.done = []
        self.hang = False
        self.clock = ClockSync.YES
        self.now = NOW
        self.boots = 0

    async def states(self):
        while True:
            self.news.clear()
            yield self.state
            await self.news.wait()

    def set(self, state):
        self.state = state
        self.news.set()

    async def deed(self, job):
        self.done.append(job.id)
        if self.hang:
            await asyncio.Event().wait()
        if job.id == "broken":
            raise SalonError("The printer is on fire.")
        return Done(ok=True, detail="Done.", files=(Attached("a.txt", "text/plain", b"abc"),))

    async def life(self, jobs, until):
        """Run a worker until the journal satisfies, then kill it; returns the states it noted."""
        self.boots += 1
        clock = machine_clock(lambda: self.now)
        spool = Spool(self.path, boot=f"b{self.boots}", clock=clock, on_health=lambda health: None)
        async with spool:
            worker = JobWorker(
                spool, dict.fromkeys(JobKind, self.deed), now=lambda: self.now, machine="m", clock=lambda: self.clock
            )
            running = asyncio.create_task(worker.run(self.states()))
            if jobs is not None:
                await worker.work(Jobs(jobs))
            try:
                async with asyncio.timeout(10):
                    while not until({name: row(text).state for name, text in (await spool.jobs()).items()}):
                        await asyncio.sleep(0.01)
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running
            return {name: row(text) for name, text in (await spool.jobs()).items()}


@pytest.fixture
def house(tmp_path, room):
    return House(tmp_path, replace(room, call=Call(), wanted=None))


def all_final(states):
    return bool(states) and all(state in FINAL for state in states.values())


async def test_jobs_are_done_in_order_and_what_fails_says_why(house):
    rows = await house.life((job("a"), job("broken"), job("c")), all_final)
    assert house.done == ["a", "broken", "c"]
    assert {name: found.state.value for name, found in rows.items()} == {
        "a": "succeeded",
        "broken": "failed",
        "c": "succeeded",
    }
    assert rows["broken"].detail == "The printer is on fire."


async def test_a_job_waits_until_the_call_is_over(house, room):
    idle = house.state
    house.set(room)

    def accepted_then_free(states):
        if states.get("a") is JobState.ACCEPTED:
            assert house.done == []
            house.set(idle)
        return all_final(states)

    await house.life((job("a"),), accepted_then_free)
    assert house.done == ["a"]


async def test_killed_while_it_ran_a_job_is_not_done_again(house):
    house.hang = True
    await house.life((job("a"),), lambda states: states.get("a") is JobState.RUNNING and house.done)
    house.hang = False
    rows = await house.life((job("a"),), all_final)
    assert house.done == ["a"]
    assert rows["a"].state is JobState.FAILED
    assert "interrupted" in rows["a"].detail


async def test_a_job_that_was_only_accepted_is_done_by_the_next_daemon(house, room):
    idle = house.state
    house.set(room)
    await house.life((job("a"),), lambda states: states.get("a") is JobState.ACCEPTED)
    house.set(idle)
    await house.life(None, all_final)
    assert house.done == ["a"]


async def test_nothing_is_begun_while_the_clock_is_not_set(house):
    house.clock = ClockSync.NO

    def set_clock(states):
        if states.get("a") is JobState.ACCEPTED and house.clock is ClockSync.NO:
            assert house.done == []
            house.clock = ClockSync.YES
            house.now += timedelta(hours=2)
        return all_final(states)

    rows = await house.life((job("a"),), set_clock)
    assert (house.done, rows["a"].state) == ([], JobState.EXPIRED)


async def test_a_job_whose_row_cannot_be_read_is_not_begun_again(house):
    house.hang = True
    await house.life((job("a"),), lambda states: states.get("a") is JobState.RUNNING and house.done)
    house.hang = False

    def spoil():
        with closing(sqlite3.connect(house.path)) as db, db:
            db.execute("UPDATE jobs SET entry = ?", ('{"of":"a newer release"}',))

    await asyncio.to_thread(spoil)
    journal_ = Spool(house.path, boot="later", clock=machine_clock(lambda: NOW), on_health=lambda health: None)
    async with journal_:
        worker = JobWorker(journal_, dict.fromkeys(JobKind, house.deed), now=lambda: NOW, machine="m")
        running = asyncio.create_task(worker.run(house.states()))
        await worker.work(Jobs((job("a"), job("b"))))
        async with asyncio.timeout(10):
            while house.done[-1] != "b":
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert house.done == ["a", "b"]


class Journal:
    """One on a disk of which a test says what it gives and whether it takes anything."""

    def __init__(self, gives, *, takes):
        self.gives, self.takes, self.told = gives, takes, []

    def note(self, content):
        raise AssertionError

    async def note_job(self, report, entry):
        self.told.append((report.job, report.state))
        return self.takes

    async def jobs(self):
        return self.gives

    async def forget_jobs(self, ids):
        pass


async def test_a_journal_that_cannot_be_read_at_first_is_no_empty_one(house):
    journal_ = Journal(None, takes=True)
    worker = JobWorker(journal_, dict.fromkeys(JobKind, house.deed), now=lambda: NOW, machine="m")
    running = asyncio.create_task(worker.run(house.states()))
    await worker.work(Jobs((job("a"),)))
    async with asyncio.timeout(10):
        while ("a", JobState.FAILED) not in journal_.told:
            await asyncio.sleep(0.01)
    journal_.gives = {"a": Entry(job("a"), JobState.SUCCEEDED, NOW_MS).text}
    await worker.work(Jobs((job("a"),)))
    await worker.work(Jobs((job("a"), job("c"))))
    async with asyncio.timeout(10):
        while house.done != ["c"]:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_without_a_disk_nothing_is_done(house):
    journal_ = Journal({}, takes=False)
    worker = JobWorker(journal_, dict.fromkeys(JobKind, house.deed), now=lambda: NOW, machine="m")
    running = asyncio.create_task(worker.run(house.states()))
    await worker.work(Jobs((job("a"),)))
    async with asyncio.timeout(10):
        while ("a", JobState.FAILED) not in journal_.told:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert house.done == []
