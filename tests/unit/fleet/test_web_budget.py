"""How much a session or a token may ask for: all at once or bit by bit, each for itself, whatever the clock does."""

from fleet.web.access import limits
from fleet.web.access.limits import Budget


def spent(budget: Budget, key: str, now: int) -> int:
    """Ask until told to wait; return how often that went well."""
    times = 0
    while not budget.wait_s(key, now):
        budget.spend(key, now)
        times += 1
    return times


def test_all_can_be_spent_at_once_and_comes_back_evenly():
    budget = Budget(600, 60)
    assert spent(budget, "ada", 0) == 600
    assert budget.wait_s("ada", 0) == 1
    assert spent(budget, "ada", 1000) == 10
    assert spent(budget, "ada", 61_000) == 600


def test_a_number_that_does_not_go_into_a_minute_is_kept_too():
    assert spent(Budget(7, 60), "ada", 1_790_000_000_123) == 7
    assert spent(Budget(6007, 60), "ada", 1_790_000_000_123) == 6007


def test_one_that_spends_all_leaves_the_others_theirs():
    budget = Budget(600, 60)
    spent(budget, "ada", 0)
    assert spent(budget, "grace", 0) == 600
    assert not budget.knows("joan")


def test_a_clock_that_is_set_back_costs_nobody_more_than_the_window():
    budget = Budget(600, 60)
    spent(budget, "ada", 3_600_000)
    assert budget.wait_s("ada", 0) == 1
    budget.spend("ada", 0)
    assert spent(budget, "ada", 60_100) == 600


def test_memory_has_an_end_and_forgets_who_was_quiet_the_longest(monkeypatch):
    monkeypatch.setattr(limits, "_MOST_KEYS", 3)
    budget = Budget(600, 60)
    for key in ("a", "b", "c", "a", "d"):
        budget.spend(key, 0)
    assert [key for key in "abcd" if budget.knows(key)] == ["a", "c", "d"]
