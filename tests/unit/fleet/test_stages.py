"""Settings on their way: each room has the newest revision that has come to it."""

from hypothesis import given
from hypothesis import strategies as st

from fleet.control.merge import Layer
from fleet.control.scope import Place
from fleet.control.stages import Stage, Stages, for_all

ONE, TWO = Place(1, "b1", "berlin"), Place(2, "b2", "berlin")


def layer(number, scope="org"):
    return Layer(scope, {"joining": {"lead_s": number}})


def stages(*told, scope="org"):
    """Return revisions, the newest first, each with the rooms that have it."""
    found = [Stage(layer(len(told) - n, scope), rooms) for n, rooms in enumerate(told)]
    return Stages({scope: tuple(found)})


def test_a_room_has_the_newest_revision_that_has_come_to_it():
    settings = stages(frozenset({1}), None)
    assert settings.of(ONE) == (layer(2),)
    assert settings.of(TWO) == (layer(1),)
    assert settings.newest() == {"org": layer(2)}
    assert settings.under_way


def test_the_first_revision_of_all_leaves_the_others_with_nothing():
    settings = stages(frozenset({1}))
    assert settings.of(TWO) == ()
    assert settings.with_all(layer(9)).of(TWO) == (layer(9),)
    assert not settings.with_all(layer(9)).under_way


def test_layers_for_all_come_from_the_general_to_the_special():
    settings = for_all([layer(2, "room:b1"), layer(1, "org"), layer(3, "site:paris")])
    assert settings.of(ONE) == (layer(1, "org"), layer(2, "room:b1"))


@given(st.lists(st.frozensets(st.integers(1, 3)), max_size=4), st.integers(1, 3))
def test_whatever_was_begun_and_stopped_no_room_has_what_never_came_to_it(told, room):
    settings = stages(*told, None)
    (has,) = settings.of(Place(room, f"r{room}"))
    number = has.doc["joining"]["lead_s"]
    newer = told[: len(told) + 1 - number]
    assert all(room not in rooms for rooms in newer)
    assert number == 1 or room in told[len(told) + 1 - number]
