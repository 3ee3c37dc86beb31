"""Settings as the fields of a form: all that can be set, each with its meaning, and back again."""

import pytest

from fleet.control.settable import SETTABLE, mistakes_in
from fleet.web.access.accounts import NotPossible
from fleet.web.keys import fields, read


def test_every_key_that_can_be_set_has_a_field():
    assert {one.key for one in fields()} == SETTABLE
    assert next(one for one in fields() if one.key == "calendar.poll_s").means == "How often the calendar is read."


def test_what_is_shown_is_read_back_and_what_is_empty_is_not_set():
    doc = {
        "room": {"how_to_join": 'Ask "Ada"'},
        "calendar": {"poll_s": 60, "auto_join_hosts": ["meet.example.org", "a.example"]},
        "camera": {"array_deg": -12.5},
        "sound": {"beam": False},
        "tv": {"off_from": "22:00", "off_until": "06:30"},
    }
    assert mistakes_in(doc) == ()
    form = {f"set.{one.key}": one.shown(doc) for one in fields()}
    assert read({**form, "lock.sound.beam": "yes"}) == (doc, ("sound.beam",))


def test_a_text_is_set_to_nothing_only_where_that_says_something():
    doc = {"room": {"how_to_join": ""}, "calendar": {"auto_join_hosts": []}, "tv": {"off_from": "", "off_until": ""}}
    assert mistakes_in(doc) == ()
    form = {f"set.{one.key}": one.shown(doc) for one in fields()}
    form |= {f"empty.{one.key}": "yes" for one in fields() if one.is_empty_in(doc)}
    assert read(form) == (doc, ())
    emptied = {one.key for one in fields() if one.empty is not None}
    assert emptied == {
        *("room.how_to_join", "room.timezone", "calendar.auto_join_hosts", "tv.off_from", "tv.off_until"),
    }


def test_what_has_a_value_and_is_to_be_empty_is_refused_in_words():
    with pytest.raises(NotPossible, match=r"tv\.off_from: it has a value and is to be empty, too"):
        read({"set.tv.off_from": "22:00", "empty.tv.off_from": "yes"})


def test_what_is_no_number_is_refused_in_words():
    with pytest.raises(NotPossible, match=r"tv\.idle_off_min: 'soon' is no number"):
        read({"set.tv.idle_off_min": "soon"})
