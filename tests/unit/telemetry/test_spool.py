import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from spool_parts import NOW, Clock, event, numbers, on_disk, spool_at

from appliance.telemetry.moments import Moment
from appliance.telemetry.protocol.payloads import CallPhase, ClockSync
from appliance.telemetry.protocol.records import JobReport, JobState, Kind, Sample
from appliance.telemetry.spool import SpoolSettings, waited_s
from appliance.telemetry.spool_file import Note, SpoolFile

ROOT = Path(__file__).resolve().parents[3]


async def test_what_was_noted_waits_in_order_until_it_is_acknowledged(tmp_path):
    async with spool_at(tmp_path) as spool:
        for position in range(5):
            spool.note(event(str(position)))
        batch = await spool.batch()
        assert (batch.head.of, batch.head.first, batch.head.last) == ("boot-1", 1, 5)
        assert [json.loads(note.content)["text"] for note in batch.notes] == ["0", "1", "2", "3", "4"]
        await spool.forget("boot-1", 1, 3)
        assert await numbers(spool) == [("boot-1", 4), ("boot-1", 5)]
        assert spool.waiting == 2
        assert spool.waiting == 2


async def test_it_is_there_after_a_restart_and_boots_come_in_order_although_the_clock_went_back(tmp_path):
    async with spool_at(tmp_path, "boot-1") as spool:
        spool.note(event())
        first = spool.newest_place
    async with spool_at(tmp_path, "boot-2", clock=Clock(1000)) as spool:
        spool.note(event())
        assert spool.newest_place[0] == first[0] + 1
        assert spool.waiting == 2
        assert await numbers(spool) == [("boot-1", 1), ("boot-2", 1)]


async def test_the_first_boot_is_numbered_by_the_clock_and_the_file_is_private(tmp_path):
    async with spool_at(tmp_path) as spool:
        spool.note(event())
        await on_disk(spool)
        assert spool.newest_place[0] == NOW // 1000
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"spool.db": 0o600, "spool.db-wal": 0o600, "spool.db-shm": 0o600}


async def test_batches_hold_one_boot_and_are_bounded(tmp_path):
    async with spool_at(tmp_path) as spool:
        for _ in range(100):
            spool.note(event("x" * 900))
        batch = await spool.batch()
        assert sum(len(note.content) for note in batch.notes) < 48 * 1024
        assert len(await numbers(spool)) == 100
    async with spool_at(tmp_path, "boot-2") as spool:
        spool.note(event())
        sizes, after = [], (0, 0)
        while batch := await spool.batch(after):
            sizes.append((batch.head.of, len(batch.notes)))
            after = batch.last
    assert [boot for boot, _ in sizes] == ["boot-1", "boot-1", "boot-1", "boot-2"]


async def test_a_batch_speaks_for_the_numbers_between_it_and_the_one_before(tmp_path):
    async with spool_at(tmp_path) as spool:
        for _ in range(4):
            spool.note(event())
        no, _ = spool.newest_place
        await spool.forget("boot-1", 2, 3)
        batch = await spool.batch((no, 1))
        assert (batch.head.first, batch.head.last, len(batch.notes)) == (2, 4, 1)


async def test_a_job_and_its_record_are_written_together_and_the_journal_survives(tmp_path):
    async with spool_at(tmp_path) as spool:
        assert await spool.note_job(JobReport("job-1", JobState.ACCEPTED), '{"state":"accepted"}')
        assert await spool.note_job(JobReport("job-1", JobState.RUNNING), '{"state":"running"}')
        assert await spool.note_job(JobReport("job-2", JobState.REJECTED), "{}")
        await spool.forget_jobs(["job-2"])
    async with spool_at(tmp_path, "boot-2") as spool:
        assert await spool.jobs() == {"job-1": '{"state":"running"}'}
        assert len(await numbers(spool)) == 3


async def test_what_is_kept_beside_the_records_survives_until_it_is_forgotten(tmp_path):
    async with spool_at(tmp_path) as spool:
        spool.keep("meeting", "half of it")
    async with spool_at(tmp_path) as spool:
        assert await spool.kept("meeting") == "half of it"
        spool.keep("meeting", "")
    async with spool_at(tmp_path) as spool:
        assert await spool.kept("meeting") == ""


@pytest.mark.parametrize("damage", [b"not a database, though long enough to look like one " * 100, b"\0" * 8192])
async def test_a_damaged_file_is_set_aside_and_begun_anew(tmp_path, damage):
    async with spool_at(tmp_path) as spool:
        spool.note(event())
    (tmp_path / "spool.db").write_bytes(damage)
    health = []
    async with spool_at(tmp_path, "boot-2", health=health) as spool:
        spool.note(event())
        await on_disk(spool)
        kinds = [json.loads(note.content)["type"] for note in (await spool.batch()).notes]
    assert (tmp_path / "spool.db.broken").read_bytes() == damage
    assert sorted(kinds) == ["records.begun_anew", "room.started"]


async def test_numbers_go_on_when_the_file_is_damaged_while_it_is_used(tmp_path):
    async with spool_at(tmp_path) as spool:
        for _ in range(3):
            spool.note(event())
        await on_disk(spool)
        await spool._loop.run_in_executor(spool._thread, spool._disk.close)
        (tmp_path / "spool.db").write_bytes(b"garbage " * 4000)
        await spool.batch()
        spool.note(event())
        # the new one, and the word that the file was begun anew
        assert await numbers(spool) == [("boot-1", 4), ("boot-1", 5)]


async def test_a_full_disk_is_said_and_nothing_is_lost_when_there_is_room_again(tmp_path):
    health = []
    async with spool_at(tmp_path, health=health) as spool:
        spool.note(event())
        await on_disk(spool)
        pages = spool._disk._file._db.execute("PRAGMA page_count").fetchone()[0]
        spool._disk._file._db.execute(f"PRAGMA max_page_count = {pages}")
        for _ in range(200):
            spool.note(event("x" * 500))
        assert not await spool.note_job(JobReport("job-1", JobState.ACCEPTED), "{}")
        assert "the disk is full" in health[-1].detail
        assert not health[-1].ok
        # one is on the disk, the others are sent from memory meanwhile
        after = (spool.newest_place[0], 1)
        assert (await spool.batch()).head.last == 1
        assert (await spool.batch(after)).head.first == 2
        spool._disk._file._db.execute("PRAGMA max_page_count = 100000")
        while not health[-1].ok:
            await asyncio.sleep(0.01)
    async with spool_at(tmp_path, "boot-2") as spool:
        assert len(await numbers(spool)) == 202
        assert "job-1" in await spool.jobs()


async def test_without_a_disk_records_are_sent_from_memory_and_acknowledged_there(tmp_path):
    (tmp_path / "file").write_text("")
    health = []
    async with spool_at(tmp_path / "file", health=health) as spool:
        spool.note(event())
        spool.note(event())
        assert await numbers(spool) == [("boot-1", 1), ("boot-1", 2)]
        await spool.forget("boot-1", 1, 1)
        assert await numbers(spool) == [("boot-1", 2)]
        assert spool.waiting == 1
    assert [told.ok for told in health] == [False]


async def test_memory_is_bounded_while_the_disk_fails_and_the_loss_is_told(tmp_path):
    folder = tmp_path / "state"
    folder.write_text("")
    health = []
    settings = SpoolSettings(retry_s=0.01, most_in_memory=10)
    async with spool_at(folder, health=health, settings=settings) as spool:
        for _ in range(5):
            spool.note(Sample(30, CallPhase.IDLE))
        for _ in range(10):
            spool.note(event())
        while len(await numbers(spool)) > 11:
            await asyncio.sleep(0.01)
        assert ("boot-1", 1) not in await numbers(spool)
        assert ("boot-1", 15) in await numbers(spool)
        folder.unlink()
        while not health[-1].ok:
            await asyncio.sleep(0.01)
        last = (await spool.batch()).notes[-1]
    assert json.loads(last.content)["text"].endswith("records were lost while the disk could not be written.")


async def test_only_samples_do_without_the_slow_safe_way_of_writing(tmp_path):
    async with spool_at(tmp_path) as spool:
        seen = []
        await on_disk(spool)
        spool._disk._file._db.set_trace_callback(seen.append)
        spool.note(Sample(30, CallPhase.IDLE))
        await on_disk(spool)
        spool.note(event())
        await on_disk(spool)
    assert [line for line in seen if "synchronous" in line] == [
        "PRAGMA synchronous = NORMAL",
        "PRAGMA synchronous = FULL",
    ]


WRITER = """
import asyncio, sys
from pathlib import Path
from appliance.telemetry.moments import Moment
from appliance.telemetry.protocol.records import JobReport, JobState
from appliance.telemetry.spool import Spool

async def main():
    spool = Spool(Path(sys.argv[1]), boot=sys.argv[2], clock=lambda: Moment(1000, 0), on_health=print)
    async with spool:
        n = 0
        while True:
            n += 1
            if await spool.note_job(JobReport("job", JobState.RUNNING), str(n)):
                print(n, flush=True)

asyncio.run(main())
"""


def test_what_was_said_to_be_written_is_there_after_a_kill(tmp_path):
    said = {}
    for boot in ("b1", "b2", "b3"):
        command = (sys.executable, "-c", WRITER, str(tmp_path / "spool.db"), boot)
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as writer:
            for _ in range(40):
                last = writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
            last = (writer.stdout.read() or last).split()[-1]
        said[boot] = int(last)
    file = SpoolFile(tmp_path / "spool.db")
    after, found = (0, 0), {}
    while stretch := file.read(after, None, 10_000):
        found.setdefault(stretch.boot, []).extend(note.n for note in stretch.notes)
        after = stretch.no, stretch.notes[-1].n
    newest = file.jobs()["job"]
    file.close()
    assert list(found) == ["b1", "b2", "b3"]
    for boot, stored in found.items():
        assert stored == list(range(1, len(stored) + 1))
        assert len(stored) >= said[boot]
    assert int(newest) == len(found["b3"])


async def test_what_is_noted_while_others_are_forgotten_counts_as_waiting(tmp_path):
    async with spool_at(tmp_path) as spool:
        for _ in range(5):
            spool.note(event())
        await on_disk(spool)
        forgetting = asyncio.create_task(spool.forget("boot-1", 1, 5))
        await asyncio.sleep(0)
        spool.note(event())
        await forgetting
        assert spool.waiting == 1


async def test_a_disk_that_could_not_be_read_is_well_when_it_can_be_and_nothing_is_written_to_find_out(
    tmp_path, monkeypatch
):
    health, fails = [], True

    def failing(method):
        def attempt(*arguments):
            if fails:
                raise OSError(5, "Input/output error")
            return method(*arguments)

        return attempt

    async with spool_at(tmp_path, health=health) as spool:
        spool.note(event())
        await on_disk(spool)
        before = (tmp_path / "spool.db-wal").read_bytes()
        monkeypatch.setattr(SpoolFile, "read", failing(SpoolFile.read))
        monkeypatch.setattr(SpoolFile, "count", failing(SpoolFile.count))
        assert await spool.batch() is None
        await asyncio.sleep(0.1)  # many a retry
        assert [told.ok for told in health] == [False]
        assert spool.recovered == 0
        fails = False
        async with asyncio.timeout(5):
            while not spool.recovered:
                await asyncio.sleep(0.001)
        assert [told.ok for told in health] == [False, True]
        assert len(await numbers(spool)) == 1
        assert (tmp_path / "spool.db-wal").read_bytes() == before


async def test_the_age_of_the_oldest_record_is_told_by_the_clock_that_can_tell(tmp_path):
    clock = Clock()
    async with spool_at(tmp_path, clock=clock) as spool:
        assert await spool.age_s() is None
        spool.note(event())
        clock.ts += 60_000
        spool.note(event())
        assert await spool.age_s() == 60
        await on_disk(spool)
        assert await spool.age_s() == 60
    clock.ts += 3_600_000
    async with spool_at(tmp_path, "boot-2", clock=clock) as spool:
        spool.note(event())
        assert await spool.age_s() == 3660
        clock.sync = ClockSync.NO
        assert await spool.age_s() is None
        clock.sync = ClockSync.YES
        await spool.forget("boot-1", 1, 2)
        await on_disk(spool)
        assert await spool.age_s() == 0


def test_within_a_boot_a_clock_that_was_set_counts_for_nothing():
    note = Note(1, 1000, 5_000, ClockSync.NO, Kind.EVENT, b"{}")
    assert waited_s(note, Moment(NOW, 65_000, ClockSync.YES), same_boot=True) == 60
    assert waited_s(note, Moment(NOW, 65_000, ClockSync.YES), same_boot=False) is None


async def test_while_the_disk_fails_the_oldest_in_memory_counts(tmp_path, monkeypatch):
    clock = Clock()
    async with spool_at(tmp_path, clock=clock) as spool:

        def fails(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(SpoolFile, "write", fails)
        monkeypatch.setattr(SpoolFile, "oldest", fails)
        spool.note(event())
        clock.ts += 5_000
        assert await spool.age_s() == 5


async def test_what_is_acknowledged_while_its_writing_fails_is_forgotten_too(tmp_path, monkeypatch):
    begun, fails = threading.Event(), threading.Event()

    def write(*_):
        begun.set()
        fails.wait(10)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SpoolFile, "write", write)
    async with spool_at(tmp_path, settings=SpoolSettings(retry_s=60)) as spool:
        spool.note(event())
        await asyncio.to_thread(begun.wait, 10)
        forgetting = asyncio.create_task(spool.forget("boot-1", 1, 1))
        await asyncio.sleep(0)
        fails.set()
        await forgetting
        assert spool.waiting == 0
        assert await numbers(spool) == []
