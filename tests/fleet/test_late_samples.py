"""What comes late is added to its sums: nothing twice, nothing lost, whatever has been forgotten meanwhile."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from room_voice import NOON, Voice

from appliance.telemetry.protocol.payloads import CallPhase, Severity
from appliance.telemetry.protocol.records import Sample
from fleet.settings import parse
from fleet.store import samples as stored
from fleet.store.retention import Keeping, forget_old
from fleet.store.rollup import roll_up
from fleet.store.samples import DAY, FIVE, HOUR, MINUTE, add_samples, tables
from fleet.upkeep import keep_house

RETENTION = parse("", where="the defaults").retention
LIVE = Sample(60, CallPhase.LIVE, participants=3, ready=True, cpu=0.75, loss=0.02, freezes=2, worst=Severity.ERROR)
SUMS = (
    "room, at, span_s, live_s, ready_s, broken_s, occupied_s, participants, issues, freezes, "
    "cpu, cpu_most, loss, loss_most"
)


async def sums(desk, kind, columns=SUMS):
    names = await tables(desk.database, desk.database.dialect, kind)
    rows = [row for name in names for row in await desk.rows(columns, name, "at, room")]
    return [tuple(round(value, 4) if isinstance(value, float) else value for value in row) for row in rows]


async def tell(desk, voice, now, minutes, sample=LIVE, n=1):
    """Have a room's samples of some minutes after noon arrive now."""
    letters = [voice.batch(n + minute, sample, ts=NOON + minute * MINUTE) for minute in minutes]
    await desk.hear(*[letter._replace(at=now) for letter in letters])


@pytest.mark.parametrize("days", [0, 8, 20])
async def test_the_second_half_of_an_hour_joins_the_first_also_when_the_first_one_s_samples_are_gone(desk, days):
    voice = Voice()
    await tell(desk, voice, NOON + HOUR, range(28))
    await keep_house(desk.database, RETENTION, NOON + 2 * HOUR)
    now = NOON + days * DAY + 3 * HOUR
    for day in range(days + 1):
        await keep_house(desk.database, RETENTION, NOON + day * DAY + 3 * HOUR)
    # it was cut off in the middle of a stretch of five minutes
    await tell(desk, voice, now, range(28, 60))
    await keep_house(desk.database, RETENTION, now + MINUTE)
    await keep_house(desk.database, RETENTION, now + 2 * MINUTE)
    five = await sums(desk, "samples5", "at, span_s, freezes")
    assert five == [(NOON + n * FIVE, 300, 10) for n in range(12)]
    assert await sums(desk, "samples60", "at, span_s, live_s, freezes, cpu, loss") == [
        (NOON, 3600, 3600, 120, 0.75, 0.02)
    ]
    assert await desk.rows("room", "late_samples", "room") == []


async def test_an_hour_s_sum_is_added_to_when_its_five_minutes_are_gone(desk):
    voice = Voice()
    await tell(desk, voice, NOON + HOUR, range(30))
    now = NOON + 3 * DAY
    short = Keeping(raw_days=1, five_minutes_days=1)
    await roll_up(desk.database, now)
    await forget_old(desk.database, short, now)
    assert await sums(desk, "samples5") == []
    await tell(desk, voice, now, range(30, 60))
    for _ in range(2):
        await roll_up(desk.database, now)
        await forget_old(desk.database, short, now)
    assert await sums(desk, "samples60", "at, span_s, freezes") == [(NOON, 3600, 120)]


async def test_what_came_late_is_not_forgotten_before_it_is_summed_up(desk):
    voice = Voice()
    now = NOON + 9 * DAY
    await tell(desk, Voice("room-2"), NOON, [0])
    await keep_house(desk.database, RETENTION, now)
    await tell(desk, voice, now, range(5))
    await forget_old(desk.database, Keeping(), now)
    await keep_house(desk.database, RETENTION, now)
    assert (await sums(desk, "samples5", "room, at, span_s"))[-1] == (2, NOON, 300)


async def test_another_room_s_late_samples_change_nobody_else_s_sums(desk):
    here, away = Voice(), Voice("room-2")
    await tell(desk, here, NOON + HOUR, range(60))
    await roll_up(desk.database, NOON + 2 * HOUR)
    before = await sums(desk, "samples5") + await sums(desk, "samples60")
    await tell(desk, away, NOON + 2 * HOUR, range(10, 20))
    await roll_up(desk.database, NOON + 2 * HOUR)
    after = await sums(desk, "samples5") + await sums(desk, "samples60")
    assert [row for row in after if row[0] == 1] == before
    assert sum(row[2] for row in after if row[0] == 2) == 1200


SAMPLE = st.builds(
    Sample,
    st.integers(1, 300),
    st.sampled_from([CallPhase.IDLE, CallPhase.LIVE]),
    participants=st.integers(0, 9),
    ready=st.sampled_from([None, True, False]),
    occupied=st.sampled_from([None, True]),
    cpu=st.sampled_from([None, 0.25, 0.5]),
    loss=st.sampled_from([None, 0.0, 0.5]),
    freezes=st.integers(0, 3),
    worst=st.sampled_from([None, Severity.ERROR]),
)
TOLD = st.lists(st.tuples(st.integers(0, 119), st.integers(0, 3), SAMPLE), max_size=30)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=TOLD, kept=st.booleans())
async def test_sums_are_the_same_in_whatever_order_samples_come(desk, told, kept):
    """Each with the round in which it arrives; while raw samples are there the means are exact, too."""
    database = desk.database
    async with database.transaction() as tx:
        for kind in ("samples", "samples5", "samples60"):
            for table in await tables(tx, database.dialect, kind):
                await tx.execute(f"DROP TABLE {table}")
        await tx.execute("DELETE FROM late_samples")
        await tx.execute("INSERT INTO rooms (key, id) VALUES (1, 'room-1') ON CONFLICT DO NOTHING")
        await tx.execute("UPDATE counters SET value = 0 WHERE name = 'rolled'")
    now = NOON + 3 * DAY
    rows = [_row(n, minute, sample) for n, (minute, _, sample) in enumerate(told, 1)]
    for arrives in range(4):
        part = [row for row, (_, when, _) in zip(rows, told, strict=True) if when == arrives]
        async with database.transaction() as tx:
            await add_samples(tx, database.dialect, part)
        await roll_up(database, now)
        if not kept:
            await forget_old(database, Keeping(raw_days=1), now)
    exact = SUMS if kept else SUMS.replace("cpu, cpu_most, loss, loss_most", "cpu_most, loss_most")
    found = await sums(desk, "samples5", exact), await sums(desk, "samples60", exact)
    assert found == (_expected(told, FIVE, means=kept), _expected(told, HOUR, means=False, but=found[1], kept=kept))


def _row(n, minute, sample):
    at = NOON + minute * MINUTE
    known = {
        "room": 1, "at": at, "boot": 1, "n": n, "span_s": sample.span_s, "phase": sample.phase.value,
        "worst": sample.worst.value if sample.worst else None,
    }  # fmt: skip
    return 1, at, tuple(known.get(name, getattr(sample, name, None)) for name in stored.COLUMNS)


def _expected(told, length, *, means, but=(), kept=False):
    """Sum up as a child would; an hour's means are those of its five minutes, and not looked at here."""
    groups = {}
    for minute, _, sample in told:
        groups.setdefault(minute * MINUTE // length * length, []).append(sample)
    rows = []
    for place, (start, group) in enumerate(sorted(groups.items())):
        cpu, loss = (_mean(group, name) for name in ("cpu", "loss"))
        if kept and not means:
            cpu, loss = but[place][10], but[place][12]
        most = [max((getattr(one, name) for one in group if getattr(one, name) is not None), default=None)
                for name in ("cpu", "loss")]  # fmt: skip
        both = (cpu, most[0], loss, most[1]) if means or kept else tuple(most)
        rows.append((
            1, NOON + start, _seconds(group), _seconds(group, lambda one: one.phase is CallPhase.LIVE),
            _seconds(group, lambda one: one.ready), _seconds(group, lambda one: one.worst),
            _seconds(group, lambda one: one.occupied), max(one.participants for one in group), 0,
            sum(one.freezes for one in group), *both,
        ))  # fmt: skip
    return rows


def _seconds(group, holds=lambda _: True):
    return sum(one.span_s for one in group if holds(one))


def _mean(group, name):
    known = [(getattr(one, name), one.span_s) for one in group if getattr(one, name) is not None]
    return round(sum(value * span for value, span in known) / sum(span for _, span in known), 4) if known else None
