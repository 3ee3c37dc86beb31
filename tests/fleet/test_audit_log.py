"""The audit log's chain: whole as written, and whatever is done to it is seen."""

import asyncio
from contextlib import suppress

import pytest

from fleet.store import audit
from fleet.store.audit import AuditLog, Verdict
from fleet.store.erase import erase_person


async def write(database, count: int) -> None:
    for number in range(count):
        await audit.note(database, 1000 + number, "ada", "did", f"room:{number}", detail="ü" * number)


async def test_a_log_as_written_is_whole(database):
    assert await audit.verify(database) == Verdict(0, "0" * 64)
    await write(database, 5)
    found = await audit.verify(database)
    assert (found.entries, found.broken_at) == (5, None)
    entries = await audit.entries(database)
    assert [entry.n for entry in entries] == [5, 4, 3, 2, 1]
    assert entries[0].hash == found.head
    assert entries[1].detail == {"detail": "üüü"}


@pytest.mark.parametrize(
    ("harm", "at"),
    [
        ("UPDATE audit SET actor = 'eve' WHERE n = 3", 3),
        ("UPDATE audit SET at = at + 1 WHERE n = 1", 1),
        ("UPDATE audit SET detail = '{}' WHERE n = 4", 4),
        ("DELETE FROM audit WHERE n = 2", 2),
        ("UPDATE audit SET hash = '00' WHERE n = 5", 5),
    ],
)
async def test_a_change_or_a_gap_is_seen(database, harm, at):
    await write(database, 5)
    async with database.transaction() as tx:
        await tx.execute(harm)
    found = await audit.verify(database)
    assert (found.entries, found.broken_at) == (at - 1, at)


async def test_a_log_whose_end_was_cut_off_is_told_by_a_head_that_was_noted(database):
    await write(database, 4)
    noted = (await audit.verify(database)).head
    await write(database, 2)
    assert await audit.holds(database, noted)
    assert not await audit.holds(database, "0" * 63)
    assert not await audit.holds(database, "%")
    async with database.transaction() as tx:
        await tx.execute("DELETE FROM audit WHERE n > 3")
    assert (await audit.verify(database)).broken_at is None
    assert not await audit.holds(database, noted)
    await write(database, 1)
    assert not await audit.holds(database, noted)


async def test_a_head_from_before_somebody_was_erased_still_counts(database):
    await write(database, 3)
    noted = (await audit.verify(database)).head
    await erase_person(database, "ada", 5)
    assert await audit.holds(database, noted)


async def test_entries_written_together_take_turns(database):
    await asyncio.gather(*(audit.note(database, number, "ada", "did") for number in range(20)))
    assert (await audit.verify(database)).entries == 20


async def test_an_entry_of_a_change_that_failed_is_not_there(database):
    with suppress(RuntimeError):
        async with database.transaction() as tx:
            await AuditLog(database.dialect).note(tx, 1, "ada", "did")
            raise RuntimeError
    assert (await audit.verify(database)).entries == 0


async def test_entries_are_found_by_any_word_in_them(database):
    await write(database, 3)
    await audit.note(database, 1, "grace", "signed in", address="10.0.0.1")
    assert [entry.actor for entry in await audit.entries(database, search="10.0.0")] == ["grace"]
    assert [entry.target for entry in await audit.entries(database, search="ROOM:1")] == ["room:1"]


async def test_long_details_are_cut_and_still_verify(database):
    await audit.note(database, 1, "ada", "did", text="x" * 5000)
    assert (await audit.verify(database)).broken_at is None
    assert len((await audit.entries(database))[0].detail["text"]) == 2000
