"""The report on use reads both databases alike."""

import random

import pytest
from fleet_builders import NOW, add_room, add_site

from fleet.control import exports, use
from fleet.control.use import TooMuch
from fleet.control.use_sums import sum_up
from fleet.store.records import Rows, write_rows

HOUR = 3600_000
DAY = 24 * HOUR


async def add_meetings(database, room, *spans):
    async with database.transaction() as tx:
        await tx.many(
            "INSERT INTO meetings (room, boot, n, at, meeting, outcome, booked_from, began_at, ended_at, loss) "
            "VALUES ($1, 1, $2, $3, 'm', $4, $5, $6, $7, 0.5)",
            [
                (room, n, end, outcome, begin, begin if outcome == "held" else None, end if outcome == "held" else None)
                for n, (begin, end, outcome) in enumerate(spans)
            ],
        )


async def test_a_report_is_of_its_time_and_of_its_sites(database, monkeypatch):
    # all days and hours: NOW is a Sunday
    berlin = await add_site(database, "berlin", open_days="1234567", open_from=0, open_until=1440)
    one, other = await add_room(database, "b1", site=berlin), await add_room(database, "p1")
    await add_meetings(
        database,
        one,
        (NOW - HOUR, NOW + HOUR, "held"),
        (NOW + HOUR, NOW + 2 * HOUR, "no_show"),
        (NOW + 9 * HOUR, NOW + 12 * HOUR, "held"),
        (NOW + 20 * HOUR, NOW + 21 * HOUR, "held"),
    )
    await add_meetings(database, other, (NOW, NOW + HOUR, "held"))
    found = await use.report(database, NOW, NOW + 10 * HOUR, sites=frozenset({berlin}))
    assert [room.room for room in found.rooms] == ["b1"]
    room = found.rooms[0]
    assert (room.in_use_min, room.bookable_min, room.held, room.no_shows, room.loss) == (120, 600, 2, 1, 0.5)
    assert len((await use.report(database, NOW, NOW + HOUR)).rooms) == 2
    with pytest.raises(TooMuch, match="up to a year"):
        await use.report(database, NOW, NOW)
    monkeypatch.setattr(use, "MOST_MEETINGS", 2)
    with pytest.raises(TooMuch, match="shorter time"):
        await use.report(database, NOW, NOW + 10 * HOUR)


def _any_meetings(lot, rooms, days):
    """Meetings as they are in life and worse: through midnights, over each other, told of later."""
    for n in range(250):
        begin = NOW + lot.randrange(-HOUR, days * 24 * HOUR)
        end = begin + lot.choice([0, 5, 30, 60, 700]) * 60_000 + lot.randrange(60_000)
        outcome = lot.choice(["held", "held", "held", "no_show", "failed"])
        held = outcome == "held"
        times = (begin, begin if held else None, end if held else None)
        loss = lot.choice([None, 0.125, 0.5]) if held else None
        at = end + lot.choice([0, 1, 3600_000])
        yield lot.choice(rooms), n, at, outcome, lot.choice([begin, None]), *times[1:], loss


@pytest.mark.parametrize("seed", range(4))
async def test_sums_of_days_say_the_same_as_all_meetings(database, seed, monkeypatch):
    lot, keys = random.Random(seed), []
    zones = ("Europe/Berlin", "Asia/Kolkata", "America/Los_Angeles")
    for number, zone in enumerate(zones):
        site = await add_site(database, f"s{number}", timezone=zone, open_days="1234567", open_from=431)
        keys += [await add_room(database, f"r{number}{n}", site=site) for n in range(2)]
    keys.append(await add_room(database, "alone"))
    days = 9
    told = list(_any_meetings(lot, keys, days))
    for part in range(3):
        async with database.transaction() as tx:
            # as the ingest's rows: room, boot, n, at, meeting, outcome, booked from and until, began, ended, ...
            rows = [
                (room, 1, n, at, "m", outcome, booked, None, began, ended, "touch", "", 0, n % 3, loss, loss,
                 None, None, 0, 0, None)
                for room, n, at, outcome, booked, began, ended, loss in told[part::3]
            ]  # fmt: skip
            await write_rows(tx, database.dialect, Rows(meetings=rows))
        # some of these days are summed up before the others' meetings arrive
        await sum_up(database, NOW + (part + 1) * 72 * HOUR)
        async with database.transaction() as tx:
            await tx.execute("UPDATE sites SET open_from = $1 WHERE id = 's1'", 500 + part)
    await sum_up(database, NOW + days * 24 * HOUR)
    for from_at, until_at in ((NOW, NOW + 8 * 24 * HOUR), (NOW + 7 * HOUR + 1, NOW + 50 * HOUR), (NOW, NOW + 5 * HOUR)):
        summed = await use.report(database, from_at, until_at)
        with monkeypatch.context() as patch:
            patch.setattr(use, "summed_until", never)
            assert summed == await use.report(database, from_at, until_at)
    begins, ends = NOW // DAY * DAY, -(-(NOW + 50 * HOUR) // DAY) * DAY
    whole = await use.report(database, begins, ends)
    monkeypatch.setattr(use, "MOST_BESIDE", 5)
    assert whole == await use.report(database, NOW + HOUR, NOW + 50 * HOUR)


async def never(_reader):
    return 0


async def test_meetings_and_alerts_come_as_tables_without_anybodys_name(database):
    berlin = await add_site(database, "berlin")
    one, other = await add_room(database, "b1", site=berlin), await add_room(database, "p1")
    await add_meetings(database, one, (NOW, NOW + HOUR, "held"))
    await add_meetings(database, other, (NOW, NOW + HOUR, "no_show"))
    async with database.transaction() as tx:
        await tx.execute("UPDATE meetings SET title = 'Secret'")
        await tx.many(
            "INSERT INTO alerts (rule, room, site, about, severity, text, state, began_at, fired_at, acknowledged_by) "
            "VALUES ('offline', $1, $2, '', 'error', $3, 'firing', $4, $5, 'Adam')",
            [(one, berlin, "=gone", NOW, NOW), (None, berlin, "site", NOW, NOW), (other, None, "pending", NOW, None)],
        )
    meetings = await exports.meetings_csv(database, NOW, NOW + 2 * HOUR)
    lines = meetings.splitlines()
    assert lines[1].startswith("b1,berlin,held,2026-11-22T09:00:00+00:00,,2026-11-22T09:00:00+00:00,")
    assert lines[2].startswith("p1,,no_show,")
    assert "Secret" not in meetings
    assert len((await exports.meetings_csv(database, NOW, NOW + 2 * HOUR, sites=frozenset({berlin}))).splitlines()) == 2
    alerts = await exports.alerts_csv(database, NOW, NOW + HOUR, sites=frozenset({berlin}))
    assert [line.split(",")[:7] for line in alerts.splitlines()[1:]] == [
        ["b1", "berlin", "offline", "", "error", "firing", "'=gone"],
        ["", "berlin", "offline", "", "error", "firing", "site"],
    ]
    assert "Adam" not in alerts
    with pytest.raises(TooMuch):
        await exports.alerts_csv(database, NOW, NOW)
