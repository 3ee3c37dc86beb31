"""How pages put things, and what they make of documents that rooms wrote."""

import pytest

from appliance.state.counted import counted
from fleet.control.conditions import NUMBERS
from fleet.store.history import compared
from fleet.web.pages.frame import moment, said, size, span, status_icon
from fleet.web.told import health_of


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0, "0 s"),
        (59_000, "59 s"),
        (61_000, "1 min"),
        (3_600_000, "1 h"),
        (5_400_000, "1 h 30 min"),
        (90 * 3_600_000, "3 d 18 h"),
    ],
)
def test_a_length_of_time_is_one_or_two_units(ms, words):
    assert span(ms) == words


def test_a_moment_that_no_calendar_has_is_a_dash():
    assert "2026" in moment(1_790_000_000_000)
    assert moment(2**62) == moment(None) == "–"


def test_an_unknown_status_has_a_shape_and_no_markup_of_its_own():
    assert "shape-new" in status_icon('"><script>')
    assert "script" not in status_icon('"><script>')


def test_sizes_and_values_read_as_people_write_them():
    assert (size(900), size(21_400), size(3_400_000)) == ("900 bytes", "21 KB", "3.4 MB")
    assert (size(999_999), size(21_400_000_000)) == ("1000 KB", "21.4 GB")
    assert said({"ä": "<b>"}) == '{"ä": "<b>"}'


def test_both_configurations_lie_side_by_side_differences_first():
    desired = {"sound": {"volume": 60}, "calendar": {"early_s": 1200}, "a": {"b": 1}}
    reported = {
        "doc": {"sound": {"volume": 60}, "calendar": {"early_s": 60}, "a": {"b": 2}, "own": {"key": True}},
        "troubles": [{"key": "calendar.early_s", "reason": "too much"}, "nonsense"],
    }
    lines = {line.key: (line.state, line.reason) for line in compared(desired, reported)}
    assert lines == {
        "a.b": ("differs", ""),
        "calendar.early_s": ("refused", "too much"),
        "own.key": ("own", ""),
        "sound.volume": ("same", ""),
    }
    assert list(lines)[:2] == ["a.b", "calendar.early_s"]


@pytest.mark.parametrize("reported", [None, {}, {"doc": 3, "troubles": "x"}, {"doc": []}])
def test_a_report_that_makes_no_sense_is_as_good_as_none(reported):
    assert [line.state for line in compared({"a": {"b": 1}}, reported)] == ["differs"]


@pytest.mark.parametrize("document", [None, {}, {"phase": 3}, {"phase": "idle", "issues": "many"}])
def test_a_health_report_that_does_not_fit_is_none(document):
    assert health_of(document) is None


def test_words_of_a_newer_room_are_unknown_not_an_error():
    health = health_of({"phase": "dancing", "issues": [{"id": "x", "severity": "dire", "text": "t"}]})
    assert health is not None
    assert (health.phase, health.issues[0].severity) == ("unknown", "unknown")


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [
        (0, ("entry", "entries"), "0 entries"),
        (1, ("entry", "entries"), "1 entry"),
        (2, ("entry", "entries"), "2 entries"),
        (1, ("room",), "1 room"),
        (3, ("room",), "3 rooms"),
    ],
)
def test_one_of_a_thing_is_not_many(number, noun, words):
    assert counted(number, *noun) == words


@pytest.mark.parametrize(
    ("number", "value", "words"),
    [
        ("spooled", 1, "1 record waits to be stored."),
        ("spooled", 300, "300 records wait to be stored."),
        ("certificate_days", 0.9, "Its certificate ends in 1 day."),
        ("certificate_days", 20.6, "Its certificate ends in 21 days."),
        ("starts", 1, "It started once in 15 minutes."),
        ("temp_c", 1, "The machine is 1 °C hot."),
    ],
)
def test_an_alert_says_one_as_one(number, value, words):
    assert NUMBERS[number].said(value) == words
