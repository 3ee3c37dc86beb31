"""Alerts in virtual time: they wait, hold on, end, speak for a site, and survive any restart."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from fleet.control.conditions import (
    BadRule,
    Beyond,
    Issues,
    NotReady,
    Offline,
    Older,
    condition_json,
    look,
    read_condition,
)
from fleet.control.facts import Facts, Problem, facts_of
from fleet.control.rules import DEFAULT_RULES, Rule, State, checked
from fleet.control.scope import Place
from fleet.control.sites import is_down
from fleet.control.watch import Watch, Window

S = 1000
T0 = 1_795_338_000_000
OFFLINE = Rule("offline", "Offline", Offline(), "error", 90, 30)
HOT = Rule("hot", "Hot", Beyond("temp_c", above=80, clear=75), "warning", 300, 60)
DEVICE = Rule("device", "Device", Issues(("device.*",), "error"), "error", 60, 60)


def room(key=1, *, site=None, offline=None, temp=50.0, issues=(), **more):
    place = Place(key, f"r{key}", f"s{site}" if site else None)
    problems = tuple(Problem(one, "error", f"{one} is gone", "Look") for one in issues)
    return Facts(place, f"R{key}", site, offline, problems, numbers={"temp_c": temp}, **more)


def seen(watch, now, *facts):
    for one in facts:
        watch.see(one)
    return [(change.after.ident.rule, change.after.state.value) for change in watch.look(now) if change.after]


def test_an_alert_waits_fires_and_ends_by_time_alone():
    watch = Watch((DEVICE,))
    assert seen(watch, T0, room(issues=["device.camera-1"])) == [("device", "pending")]
    assert seen(watch, T0 + 59 * S) == []
    assert seen(watch, T0 + 60 * S) == [("device", "firing")]
    assert seen(watch, T0 + 100 * S, room()) == [("device", "firing")]
    assert seen(watch, T0 + 159 * S) == []
    assert seen(watch, T0 + 160 * S) == [("device", "resolved")]
    assert watch.open == ()
    assert seen(watch, T0 + 9999 * S) == []


def test_what_is_over_before_its_time_was_nothing():
    watch = Watch((DEVICE,))
    seen(watch, T0, room(issues=["device.camera-1"]))
    watch.see(room())
    assert [change.after for change in watch.look(T0 + 59 * S)] == [None]
    assert watch.open == ()


def test_what_comes_and_goes_is_one_alert():
    watch = Watch((DEVICE,))
    seen(watch, T0, room(issues=["device.camera-1"]))
    seen(watch, T0 + 60 * S)
    for minute in range(2, 20):
        seen(watch, T0 + minute * 60 * S, room())
        assert "resolved" not in str(seen(watch, T0 + (minute * 60 + 50) * S, room(issues=["device.camera-1"])))
    assert len(watch.open) == 1


def test_a_number_has_to_come_back_below_its_lower_bound():
    watch = Watch((HOT,))
    seen(watch, T0, room(temp=81))
    assert seen(watch, T0 + 300 * S) == [("hot", "firing")]
    seen(watch, T0 + 301 * S, room(temp=77))
    assert seen(watch, T0 + 900 * S) == []
    seen(watch, T0 + 901 * S, room(temp=75))
    assert seen(watch, T0 + 961 * S) == [("hot", "resolved")]


def test_a_number_between_its_bounds_begins_nothing():
    watch = Watch((HOT,))
    seen(watch, T0, room(temp=81))
    seen(watch, T0 + 100 * S, room(temp=77))
    assert watch.open == ()


def test_two_issues_of_a_rule_are_two_alerts():
    watch = Watch((DEVICE,))
    assert len(seen(watch, T0, room(issues=["device.camera-1", "device.microphone-1", "calendar.stale"]))) == 2


def test_of_a_room_that_is_gone_nothing_ends_and_nothing_begins():
    watch = Watch((DEVICE, OFFLINE))
    seen(watch, T0, room(issues=["device.camera-1"]))
    seen(watch, T0 + 60 * S)
    seen(watch, T0 + 61 * S, room(offline=T0 + 61 * S))
    assert seen(watch, T0 + 900 * S) == [("offline", "firing")]
    assert {alert.ident.rule for alert in watch.open} == {"device", "offline"}
    seen(watch, T0 + 901 * S, room())
    assert sorted(seen(watch, T0 + 961 * S)) == [("device", "resolved"), ("offline", "resolved")]


def test_how_long_a_room_has_been_gone_counts_also_while_nobody_watched():
    assert seen(Watch((OFFLINE,)), T0, room(offline=T0 - 91 * S)) == [("offline", "firing")]


def test_in_maintenance_nothing_fires_and_afterwards_what_is_still_wrong_does():
    watch = Watch((OFFLINE,), (Window("room:r1", T0, T0 + 3600 * S),))
    seen(watch, T0, room(offline=T0), room(2, offline=T0))
    assert seen(watch, T0 + 90 * S) == [("offline", "firing")]
    assert watch.look(T0 + 3599 * S) == []
    assert seen(watch, T0 + 3600 * S) == [("offline", "firing")]


def test_a_rule_that_is_gone_ends_its_alerts():
    watch = Watch((DEVICE,))
    seen(watch, T0, room(issues=["device.camera-1"]))
    seen(watch, T0 + 60 * S)
    watch.rules = (replace(DEVICE, scope="site:paris"),)
    assert seen(watch, T0 + 61 * S, room(issues=["device.camera-1"])) == [("device", "resolved")]


def test_a_retired_room_takes_its_alerts_along():
    watch = Watch((DEVICE,))
    seen(watch, T0, room(issues=["device.camera-1"]))
    seen(watch, T0 + 60 * S)
    watch.forget(1)
    assert seen(watch, T0 + 61 * S) == [("device", "resolved")]


# a site


def site_of(rooms, lost, *, at=T0, step=S):
    watch = Watch((OFFLINE,), site_names={7: "Berlin"})
    for key in range(1, rooms + 1):
        watch.see(room(key, site=7))
    watch.look(at)
    for key in range(1, lost + 1):
        watch.see(room(key, site=7, offline=at + key * step))
    watch.look(at + lost * step)
    return watch


def whole(watch):
    return [alert for alert in watch.open if alert.of_site]


def test_a_lost_site_is_one_alert_that_speaks_for_its_rooms():
    watch = site_of(20, 12)
    changes = watch.look(T0 + 91 * S)
    assert [change.after.of_site for change in changes] == [True] + [False] * 12
    site = changes[0].after
    assert (site.words.text, site.state) == ("Berlin: 12 of 20 rooms went offline together.", State.FIRING)
    assert all(change.after.parent == site.ident for change in changes[1:])
    # nobody is told of a room that is lost later either
    watch.see(room(15, site=7, offline=T0 + 600 * S))
    assert all(change.after.parent == site.ident for change in watch.look(T0 + 600 * S))


def test_a_sites_alert_ends_with_its_rooms():
    watch = site_of(4, 4)
    watch.look(T0 + 100 * S)
    for key in range(1, 5):
        watch.see(room(key, site=7))
    watch.look(T0 + 200 * S)
    assert len(whole(watch)) == 1
    ended = [change.after for change in watch.look(T0 + 230 * S)]
    assert [alert.state for alert in ended] == [State.RESOLVED] * 5
    assert watch.open == ()


def test_the_last_rooms_of_a_lost_site_speak_for_themselves():
    watch = site_of(6, 6)
    watch.look(T0 + 100 * S)
    for key in range(1, 5):
        watch.see(room(key, site=7))
    watch.look(T0 + 200 * S)
    watch.look(T0 + 230 * S)
    assert whole(watch) == []
    assert {(alert.ident.room, alert.parent, alert.state) for alert in watch.open} == {
        (5, None, State.FIRING),
        (6, None, State.FIRING),
    }


def test_a_sites_alert_ends_with_its_rule():
    watch = site_of(4, 4)
    watch.look(T0 + 100 * S)
    kept = watch.open
    for rules in ((), (replace(OFFLINE, condition=NotReady()),)):
        again = Watch(rules)
        again.remember(kept)
        for key in range(1, 5):
            again.see(room(key, site=7, offline=T0))
        again.look(T0 + 101 * S)
        assert whole(again) == []
        assert all(alert.parent is None for alert in again.open)


def test_rooms_in_maintenance_do_not_make_a_site_lost():
    watch = Watch((OFFLINE,), tuple(Window(f"room:r{key}", T0, T0 + 3600 * S) for key in range(1, 10)), {7: "Berlin"})
    for key in range(1, 11):
        watch.see(room(key, site=7, offline=T0))
    watch.look(T0)
    assert [change.after.ident.room for change in watch.look(T0 + 100 * S)] == [10]
    watch.look(T0 + 3600 * S)
    assert len(whole(watch)) == 1


@pytest.mark.parametrize(("rooms", "lost", "step"), [(20, 9, S), (4, 2, S), (20, 12, 60 * S)])
def test_few_rooms_or_slow_losses_are_no_lost_site(rooms, lost, step):
    watch = site_of(rooms, lost, step=step)
    watch.look(T0 + 3600 * S)
    assert whole(watch) == []
    assert len(watch.open) == lost


@given(st.lists(st.integers(0, 600_000), max_size=12), st.integers(1, 12))
def test_a_site_is_down_when_some_two_minutes_took_three_rooms_and_half(times, rooms):
    most = max((sum(0 <= other - time <= 120_000 for other in times) for time in times), default=0)
    assert is_down(times, rooms) == (most >= 3 and most * 2 >= rooms)


# whatever happens


RULES = (replace(OFFLINE, for_s=3, clear_s=2), replace(HOT, for_s=4, clear_s=3), replace(DEVICE, for_s=2, clear_s=3))


def _random_room(lot, key, before, now):
    if lot.random() < 0.3:
        gone = before.offline_since or now
        return replace(before, offline_since=gone)
    issues = lot.sample(["device.a", "device.b"], lot.randrange(3))
    return room(key, site=1 + key % 2, temp=lot.choice([50, 78, 90]), issues=issues)


@given(seed=st.integers(0, 2**32), restarts=st.sets(st.integers(0, 59), max_size=8))
def test_no_alert_is_lost_or_doubled_by_restarts_and_none_flaps(seed, restarts):
    lot = random.Random(seed)
    facts = {key: room(key, site=1 + key % 2) for key in range(1, 7)}
    steady, broken = Watch(RULES), Watch(RULES)
    for one in facts.values():
        steady.see(one)
        broken.see(one)
    fired, ended = {}, {}
    for second in range(60):
        now = T0 + second * S
        changed = lot.sample(sorted(facts), lot.randrange(4))
        for key in changed:
            facts[key] = _random_room(lot, key, facts[key], now)
            steady.see(facts[key])
            broken.see(facts[key])
        if second in restarts:
            # what is stored is all that the next one knows
            broken, kept = Watch(RULES), broken.open
            broken.remember(kept)
            for one in facts.values():
                broken.see(one)
        after = steady.look(now)
        assert {(c.before, c.after) for c in broken.look(now)} == {(c.before, c.after) for c in after}
        _check(after, fired, ended, now)
    assert set(broken.open) == set(steady.open)


def _check(changes, fired, ended, now):
    rules = {rule.id: rule for rule in RULES}
    for change in changes:
        if change.after is None:
            assert change.before.state is State.PENDING
            continue
        alert, rule = change.after, rules[change.after.ident.rule]
        was = change.before.state if change.before else None
        if alert.state is State.FIRING and was is not State.FIRING:
            assert alert.ident not in fired
            assert alert.of_site or now - alert.began_at >= rule.for_s * S
            fired[alert.ident] = now
        if alert.state is State.RESOLVED:
            assert was is State.FIRING
            assert alert.of_site or now - alert.ended_at >= rule.clear_s * S
            del fired[alert.ident]
            ended[alert.ident] = now


# conditions


def test_the_default_rules_are_right_and_come_back_from_json_as_they_were():
    assert len({rule.id for rule in DEFAULT_RULES}) == len(DEFAULT_RULES)
    for rule in DEFAULT_RULES:
        assert read_condition(condition_json(rule.condition)) == checked(rule).condition


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"kind": "magic"},
        {"kind": "number", "number": "mood", "above": 1},
        {"kind": "number", "number": "temp_c"},
        {"kind": "number", "number": "temp_c", "above": 1, "below": 2},
        {"kind": "number", "number": "temp_c", "above": "hot"},
        {"kind": "number", "number": "temp_c", "above": float("nan")},
        {"kind": "number", "number": "temp_c", "above": 80, "clear": 90},
        {"kind": "number", "number": "disk_free_mb", "below": 500, "clear": 400},
        {"kind": "older", "than": "the newest"},
        {"kind": "issues", "ids": []},
        {"kind": "issues", "ids": "device.*"},
        {"kind": "issues", "ids": ["*"], "least": "terrible"},
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(bad):
    with pytest.raises(BadRule):
        read_condition(bad)


@pytest.mark.parametrize(
    ("runs", "bad"),
    [
        *(("0.9.9", True), ("0.2", True), ("0.10.0", False), ("0.10", False), ("0.10.0.dev3", False), ("1.0", False)),
        *(("", False), ("<script>", False)),
    ],
)
def test_a_room_behind_the_wanted_version_is_told_until_it_is_updated(runs, bad):
    watch = Watch((checked(Rule("old", "Old", Older("0.10.0"), "warning", 0)),))
    assert seen(watch, T0, room(sw=runs)) == [("old", "firing")] * bad
    if bad:
        assert watch.open[0].words.text == f"It runs Salon {runs}, older than 0.10.0."
        assert seen(watch, T0 + 1, room(sw="0.10.1")) == [("old", "firing")]
        assert seen(watch, T0 + 61 * S) == [("old", "resolved")]


def test_starts_count_for_a_quarter_of_an_hour():
    rule = next(rule for rule in DEFAULT_RULES if rule.id == "crashes")
    watch = Watch((rule,))
    facts = room(starts=(T0 - 800 * S, T0 - 400 * S, T0))
    assert seen(watch, T0, facts) == [("crashes", "firing")]
    assert seen(watch, T0 + 100 * S) == [("crashes", "firing")]  # the first does not count any more
    assert seen(watch, T0 + 1000 * S) == [("crashes", "resolved")]


def test_a_certificate_is_looked_at_again_when_its_last_days_begin():
    rule = next(rule for rule in DEFAULT_RULES if rule.id == "certificate")
    watch = Watch((rule,))
    day = 24 * 3600 * S
    assert seen(watch, T0, room(certificate_until=T0 + 30 * day)) == []
    assert seen(watch, T0 + 9 * day - S) == []
    assert seen(watch, T0 + 9 * day + S) == [("certificate", "firing")]
    assert watch.open[0].words.text == "Its certificate ends in 21 days."


def test_a_row_is_read_whatever_a_room_has_said():
    row = {
        "id": "r1", "name": "", "site": 3, "status": "meeting", "status_at": 5, "skew_ms": -31_000, "rev_applied": 1,
        "rev_desired": 2, "certificate": None, "sw": "0.3.0", "trouble": "",
        "health": '{"phase":"live","gauges":{"temp_c":81.5,"cpu":0.5},"streams":[{"loss":0.07},{"loss":0.01}],'
        '"issues":[{"id":"device.a","severity":"error","text":"x"}],"ready":{"ok":false,"at":1},"new":[1]}',
    }  # fmt: skip
    facts = facts_of(row, Place(1, "r1"))
    assert facts.numbers["loss_percent"] == pytest.approx(7)
    assert (facts.numbers["skew_s"], facts.numbers["behind"], facts.numbers["cpu_percent"]) == (31, 1, 50)
    assert (facts.title, facts.offline_since, facts.problems[0].id) == ("r1", None, "device.a")
    assert look(NotReady(), facts, 0).bad
    found = facts_of({**row, "trouble": "Two machines."}, Place(1, "r1")).problems
    assert [(one.id, one.severity, one.text) for one in found[1:]] == [("console.found", "error", "Two machines.")]
    pem = _certificate(datetime(2026, 12, 24, tzinfo=UTC))
    until = facts_of({**row, "certificate": pem}, Place(1, "r1")).certificate_until
    assert until == datetime(2026, 12, 24, tzinfo=UTC).timestamp() * 1000
    assert facts_of({**row, "certificate": "nonsense"}, Place(1, "r1")).certificate_until is None
    for strange in (None, "", "{", '{"gauges":5}', '{"issues":[1]}', "[]"):
        assert facts_of({**row, "health": strange}, Place(1, "r1")).problems == ()


def _certificate(until):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "r1")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, until - timedelta(days=90), until)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
