"""A console's database after a month: ten thousand rooms by the hour, a thousand of them as they came for a day.

Filled by SQL in the schema as the console makes it; what happened (events, meetings, alerts, jobs) is there as well.
"""

import json
from collections.abc import Sequence

from appliance.telemetry.protocol.codec import encode
from appliance.telemetry.protocol.payloads import ClockSync, Stamp, State
from benchmarks.fleet_rooms import IN_MEETING, speech
from fleet.control import use_sums
from fleet.store import samples
from fleet.store.database import Database, Transaction
from fleet.store.samples import DAY, FIVE, HOUR, MINUTE
from fleet.store.schema import bring_up_to_date

ROOMS, CLOSELY = 10_000, 1000
"""Rooms, and how many of them have samples of the last day."""
_SITES = 40
_DAYS = 30
_SAMPLE_MS = 30_000
_EVENTS, _MEETINGS, _ALERTS, _STANDING = 50, 18, 20_000, 300
"""Of each room; and all over."""
_JOBS, _WHOLE_FLEET = 200, 20
"""Of which so many are for all rooms; the others are for forty."""

_MOMENTS = (
    "WITH RECURSIVE moment(at) AS "
    "(SELECT {since} UNION ALL SELECT at + {step} FROM moment WHERE at + {step} < {until}) "
)
_NUMBERS = "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {most}) "
_SUMS = (
    "INSERT INTO {table} (room, at, span_s, live_s, ready_s, broken_s, occupied_s, participants, issues, cpu, "
    "cpu_most, mem_available_mb, temp_c, disk_free_mb, kbps_in, kbps_out, fps_in, fps_out, loss, loss_most, "
    "jitter_ms, rtt_ms, freezes) "
    "SELECT r.key, m.at, {span_s}, {span_s} / 4, {span_s}, 0, {span_s} / 3, r.key % 9, r.key % 2, "
    "0.1 + r.key % 7 * 0.01, 0.4, 2400, 50.0 + m.at % 11, 21400, 2800.0 + r.key % 100, 1700.0, 29.0, 30.0, 0.001, "
    "0.02, 6.0, 28.0, 0 FROM rooms r CROSS JOIN moment m WHERE r.key <= {rooms} ORDER BY r.key, m.at"
)
_RAW = (
    "INSERT INTO {table} (room, at, boot, n, span_s, phase, participants, issues, worst, ready, occupied, cpu, "
    "mem_available_mb, temp_c, disk_free_mb, kbps_in, kbps_out, fps_in, fps_out, loss, jitter_ms, rtt_ms, freezes) "
    "SELECT r.key, m.at, 1, m.at / 1000, 30, 'live', 4, 0, NULL, TRUE, TRUE, 0.1 + r.key % 7 * 0.01, 2400, "
    "50.0 + m.at % 11, 21400, 2800.0, 1700.0, 29.0, 30.0, 0.001, 6.0, 28.0, 0 "
    "FROM rooms r CROSS JOIN moment m WHERE r.key <= {rooms} ORDER BY r.key, m.at"
)


async def fill(database: Database, now: int, *, rooms: int = ROOMS, closely: int = CLOSELY) -> None:
    """Fill an empty database."""
    await bring_up_to_date(database)
    async with database.transaction() as tx:
        await _rooms(tx, rooms, now)
        await _happenings(tx, rooms, now)
        await _jobs(tx, rooms, now)
        await tx.execute(f"INSERT INTO use_marks (day, room) SELECT DISTINCT at / {DAY}, room FROM meetings")
    await use_sums.sum_up(database, now)
    await _stretches(database, "samples60", now // HOUR * HOUR - _DAYS * DAY, now // HOUR * HOUR, rooms)
    await _stretches(database, "samples5", now // FIVE * FIVE - DAY, now // FIVE * FIVE, closely)
    await _stretches(database, "samples", now - DAY, now, closely)
    if database.dialect == "postgresql":
        # autovacuum's work
        async with database.transaction() as tx:
            await tx.execute("ANALYZE")


_STEPS: dict[samples.Kind, int] = {"samples": _SAMPLE_MS, "samples5": FIVE, "samples60": HOUR}


async def _stretches(database: Database, kind: samples.Kind, since: int, until: int, rooms: int) -> None:
    """Fill all tables of a kind, a table at a time."""
    step = _STEPS[kind]
    for name in samples.tables_between(kind, since, until):
        begins, ends = samples.covers(name)
        first = since + max(0, -(-(begins - since) // step)) * step
        moments = _MOMENTS.format(since=f"CAST({first} AS BIGINT)", step=step, until=min(ends, until))
        chosen = _RAW if kind == "samples" else _SUMS
        async with database.transaction() as tx:
            table = await samples.make_table(tx, database.dialect, kind, max(begins, since))
            insert = chosen.format(table=table, rooms=rooms, span_s=step // 1000)
            head, _, select = insert.partition(" SELECT ")
            await tx.execute(f"{head} {moments} SELECT {select}")


def _documents(number: int, now: int) -> Sequence[str]:
    said, stamp = speech(meeting=number % IN_MEETING == 0), Stamp(1, "boot", 1, now, 0, ClockSync.YES)
    return [encode(stamp, body).decode() for body in (State(True, 1, "0.1.0"), said.info, said.health)]


_ROOM = (
    *("key", "id", "name", "site", "floor", "status", "status_at", "presence", "seen_at", "health_at", "due_at"),
    *("phase", "rev_desired", "rev_applied", "enrolled_at", "version", "state", "info", "health"),
)


async def _rooms(tx: Transaction, rooms: int, now: int) -> None:
    sites = [(key, f"site-{key}", f"Site {key}") for key in range(1, _SITES + 1)]
    await tx.load("sites", ("key", "id", "name"), sites)
    rows = []
    for key in range(1, rooms + 1):
        status = ("meeting", "ready", "ready", "warning", "ready", "broken", "ready", "offline")[key % 8]
        place = (key, f"room-{key:05}", f"Room {key}", key % _SITES + 1, f"Floor {key // _SITES % 9}")
        times = (status, now - key * 1000, "online", now, now, now + DAY, "idle", 3, 3, now, key)
        rows.append((*place, *times, *_documents(key, now)))
    await tx.load("rooms", _ROOM, rows)
    await tx.load("room_tags", ("room", "tag"), [(key, "board") for key in range(1, rooms + 1, 9)])
    doc = json.dumps({"joining": {"lead_s": 600}, "sound": {"beam": True}})
    await tx.load("desired", ("room", "rev", "doc", "made_at"), [(key, 3, doc, now) for key in range(1, rooms + 1)])
    await tx.execute("UPDATE counters SET value = $1 WHERE name = 'rooms'", rooms)


async def _happenings(tx: Transaction, rooms: int, now: int) -> None:
    spread = _DAYS * DAY
    await tx.execute(
        f"INSERT INTO events (room, boot, n, at, ts, heard_at, type, severity, text) {_NUMBERS.format(most=_EVENTS)}"
        f"SELECT r.key, 1, n, {now} - n * CAST({spread // _EVENTS} AS BIGINT) - r.key, 0, 0, 'call.live', 'info', "
        "'In a meeting' FROM rooms r CROSS JOIN number"
    )
    await tx.execute(
        "INSERT INTO meetings (room, boot, n, at, meeting, outcome, booked_from, booked_until, began_at, ended_at, "
        f"loss, worst_loss, jitter_ms, rtt_ms) {_NUMBERS.format(most=_MEETINGS)}"
        "SELECT room, boot, n, at, 'm', outcome, at - 3600000, at, at - 3000000, at, 0.001, 0.02, 6.0, 28.0 FROM "
        "(SELECT r.key AS room, 1 AS boot, n, "
        f"{now} - n * CAST({spread // _MEETINGS} AS BIGINT) - r.key * 60000 AS at, "
        "CASE WHEN n % 6 = 0 THEN 'no_show' ELSE 'held' END AS outcome FROM rooms r CROSS JOIN number) held"
    )
    await tx.execute(
        "INSERT INTO alerts (rule, room, site, about, severity, text, remedy, state, began_at, fired_at) "
        f"{_NUMBERS.format(most=_ALERTS)}"
        f"SELECT 'devices', n % {rooms} + 1, 1, 'camera.missing', CASE WHEN n % 3 = 0 THEN 'error' ELSE 'warning' END, "
        f"'The camera is unplugged', 'Plug it in.', CASE WHEN n <= {_STANDING} THEN 'firing' ELSE 'resolved' END, "
        f"{now} - n * CAST({MINUTE} AS BIGINT), {now} - n * CAST({MINUTE} AS BIGINT) FROM number"
    )
    audit = [(n, now - n, "ada", "looked", f"room:room-{n:05}", "{}", "") for n in range(1, 10_001)]
    await tx.load("audit", ("n", "at", "actor", "action", "target", "detail", "hash"), audit)


async def _jobs(tx: Transaction, rooms: int, now: int) -> None:
    jobs = [
        (key, f"job-{key}", "restart", "done", now - (_JOBS - key) * HOUR, "ada", now + DAY, True, "{}")
        for key in range(1, _JOBS + 1)
    ]
    columns = ("key", "id", "kind", "state", "made_at", "made_by", "expires_at", "if_idle", "policy")
    await tx.load("jobs", columns, jobs)
    executions = [
        (key, room, 3, "succeeded", now - DAY)
        for key in range(1, _JOBS + 1)
        for room in range(1, (rooms if key % (_JOBS // _WHOLE_FLEET) == 0 else min(rooms, 40)) + 1)
    ]
    await tx.load("executions", ("job", "room", "wave", "state", "changed_at"), executions)
