"""The debouncer and the reader of presses, against everything a wire does."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hardware.gpio.debounce import Debouncer, Edge
from hardware.gpio.press import AGAIN_S, LONGEST_S, SHORTEST_S, STUCK_S, Press, PressReader, Tap

WINDOW = 0.025
LOOK = 0.005
SHORT = st.floats(0.0001, WINDOW * 0.95)


def run(levels, *, until: float, window: float = WINDOW, look: float | None = LOOK) -> list[tuple[float, Edge]]:
    """Feed (time, level) jumps, look when something is due and every `look`; return what was told and when."""
    debouncer = Debouncer(on_s=window, off_s=window, at_s=0.0)
    told, now = [], 0.0

    def note(at_s: float, edge: Edge | None) -> None:
        if edge is not None:
            told.append((at_s, edge))

    def pass_time(to_s: float) -> None:
        nonlocal now
        while now < to_s:
            due = debouncer.due_s if debouncer.due_s is not None and debouncer.due_s > now else to_s
            now = min(to_s, due, now + look) if look else min(to_s, due)
            note(now, debouncer.settle(now))

    for at_s, active in levels:
        pass_time(at_s)
        note(at_s, debouncer.take(at_s, active))
    pass_time(until)
    return told


def bounce(start: float, gaps, *, ends: bool) -> list[tuple[float, bool]]:
    """Jump now and after each gap, so that the last jump is to `ends`."""
    times = [start]
    for gap in gaps:
        times.append(times[-1] + gap)
    return [(at, ends if (len(times) - 1 - n) % 2 == 0 else not ends) for n, at in enumerate(times)]


@given(st.lists(SHORT, max_size=30), st.lists(SHORT, max_size=30), st.floats(2 * WINDOW, 3))
def test_however_a_contact_bounces_a_press_is_one_press_and_one_release(down, up, held):
    # an even number of gaps: both bursts begin with the jump they end with
    press = bounce(1.0, down[: len(down) // 2 * 2], ends=True)
    release = bounce(press[-1][0] + held, up[: len(up) // 2 * 2], ends=False)
    told = run([*press, *release], until=release[-1][0] + 1)
    assert [edge.active for _, edge in told] == [True, False]
    for at_s, edge in told:
        # told a window after it came to rest, at the next look at the latest
        assert WINDOW - 1e-9 <= at_s - edge.at_s <= WINDOW + LOOK + 1e-9
    assert [edge.at_s for _, edge in told] == [press[-1][0], release[-1][0]]


@given(st.lists(st.tuples(SHORT, st.floats(WINDOW * 0.1, 1)), max_size=20))
def test_disturbances_shorter_than_the_window_never_were(glitches):
    levels, now = [], 1.0
    for width, pause in glitches:
        levels += [(now, True), (now + width, False)]
        now += width + pause
    assert run(levels, until=now + 1) == []


@given(st.lists(SHORT, min_size=1, max_size=100))
def test_a_cable_that_never_rests_tells_nothing(gaps):
    levels = bounce(1.0, gaps, ends=True)
    assert run(levels, until=levels[-1][0] + WINDOW * 0.9) == []


@given(st.lists(st.floats(0.0001, 0.5), max_size=40), st.booleans())
def test_what_is_told_alternates_and_ends_with_the_truth(gaps, ends):
    levels = bounce(1.0, gaps, ends=ends)
    told = run(levels, until=levels[-1][0] + 1)
    assert all(a.active != b.active for (_, a), (_, b) in pairwise(told))
    assert (told[-1][1].active if told else False) is ends


@given(st.lists(st.floats(0.0001, 0.5), max_size=40), st.booleans())
def test_edges_that_were_handed_over_late_say_the_same(gaps, ends):
    """A thread that got no time takes in all jumps at the end, and loses nothing."""
    levels = bounce(1.0, gaps, ends=ends)
    until = levels[-1][0] + 1
    debouncer = Debouncer(on_s=WINDOW, off_s=WINDOW, at_s=0.0)
    late = [edge for at_s, level in [*levels, (until, ends)] if (edge := debouncer.take(at_s, level)) is not None]
    assert late == [edge for _, edge in run(levels, until=until, look=None)]


@given(st.lists(st.tuples(st.floats(0.026, 0.4), st.floats(0.026, 0.4)), max_size=20), st.floats(0, 0.3))
def test_presses_of_a_thread_that_is_late_are_as_many_and_as_long(presses, late):
    """Time passes before what happened in it is told: each press counts, and none is longer than it was."""
    debouncer, told, now = Debouncer(on_s=WINDOW, off_s=WINDOW, at_s=0.0), [], 1.0
    for held, pause in presses:
        told.append(debouncer.settle(now + late))
        told.append(debouncer.take(now, True))
        told.append(debouncer.settle(now + late))
        told.append(debouncer.take(now + held, False))
        now += held + pause
    told.append(debouncer.settle(now + late))
    edges = [edge for edge in told if edge is not None]
    assert [edge.active for edge in edges] == [True, False] * len(presses)
    held_s = [up.at_s - down.at_s for down, up in zip(edges[::2], edges[1::2], strict=True)]
    assert all(abs(was - held) < 1e-9 for was, (held, _) in zip(held_s, presses, strict=True))


def test_a_glitch_that_is_told_late_is_short():
    debouncer = Debouncer(on_s=WINDOW, off_s=WINDOW, at_s=0.0)
    assert debouncer.take(1.0, True) is None
    assert debouncer.settle(1.1) == Edge(1.0, True)
    assert debouncer.take(1.01, False) is None
    assert debouncer.settle(1.2) == Edge(1.01, False)


def test_a_time_that_goes_back_counts_as_the_newest():
    debouncer = Debouncer(on_s=WINDOW, off_s=WINDOW, at_s=0.0)
    debouncer.take(1.0, True)
    debouncer.take(0.5, False)
    assert debouncer.take(0.4, True) is None
    assert debouncer.take(1.0 + WINDOW, True) == Edge(1.0, True)


def test_a_wire_that_jumps_as_no_hand_can_is_called_restless():
    debouncer = Debouncer(on_s=WINDOW, off_s=WINDOW, at_s=0.0)
    for n in range(40):
        debouncer.take(1 + n * 0.01, n % 2 == 0)
    assert debouncer.restless(1.4)
    assert not debouncer.restless(3.0)


def read(presses, reader: PressReader | None = None):
    """Give a reader (down at, held) presses; return what it made of them."""
    reader = reader or PressReader()
    reader.begin(0.0, active=False)
    done = []
    for at_s, held in presses:
        done += [reader.take(Edge(at_s, True)), reader.take(Edge(at_s + held, False))]
    return [what for what in done if what is not None]


def test_a_press_is_told_when_it_begins_and_a_tap_when_it_ends():
    assert read([(1.0, 0.1)]) == [Press(1.0), Tap(1.1, 1.1 - 1.0)]


@given(st.lists(st.tuples(st.floats(0.01, 5), st.floats(0.01, 30)), max_size=40))
def test_every_press_counts_and_a_tap_only_apart_from_others_after_its_press(presses):
    now, made = 0.0, []
    for pause, held in presses:
        made.append((now + pause, held))
        now += pause + held
    done = read(made)
    downs = [what.at_s for what in done if isinstance(what, Press)]
    assert downs == [at_s for at_s, _ in made]
    taps = [before.at_s for before, what in pairwise([None, *done]) if isinstance(what, Tap)]
    assert all(tap - max((down for down in downs if down < tap), default=-1.0) >= AGAIN_S for tap in taps)
    for before, what in pairwise([None, *done]):
        if isinstance(what, Tap):
            assert isinstance(before, Press)
            assert SHORTEST_S <= what.held_s <= LONGEST_S
            assert abs(before.at_s + what.held_s - what.at_s) < 1e-9


def test_of_two_presses_within_300_ms_only_the_first_is_a_tap():
    assert len([what for what in read([(1.0, 0.1), (1.25, 0.1)]) if isinstance(what, Tap)]) == 1
    assert len([what for what in read([(1.0, 0.1), (1.31, 0.1)]) if isinstance(what, Tap)]) == 2


def test_a_button_that_hangs_is_pressed_once_and_never_tapped():
    reader = PressReader()
    reader.begin(0.0, active=False)
    assert reader.take(Edge(1.0, True)) == Press(1.0)
    assert reader.fault(1.0 + STUCK_S - 0.1) == ""
    assert "hangs" in reader.fault(1.0 + STUCK_S)
    assert reader.take(Edge(100.0, False)) is None
    assert reader.fault(100.0) == ""


def test_a_button_that_is_down_from_the_start_does_nothing_until_it_was_up():
    reader = PressReader()
    reader.begin(0.0, active=True)
    assert "hangs" in reader.fault(STUCK_S)
    assert reader.take(Edge(20.0, False)) is None
    assert reader.take(Edge(21.0, True)) == Press(21.0)
    assert reader.take(Edge(21.1, False)) is not None


@given(st.integers(9, 60), st.floats(0.05, 0.4))
def test_a_loose_cable_can_mute_and_cannot_unmute(count, period):
    reader = PressReader()
    done = read([(1 + n * period, period / 2) for n in range(count)], reader)
    last = 1 + count * period
    assert not [what for what in done if isinstance(what, Tap) and what.at_s > 1 + 8 * period]
    assert "loose" in reader.fault(last)
    assert reader.fault(last + 3) == ""
    assert len(read([(last + 10, 0.1)], reader)) == 2


@given(st.floats(0.001, 0.0399))
def test_a_pinch_too_short_for_a_hand_is_no_tap(held):
    assert [type(what) for what in read([(1.0, held)])] == [Press]
