import asyncio
import json

from hypothesis import given
from hypothesis import strategies as st
from test_spool import NOW, Clock, event, on_disk, spool_at

from appliance.telemetry.protocol.payloads import CallPhase, ClockSync
from appliance.telemetry.protocol.records import Kind, Sample, Thinned, encode_content
from appliance.telemetry.spool import SpoolSettings
from appliance.telemetry.thinning import Kept, thinner, too_old

DAY = 86_400_000


def samples(count, every_s=30, start=NOW, sync=ClockSync.YES, boot=7):
    content = encode_content(Sample(every_s, CallPhase.IDLE, freezes=1))
    return [Kept((boot, n + 1), start + n * every_s * 1000, sync, content) for n in range(count)]


def applied(kept, plan):
    changed = {one.place: one for one in plan.changed}
    return [changed.get(one.place, one) for one in kept if one.place not in set(plan.dropped)]


def test_samples_thin_out_step_by_step_until_none_is_left():
    kept = samples(2400)
    steps = []
    while plan := thinner(kept):
        kept = applied(kept, plan)
        steps.append((plan.told.kept_every_s, len(kept)))
    assert steps == [(300, 240), (3600, 20), (0, 0)]


def test_the_one_that_stays_stands_for_those_that_are_gone():
    kept = samples(20, start=NOW - NOW % 3_600_000)
    left = applied(kept, thinner(kept))
    contents = [json.loads(one.content) for one in left]
    assert [(one["span_s"], one["freezes"]) for one in contents] == [(300, 10), (300, 10)]
    assert [one.place for one in left] == [(7, 10), (7, 20)]


def test_the_loss_is_told():
    kept = samples(20, start=NOW - NOW % 3_600_000)
    first = NOW - NOW % 3_600_000
    assert thinner(kept).told == Thinned(first, first + 19 * 30_000, 18, 300)


def test_after_two_weeks_samples_go_unless_their_clock_cannot_be_believed():
    old, new = samples(3, start=NOW - 15 * DAY), samples(3, start=NOW - 13 * DAY, boot=8)
    assert too_old([*old, *new], NOW).dropped == tuple(one.place for one in old)
    assert too_old(samples(3, start=0, sync=ClockSync.NO), NOW) is None
    assert too_old(new, NOW) is None


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 20 * DAY // 1000), st.sampled_from(ClockSync)), max_size=60)
)
def test_thinning_ends_counts_right_and_keeps_order(rows):
    boots = sorted(rows, key=lambda row: row[0])
    content = encode_content(Sample(30, CallPhase.IDLE))
    kept = [Kept((boot, n), NOW + s * 1000, sync, content) for n, (boot, s, sync) in enumerate(boots, 1)]
    spans = 30 * len(kept)
    while plan := thinner(kept):
        before = len(kept)
        kept = applied(kept, plan)
        assert plan.told.count == before - len(kept) > 0
        assert kept == sorted(kept, key=lambda one: one.place)
        if plan.told.kept_every_s:
            assert sum(json.loads(one.content)["span_s"] for one in kept) == spans
    assert kept == []


async def counts(spool):
    found, after = {}, (0, 0)
    while batch := await spool.batch(after):
        for note in batch.notes:
            found[note.kind] = found.get(note.kind, 0) + 1
        after = batch.last
    return found


async def test_over_the_budget_samples_thin_out_and_nothing_else_ever_goes(tmp_path):
    clock = Clock()
    async with spool_at(tmp_path, clock=clock) as spool:
        for n in range(2000):
            clock.ts += 30_000
            spool.note(Sample(30, CallPhase.IDLE))
            if n % 20 == 0:
                spool.note(event("x" * 800))
    size = (tmp_path / "spool.db").stat().st_size
    tight = SpoolSettings(budget_mb=0.2, retry_s=0.01, tidy_s=0.01)
    async with spool_at(tmp_path, "boot-2", clock=clock, settings=tight) as spool:
        async with asyncio.timeout(10):
            while not (await counts(spool)).get(Kind.THINNED):
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)
        found = await counts(spool)
        assert found[Kind.EVENT] == 100
        assert 0 < found[Kind.SAMPLE] < 1000
        assert spool.waiting == sum(found.values())
    assert (tmp_path / "spool.db").stat().st_size < size


async def test_a_spool_full_of_what_may_not_go_says_so_and_goes_on(tmp_path):
    health = []
    settings = SpoolSettings(budget_mb=0.1, retry_s=0.01, tidy_s=0.01)
    async with spool_at(tmp_path, settings=settings, health=health) as spool:
        async with asyncio.timeout(10):
            while not health:
                for _ in range(50):
                    spool.note(event("x" * 800))
                await asyncio.sleep(0.05)
        assert "take all the disk they may" in health[-1].detail
        known = spool.newest
        spool.note(event())
        await on_disk(spool)
        assert (await counts(spool))[Kind.EVENT] == known + 1


async def test_samples_of_a_room_that_was_off_for_a_month_are_gone_at_its_start(tmp_path):
    clock = Clock()
    async with spool_at(tmp_path, clock=clock) as spool:
        spool.note(Sample(30, CallPhase.IDLE))
        spool.note(event())
    clock.ts += 30 * DAY
    async with spool_at(tmp_path, "boot-2", clock=clock) as spool:
        async with asyncio.timeout(10):
            while Kind.SAMPLE in await counts(spool):
                await asyncio.sleep(0.01)
        assert await counts(spool) == {Kind.EVENT: 1, Kind.THINNED: 1}
