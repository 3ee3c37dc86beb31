"""Settings in layers: the special wins, a lock wins over it, whatever the layers are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.control.merge import Difference, Layer, differences, document, drift, flat, merged
from fleet.control.settable import SETTABLE, mistakes_in

ORG = Layer("org", {"room": {"timezone": "UTC", "how_to_join": "Ask"}}, frozenset({"room.timezone"}))
SITE = Layer("site:berlin", {"room": {"timezone": "Europe/Berlin", "how_to_join": "Call 5"}})
ROOM = Layer("room:b1", {"room": {"name": "Blue"}})


def test_the_special_wins_except_against_a_lock():
    values = merged([ORG, SITE, ROOM])
    assert document(values) == {"room": {"how_to_join": "Call 5", "name": "Blue", "timezone": "UTC"}}
    assert values["room.timezone"].ignored == ("site:berlin",)
    assert values["room.how_to_join"].scope == "site:berlin"


def test_differences_name_each_key_and_drift_leaves_out_what_is_the_rooms_own():
    assert differences(ORG.doc, SITE.doc) == (
        Difference("room.how_to_join", "Ask", "Call 5"),
        Difference("room.timezone", "UTC", "Europe/Berlin"),
    )
    reported = {"room": {"timezone": "UTC", "how_to_join": "Ask", "name": "Own"}}
    assert drift(ORG.doc, reported) == ()
    assert drift(SITE.doc, reported)[0] == Difference("room.how_to_join", "Call 5", "Ask")


KEYS = sorted(SETTABLE)[:6]
LAYERS = st.lists(
    st.tuples(st.dictionaries(st.sampled_from(KEYS), st.integers(0, 3)), st.sets(st.sampled_from(KEYS))), max_size=5
)


def _layer(number, values, locks):
    doc = {}
    for key, value in values.items():
        section, _, name = key.partition(".")
        doc.setdefault(section, {})[name] = value
    return Layer(f"tag:{number}", doc, frozenset(locks) & values.keys())


@given(LAYERS)
def test_each_key_is_the_first_locked_or_else_the_last_value(drawn):
    layers = [_layer(number, values, locks) for number, (values, locks) in enumerate(drawn)]
    values = merged(layers)
    assert flat(document(values)) == {key: value.value for key, value in values.items()}
    for key in KEYS:
        having = [layer for layer in layers if key in flat(layer.doc)]
        locking = [layer for layer in having if key in layer.locks]
        wins = locking[0] if locking else (having[-1] if having else None)
        assert (values[key].scope if key in values else None) == (wins.scope if wins else None)
        if wins:
            assert values[key].value == flat(wins.doc)[key]


@pytest.mark.parametrize(
    ("doc", "words"),
    [
        ({"mqtt": {"url": "mqtt://evil"}}, "mqtt.url cannot be set from a console"),
        ({"room": {"timezone": "Mars/Base"}}, "room.timezone"),
        ({"joining": {"lead_s": -1}}, "joining.lead_s must be from 0"),
        ({"joining": {"enter_muted": "yes"}}, "true or false"),
        ({"tv": {"off_from": "22:00"}}, "off_until"),
        ({"room": {"name": 'x"\nurl = "y'}}, "room.name"),
        ({"room": 5}, "sections"),
        ({"room": {"how_to_join": None}}, "is not TOML"),
    ],
)
def test_what_is_wrong_is_said_in_words(doc, words):
    mistakes = mistakes_in(doc)
    assert mistakes
    assert words in " ".join(mistakes)


@pytest.mark.parametrize("text", ["\x7f", "Ünï \U0001f600", 'a"b\\c'])
def test_any_text_arrives_as_it_is(text):
    assert mistakes_in({"room": {"how_to_join": text}}) == ()
