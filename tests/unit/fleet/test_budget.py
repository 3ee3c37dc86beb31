"""How much each room may have stored: far more than a sound room has to tell, and no more than a disk can bear."""

from appliance.telemetry.thinning import KEPT_DAYS
from fleet.ingest.budget import DAYS_SAVED, Budget
from fleet.settings import parse
from fleet.store.samples import DAY

EACH_30_S = DAY // 30_000


def test_all_that_a_spool_keeps_fits_beside_what_happens_meanwhile():
    budget = Budget(parse("", where="the defaults").ingest.records_a_day)
    # the whole time in a meeting, and an event each quarter of an hour
    backfill = KEPT_DAYS * (EACH_30_S + 96)
    budget.charge({1: backfill}, 0)
    assert not budget.is_spent(1, 0)
    for day in range(1, 30):
        budget.charge({1: EACH_30_S + 96}, day * DAY)
        assert not budget.is_spent(1, day * DAY)


def test_the_least_that_may_be_set_is_enough_for_a_week_without_a_network():
    budget = Budget(5000)
    budget.charge({1: 7 * (EACH_30_S + 96)}, 0)
    assert not budget.is_spent(1, 0)


def test_who_has_spent_all_gets_a_day_s_worth_a_day_and_nobody_else_has_less():
    budget = Budget(100)
    budget.charge({1: 100 * DAYS_SAVED, 2: 5}, 0)
    assert budget.is_spent(1, 0)
    assert not budget.is_spent(2, 0)
    assert budget.is_spent(1, DAY, also=100)
    assert not budget.is_spent(1, DAY, also=99)


def test_what_was_not_used_is_saved_for_some_days_only():
    budget = Budget(100)
    budget.charge({1: 1}, 0)
    budget.charge({1: 0}, 1000 * DAY)
    assert budget.is_spent(1, 1000 * DAY, also=100 * DAYS_SAVED)


def test_a_clock_that_is_set_back_gives_nothing():
    budget = Budget(100)
    budget.charge({1: 100 * DAYS_SAVED}, 50 * DAY)
    assert budget.is_spent(1, 0)
    budget.charge({1: 0}, 0)
    assert not budget.is_spent(1, DAY)
