from hypothesis import given
from hypothesis import strategies as st

from appliance.media.ladder import Ladder


def shape(layers):
    return [(layer.divisor, layer.fps) for layer in layers]


def test_plenty_is_a_large_picture_and_little_is_sound_alone():
    assert shape(Ladder().layers(2_000_000, 0.0)) == [(1, 30)]
    assert shape(Ladder().layers(300_000, 0.0)) == [(2, 30)]
    assert shape(Ladder().layers(60_000, 0.0)) == [(4, 15)]
    assert Ladder().layers(20_000, 0.0) == ()
    assert Ladder().layers(-5, 0.0) == ()


def test_it_goes_down_at_once_and_up_after_a_while_with_room_to_spare():
    ladder = Ladder()
    assert shape(ladder.layers(600_000, 0.0)) == [(1, 30)]
    assert shape(ladder.layers(500_000, 0.1)) == [(2, 30)]
    assert shape(ladder.layers(600_000, 0.2)) == [(2, 30)], "not enough room to spare"
    assert shape(ladder.layers(800_000, 1.0)) == [(2, 30)]
    assert shape(ladder.layers(800_000, 3.9)) == [(2, 30)]
    assert shape(ladder.layers(800_000, 4.1)) == [(1, 30)]


def test_a_moment_of_less_begins_the_wait_anew():
    ladder = Ladder()
    ladder.layers(300_000, 0.0)
    for now, budget in ((1.0, 900_000), (3.0, 600_000), (4.5, 900_000), (7.0, 900_000)):
        assert shape(ladder.layers(budget, now)) == [(2, 30)]
    assert shape(ladder.layers(900_000, 7.6)) == [(1, 30)]


def test_it_comes_back_from_sound_alone():
    ladder = Ladder()
    assert ladder.layers(10_000, 0.0) == ()
    assert ladder.layers(200_000, 1.0) == ()
    assert shape(ladder.layers(200_000, 4.0)) == [(2, 15)]


def test_simulcast_drops_the_large_layer_first():
    ladder = Ladder(simulcast=True)
    full = ladder.layers(2_000_000, 0.0)
    assert shape(full) == [(4, 30), (2, 30), (1, 30)]
    assert [layer.bitrate for layer in full] == [120_000, 400_000, 1_480_000]
    assert shape(ladder.layers(600_000, 1.0)) == [(4, 30), (2, 30)]
    assert shape(ladder.layers(80_000, 2.0)) == [(4, 15)]


@given(budgets=st.lists(st.integers(-10, 5_000_000), min_size=1), simulcast=st.booleans())
def test_no_more_is_sent_than_there_is(budgets, simulcast):
    ladder = Ladder(simulcast=simulcast)
    for now, budget in enumerate(budgets):
        layers = ladder.layers(budget, now / 2)
        assert sum(layer.bitrate for layer in layers) <= max(budget, 0)
        assert all(layer.bitrate > 0 for layer in layers)
        assert sorted(layers, key=lambda layer: -layer.divisor) == list(layers)


def test_what_nobody_receives_leaves_its_bits_to_the_rest():
    ladder = Ladder(simulcast=True)
    assert shape(ladder.layers(900_000, 0.0)) == [(4, 30), (2, 30)]
    (full,) = ladder.layers(900_000, 0.1, frozenset({1}))
    assert (full.divisor, full.bitrate) == (1, 900_000)
    assert shape(ladder.layers(900_000, 0.2, frozenset({1, 4}))) == [(4, 30), (1, 30)]
    assert ladder.layers(900_000, 0.3, frozenset()) == ()


def test_without_room_for_what_is_wanted_the_largest_that_fits_is_sent_in_its_place():
    ladder = Ladder(simulcast=True)
    seen = [ladder.layers(budget, 0.0, frozenset({1})) for budget in (500_000, 400_000, 150_000, 60_000, 9000)]
    assert [shape(layers) for layers in seen] == [[(1, 30)], [(2, 30)], [(2, 15)], [(4, 15)], []]
    assert {layer.place for layers in seen for layer in layers} == {1}
    assert [layer.place for layer in ladder.layers(90_000, 0.0)] == [4]
    assert [layer.place for layer in Ladder().layers(90_000, 0.0)] == [4]


@given(budgets=st.lists(st.tuples(st.integers(50_000, 5_000_000), st.sets(st.sampled_from([1, 2, 4]), min_size=1))))
def test_who_wants_anything_gets_something_within_the_budget_and_nothing_larger(budgets):
    ladder = Ladder(simulcast=True)
    for now, (budget, wanted) in enumerate(budgets):
        layers = ladder.layers(budget, now / 2, frozenset(wanted))
        assert layers
        assert sum(layer.bitrate for layer in layers) <= budget
        assert min(layer.divisor for layer in layers) >= min(wanted)
        assert len(layers) == 1 or {layer.divisor for layer in layers} <= wanted
        assert {layer.place for layer in layers} <= wanted
