import json
from contextlib import suppress
from dataclasses import fields

import pytest
from builders import NOON, meeting, people, report, room, wish
from hypothesis import given
from hypothesis import strategies as st

from appliance.state.clean import clean_text
from appliance.state.commands import Ack, Command, JoinMeeting, SetVolume
from appliance.state.layout import Layout, gallery
from appliance.state.room import Call, Phase, RoomState
from appliance.state.wire import BadValue, from_json, tagged, to_json, untagged
from appliance.state.wishes import MediaReport, MediaWish, Meters


def round_trip(value):
    return from_json(type(value), json.loads(json.dumps(to_json(value))))


def test_a_whole_room_survives_the_wire():
    layout = Layout(3, 1920, 1080, gallery([(p.id, "camera") for p in people("ada", "bob")]))
    state = room(meeting(), call=Call(Phase.LIVE, None, "x", NOON, people("ada", "bob")), layout=layout, now=NOON)
    assert round_trip(state) == state


def test_wishes_and_reports_survive_the_wire():
    assert round_trip(report(wanted=wish())) == report(wanted=wish())
    assert round_trip(MediaWish("b", 3, wish())) == MediaWish("b", 3, wish())


def test_a_missing_field_takes_its_default_and_an_unknown_one_is_ignored():
    assert from_json(Ack, {"colour": "red"}) == Ack()


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ({"rev": "1"}, r"RoomState\.rev: expected int, got str"),
        ({"rev": True}, "expected int, got bool"),
        ({"agenda": {"fetched_at": "2026-11-23T12:00:00"}}, "needs its zone"),
        ({"call": {"phase": "dancing"}}, "none of idle"),
        ({"services": {}}, "expected a list"),
        ([], "expected an object"),
        ({"id": "x"}, "missing"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(data, complaint):
    with pytest.raises(BadValue, match=complaint):
        from_json(RoomState, data)


def test_commands_carry_their_name():
    assert untagged(Command, tagged(SetVolume(40))) == SetVolume(40)
    assert untagged(Command, {"type": "JoinMeeting"}) == JoinMeeting()
    with pytest.raises(BadValue, match="unknown type 'Unmute'"):
        untagged(Command, {"type": "Unmute"})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)
report_like = st.dictionaries(st.sampled_from([f.name for f in fields(MediaReport)]), json_values)


@given(json_values | report_like)
def test_no_json_does_worse_than_being_refused(data):
    with suppress(BadValue):
        from_json(MediaReport, data)
    with suppress(BadValue):
        untagged(Command, data)


@given(st.text(), st.integers(2, 80))
def test_cleaned_text_is_one_short_visible_line(text, limit):
    clean = clean_text(text * 3, limit)
    assert "\n" not in clean
    assert not any(c in clean for c in "\x00\x1b\u202e\u2066\u200b\u200e\ufeff")
    assert clean == clean.strip()
    assert len(clean) <= limit * 12
    assert clean_text(clean, limit) == clean


def test_emoji_families_stay_together_and_combining_towers_do_not_grow():
    assert clean_text("👩‍👩‍👧 Ng") == "👩‍👩‍👧 Ng"
    assert len(clean_text("Z" + "\u0301" * 500)) <= 12
    assert clean_text("a" * 100) == "a" * 63 + "…"


@pytest.mark.parametrize("count", [*range(1, 50), 60])
def test_tiles_are_even_inside_the_canvas_and_apart(count):
    tiles = gallery([(f"p{i}", "camera") for i in range(count)])
    assert len(tiles) == min(count, 49)
    for tile in tiles:
        assert not any(n % 2 for n in (tile.x, tile.y, tile.w, tile.h))
        assert tile.x >= 0
        assert tile.y >= 0
        assert tile.x + tile.w <= 1920
        assert tile.y + tile.h <= 1080
    for i, a in enumerate(tiles):
        for b in tiles[i + 1 :]:
            assert a.x + a.w <= b.x or b.x + b.w <= a.x or a.y + a.h <= b.y or b.y + b.h <= a.y


def test_a_number_beyond_all_bounds_is_refused():
    with pytest.raises(BadValue, match="beyond all bounds"):
        from_json(Meters, {"speaker": 10**400})
