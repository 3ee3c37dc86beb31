"""Samples in their day tables, their sums in the background, and charts of both."""

from dataclasses import replace

import pytest
from room_voice import IDLE, NOON, Voice

from appliance.telemetry.protocol.payloads import CallPhase, Severity
from appliance.telemetry.protocol.records import Sample
from fleet.store.rollup import roll_up
from fleet.store.samples import DAY, FIVE, HOUR, MINUTE, covers, series, table_of, tables, tables_between

LIVE = Sample(60, CallPhase.LIVE, participants=3, ready=True, cpu=0.75, loss=0.02, freezes=2, worst=Severity.ERROR)


async def said(desk, voice, first, *samples, every=MINUTE):
    """Let a room say samples, one each minute from now on."""
    letters = []
    for n, sample in enumerate(samples, first):
        letters.append(voice.batch(n, sample))
        voice.at += every
    await desk.hear(*letters)


async def sums(desk, kind, columns="at, span_s, live_s, participants, freezes"):
    names = await tables(desk.database, desk.database.dialect, kind)
    return [row for name in names for row in await desk.rows(columns, name, "at, room")]


def test_tables_are_named_by_day_and_month():
    assert table_of("samples", NOON) == "samples_20261123"
    assert table_of("samples60", NOON) == "samples60_202611"
    assert covers("samples_20261123") == (NOON - 12 * HOUR, NOON + 12 * HOUR)
    assert covers("samples60_202612")[1] - covers("samples60_202612")[0] == 31 * DAY
    assert covers("samples60_202612")[0] == covers("samples60_202611")[1]
    assert tables_between("samples", NOON - DAY, NOON) == ["samples_20261122", "samples_20261123"]
    assert tables_between("samples60", NOON - 30 * DAY, NOON) == ["samples60_202610", "samples60_202611"]


async def test_a_day_has_a_table(desk):
    voice = Voice()
    await said(desk, voice, 1, IDLE)
    voice.at += DAY
    await said(desk, voice, 2, IDLE)
    assert await tables(desk.database, desk.database.dialect, "samples") == ["samples_20261123", "samples_20261124"]


async def test_five_minutes_are_summed_up_when_they_are_over(desk):
    voice = Voice()
    await said(desk, voice, 1, *[LIVE] * 3, *[replace(IDLE, span_s=60)] * 4)
    await roll_up(desk.database, NOON + FIVE)
    assert await sums(desk, "samples5") == []
    assert await roll_up(desk.database, NOON + FIVE + 2 * MINUTE) == 1
    ((*row, cpu, most, loss),) = await sums(
        desk, "samples5", "at, span_s, live_s, ready_s, broken_s, participants, freezes, cpu, cpu_most, loss"
    )
    assert row == [NOON, 300, 180, 180, 180, 3, 6]
    assert (cpu, most, loss) == (pytest.approx(0.55), pytest.approx(0.75), pytest.approx(0.02))
    assert await roll_up(desk.database, NOON + FIVE + 2 * MINUTE) == 0


async def test_an_hour_is_summed_up_from_its_five_minutes(desk):
    voice, other = Voice(), Voice("room-2")
    await said(desk, voice, 1, *[LIVE] * 61)
    await said(desk, other, 1, IDLE)
    await roll_up(desk.database, NOON + HOUR + 2 * MINUTE)
    assert await sums(desk, "samples60") == [(NOON, 3600, 3600, 3, 120), (NOON, 30, 0, 0, 0)]


async def test_what_comes_late_is_summed_up_too(desk):
    voice, late = Voice(), Voice("room-2")
    await said(desk, voice, 1, *[LIVE] * 60)
    now = NOON + 3 * HOUR
    await roll_up(desk.database, now)
    await said(desk, late, 1, *[LIVE] * 60)
    await roll_up(desk.database, now)
    assert await sums(desk, "samples60") == [(NOON, 3600, 3600, 3, 120)] * 2
    assert len(await sums(desk, "samples5")) == 24
    assert await desk.rows("room", "late_samples", "room") == []


async def test_a_room_that_was_away_for_a_week_has_its_week(desk):
    here, away = Voice(), Voice("room-2")
    now = NOON + 7 * DAY
    for day in range(8):
        here.at = NOON + day * DAY
        await said(desk, here, day + 1, IDLE)
    await roll_up(desk.database, now)
    # an hour apart, told in batches once it is back
    hours = [away.batch(n + 1, replace(LIVE, span_s=3600), ts=NOON + n * HOUR) for n in range(7 * 24)]
    await desk.hear(*[letter._replace(at=now) for letter in hours])
    await roll_up(desk.database, now + FIVE)
    chart = await series(desk.database, 2, "samples60", NOON, now)
    assert chart.columns["at"] == [NOON + n * HOUR for n in range(7 * 24)]
    assert set(chart.columns["live_s"]) == {3600}


async def test_sums_begin_with_the_first_sample_and_skip_days_without(desk):
    voice = Voice()
    await said(desk, voice, 1, IDLE)
    assert await roll_up(desk.database, NOON + 20 * DAY) <= 288
    voice.at = NOON + 20 * DAY
    await said(desk, voice, 2, IDLE)
    assert await roll_up(desk.database, NOON + 20 * DAY + 10 * MINUTE) <= 290
    assert [row[0] for row in await sums(desk, "samples60")] == [NOON]


async def test_a_console_that_is_new_in_the_afternoon_sums_up_none_of_the_morning(desk):
    await said(desk, Voice(), 1, IDLE)
    assert await roll_up(desk.database, NOON + 3 * HOUR) <= 36
    assert [row[0] for row in await sums(desk, "samples60")] == [NOON]


async def test_a_chart_has_a_column_for_each_measurement(desk):
    voice = Voice()
    await said(desk, voice, 1, IDLE, LIVE)
    chart = await series(desk.database, 1, "samples", NOON, NOON + HOUR)
    assert chart.every_s == 0
    assert chart.columns["at"] == [NOON, NOON + MINUTE]
    assert chart.columns["phase"] == ["idle", "live"]
    assert chart.columns["temp_c"] == [None, None]
    assert (await series(desk.database, 1, "samples5", NOON, NOON + HOUR)).columns["at"] == []
