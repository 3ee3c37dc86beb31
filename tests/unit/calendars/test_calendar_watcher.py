"""The watcher keeps the last good agenda, says what is wrong, moves with the clock and survives a restart offline."""

import asyncio
import logging
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from appliance.calendars.agenda import Bookings, JoinPolicy
from appliance.calendars.cache import CalendarCache
from appliance.calendars.errors import CalendarError
from appliance.calendars.fetched import Fetched, Version
from appliance.calendars.sources import open_source
from appliance.calendars.watcher import CalendarRules, CalendarWatcher
from appliance.state.room import AutoJoin

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
# read before the tests, whose event loops must not wait for a disk
BERLIN = ZoneInfo("Europe/Berlin")
RULES = CalendarRules(BERLIN.key, BERLIN.key, poll_s=0.02, join=JoinPolicy(auto_hosts=("hub.example.org",)))
LINK = "https://hub.example.org/#AbCdEfGhIjKlMnOpQrSt-_"


def calendar(title: str = "Weekly", day: str = "20261123", stamp: str = "20261101T000000Z") -> bytes:
    return (
        f"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:{title}\r\nDTSTAMP:{stamp}\r\nDTSTART:{day}T090000Z\r\n"
        f"DTEND:{day}T100000Z\r\nSUMMARY:{title}\r\nLOCATION:{LINK}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    ).encode()


class Shelf:
    """A calendar source in memory: what the test puts there is what is fetched."""

    name = "the shelf"

    def __init__(self, content: bytes | CalendarError) -> None:
        self.content = content
        self.asked: list[Version | None] = []
        self.fetched = asyncio.Event()

    async def fetch(self, known: Version | None) -> Fetched | None:
        self.asked.append(known)
        self.fetched.set()
        if isinstance(self.content, CalendarError):
            raise self.content
        version = Version(tag=self.content.decode())
        return None if version == known else Fetched(self.content, version)


class Room:
    """A watcher at work, with the clock and what it told."""

    def __init__(self, shelf: Shelf, state_dir: Path, rules: CalendarRules) -> None:
        self.time = NOW
        self.told: list[Bookings] = []
        self._news = asyncio.Event()
        self.watcher = CalendarWatcher(
            shelf, CalendarCache(state_dir, "shelf:"), rules=rules, now=lambda: self.time, on_bookings=self._hear
        )

    def _hear(self, bookings: Bookings) -> None:
        self.told.append(bookings)
        self._news.set()

    async def hears(self, wanted: Callable[[Bookings], bool]) -> Bookings:
        async with asyncio.timeout(20):
            while not (self.told and wanted(self.told[-1])):
                self._news.clear()
                await self._news.wait()
        return self.told[-1]

    def titles(self) -> list[str]:
        return [meeting.title for meeting in self.told[-1].agenda.meetings]


@asynccontextmanager
async def watching(shelf: Shelf, state_dir: Path, rules: CalendarRules = RULES) -> AsyncIterator[Room]:
    room = Room(shelf, state_dir, rules)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(room.watcher.run(), name="calendar")
        yield room
        task.cancel()


async def on_disk(state_dir: Path, uri: str = "shelf:") -> tuple[bytes, datetime] | None:
    return await asyncio.to_thread(CalendarCache(state_dir, uri).load)


async def polled(shelf: Shelf) -> None:
    """Wait until the source was asked once more, and what it gave was taken in."""
    for _ in range(2):
        shelf.fetched.clear()
        async with asyncio.timeout(20):
            await shelf.fetched.wait()


async def test_a_calendar_becomes_bookings_with_their_links_beside(tmp_path: Path):
    async with watching(Shelf(calendar()), tmp_path) as room:
        bookings = await room.hears(lambda b: bool(b.agenda.meetings))
    (meeting,) = bookings.agenda.meetings
    assert meeting.auto_join == AutoJoin.YES
    assert bookings.agenda.fetched_at == NOW
    assert bookings.links[meeting.key].url == LINK
    assert "AbCd" not in repr(bookings)


async def test_an_unchanged_calendar_is_asked_for_conditionally_and_told_once(tmp_path: Path):
    shelf = Shelf(calendar())
    async with watching(shelf, tmp_path) as room:
        await room.hears(lambda b: bool(b.agenda.meetings))
        await polled(shelf)
        assert len(room.told) == 1
        assert shelf.asked[0] is None
        assert shelf.asked[-1] == Version(tag=calendar().decode())


async def test_a_new_stamp_alone_is_no_change(tmp_path: Path):
    shelf = Shelf(calendar())
    async with watching(shelf, tmp_path) as room:
        await room.hears(lambda b: bool(b.agenda.meetings))
        kept = await on_disk(tmp_path)
        shelf.content = calendar(stamp="20261123T080000Z")
        await polled(shelf)
        assert len(room.told) == 1
        assert await on_disk(tmp_path) == kept


async def test_a_failure_keeps_the_last_good_agenda_and_its_age(tmp_path: Path):
    shelf = Shelf(calendar())
    async with watching(shelf, tmp_path) as room:
        await room.hears(lambda b: bool(b.agenda.meetings))
        shelf.content = CalendarError("The calendar is away.")
        room.time += timedelta(minutes=20)
        broken = await room.hears(lambda b: bool(b.agenda.error))
        assert broken.agenda.error == "The calendar is away."
        assert room.titles() == ["Weekly"]
        assert broken.agenda.fetched_at == NOW

        shelf.content = calendar("New")
        mended = await room.hears(lambda b: not b.agenda.error)
        assert room.titles() == ["New"]
        assert mended.agenda.fetched_at == room.time


async def test_a_restart_without_network_still_knows_the_meetings(tmp_path: Path):
    async with watching(Shelf(calendar()), tmp_path) as room:
        await room.hears(lambda b: bool(b.agenda.meetings))
    async with watching(Shelf(CalendarError("No network.")), tmp_path) as room:
        offline = await room.hears(lambda b: bool(b.agenda.error))
    assert [m.title for m in offline.agenda.meetings] == ["Weekly"]
    assert offline.agenda.fetched_at == NOW
    assert offline.links
    # what was known was told before the network was even asked
    assert room.told[0].agenda.error == ""


async def test_the_copy_on_disk_is_private_and_belongs_to_its_source(tmp_path: Path):
    async with watching(Shelf(calendar()), tmp_path) as room:
        await room.hears(lambda b: bool(b.agenda.meetings))
    assert [stat.S_IMODE(entry.stat().st_mode) for entry in os.scandir(tmp_path)] == [0o600]
    assert await on_disk(tmp_path) == (calendar(), NOW)
    assert await on_disk(tmp_path, "another:") is None


async def test_a_first_start_without_calendar_says_why(tmp_path: Path):
    async with watching(Shelf(CalendarError("No network.")), tmp_path) as room:
        bookings = await room.hears(lambda b: True)
    assert bookings.agenda.error == "No network."
    assert bookings.agenda.fetched_at is None
    assert bookings.agenda.meetings == ()


async def test_a_copy_that_cannot_be_written_costs_only_the_copy(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "file").touch()
    async with watching(Shelf(calendar()), tmp_path / "file") as room:
        await room.hears(lambda b: bool(b.agenda.meetings))
    assert "cannot be kept" in caplog.text


async def test_tomorrow_comes_without_the_calendar_changing(tmp_path: Path):
    shelf = Shelf(calendar(day="20261130"))
    async with watching(shelf, tmp_path) as room:
        assert (await room.hears(lambda b: True)).agenda.meetings == ()
        room.time += timedelta(days=6)
        await room.hears(lambda b: bool(b.agenda.meetings))
        assert room.titles() == ["Weekly"]
        assert shelf.asked[-1] is not None


async def test_a_new_day_is_reached_also_while_the_source_is_away(tmp_path: Path):
    shelf = Shelf(calendar(day="20261130"))
    async with watching(shelf, tmp_path) as room:
        await room.hears(lambda b: True)
        shelf.content = CalendarError("No network.")
        room.time += timedelta(days=6)
        bookings = await room.hears(lambda b: bool(b.agenda.meetings))
        assert bookings.agenda.error == "No network."


async def test_a_meeting_that_ends_between_two_polls_goes_by_itself(tmp_path: Path):
    shelf = Shelf(calendar())
    async with watching(shelf, tmp_path, replace(RULES, poll_s=3600.0)) as room:
        room.time = datetime(2026, 11, 23, 9, 59, 59, 900_000, tzinfo=UTC)
        await room.hears(lambda b: bool(b.agenda.meetings))
        room.time += timedelta(seconds=1)
        await room.hears(lambda b: not b.agenda.meetings)
    assert len(shelf.asked) == 1


async def test_the_age_of_a_healthy_calendar_is_told_now_and_then(tmp_path: Path):
    shelf = Shelf(calendar())
    async with watching(shelf, tmp_path) as room:
        await room.hears(lambda b: bool(b.agenda.meetings))
        room.time += timedelta(minutes=5)
        later = await room.hears(lambda b: b.agenda.fetched_at == room.time)
    assert later.agenda.fetched_at == NOW + timedelta(minutes=5)
    assert await on_disk(tmp_path) == (calendar(), NOW + timedelta(minutes=5))


async def test_titles_and_links_stay_out_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    broken = calendar("Hidden").replace(b"DTSTART", b"DTSTARTED")
    shelf = Shelf(broken)
    async with watching(shelf, tmp_path) as room:
        told = await room.hears(lambda b: bool(b.agenda.warning))
        assert "Hidden" in told.agenda.warning
    assert "1 events were left out" in caplog.text
    assert "Hidden" not in caplog.text
    assert "AbCd" not in caplog.text


async def test_a_file_saved_anew_is_a_new_agenda(tmp_path: Path):
    path = tmp_path / "room.ics"
    path.write_bytes(calendar())
    told: asyncio.Queue[Bookings] = asyncio.Queue()
    watcher = CalendarWatcher(
        open_source(f"file:{path}"),
        CalendarCache(tmp_path, f"file:{path}"),
        rules=CalendarRules(BERLIN.key, BERLIN.key, poll_s=0.05),
        now=lambda: NOW,
        on_bookings=told.put_nowait,
    )
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        task = group.create_task(watcher.run(), name="calendar")
        assert [m.title for m in (await told.get()).agenda.meetings] == ["Weekly"]
        path.write_bytes(b"BEGIN:VCALENDAR half a file")
        assert (await told.get()).agenda.error == "The calendar arrived incomplete."
        path.write_bytes(calendar("Saved anew"))
        assert [m.title for m in (await told.get()).agenda.meetings] == ["Saved anew"]
        task.cancel()
