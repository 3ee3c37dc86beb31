from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.media.governor import COOL_C, HOT_C, Governor, Load, Strain, hottest_c
from appliance.state.layout import Layout, PersonId, Source, gallery, stage
from appliance.state.room import Call, Limits, Participant

FULL = Limits()


DECODING = 0.5
"""Its share of the work on a picture; the rest is shrinking, copying and drawing it."""


class Machine:
    """Shows `able` million pixels a second; what is more waits. Heats up when it is busy.

    All that comes is decoded, however few are drawn: only a server that thins the pictures saves that too.
    """

    def __init__(self, able, *, people=9, ambient=40.0, heats=0.0, thinned=False):
        self.able, self.people, self.ambient, self.heats = able, people, ambient, heats
        self.thinned = thinned
        self.governor = Governor(0.0)
        self.now = 0.0
        self.queue = 0.0
        self.temperature = ambient
        self.history = [FULL]

    def second(self):
        limits = self.governor.limits
        shown = min(self.people, limits.tiles)
        tile = gallery([(PersonId(f"p{n}"), Source.CAMERA) for n in range(shown)])[0]
        height = min(tile.h, limits.height)
        come = limits.fps if self.thinned else FULL.fps
        pictures = come * DECODING + limits.fps * (1 - DECODING)
        work = shown * pictures * height * height * 16 / 9 / 1e6
        # what waits too long is given up for a key frame
        self.queue = min(max(self.queue + work - self.able, 0.0), self.able / 2)
        busy = min(work / self.able, 1.0)
        self.temperature += (self.ambient + self.heats * busy - self.temperature) / 10
        self.now += 1.0
        strain = Strain(self.queue / self.able, temperature_c=self.temperature)
        self.history.append(self.governor.look(strain, Load(self.people, tile.h), self.now))
        return self.history[-1]

    def runs(self, seconds):
        for _ in range(seconds):
            self.second()
        return self.history[-1]

    @property
    def steps(self):
        """The limits it went through, without repetitions."""
        return [one for before, one in pairwise(self.history) if one != before]


def bare(limits):
    return limits.fps, limits.height, limits.tiles


def test_a_machine_that_keeps_up_is_left_alone():
    machine = Machine(able=70)
    assert machine.runs(600) == FULL
    assert machine.steps == []


def test_fewer_pictures_come_first_then_smaller_ones_then_fewer_people():
    # nine at 360p and 30 a second are 62 million pixels
    assert bare(Machine(able=55).runs(60)) == (15, 1080, 49)
    assert bare(Machine(able=15).runs(60)) == (15, 180, 49)
    assert bare(Machine(able=5).runs(60)) == (15, 180, 4)


def test_fewer_pictures_a_second_help_more_where_the_server_sends_fewer():
    assert bare(Machine(able=40, thinned=True).runs(60)) == (15, 1080, 49)
    assert bare(Machine(able=40).runs(60)) == (15, 180, 49)


def test_steps_that_would_change_nothing_are_not_taken():
    machine = Machine(able=5)
    machine.runs(15)
    assert [bare(limits) for limits in machine.steps] == [(15, 1080, 49), (15, 180, 49), (15, 180, 4)]


def test_it_says_why_and_takes_it_back():
    machine = Machine(able=40)
    assert machine.runs(60).why == "decoding pictures takes too long"
    machine.able = 500
    assert machine.runs(60) == FULL


def test_a_hot_machine_is_relieved_before_it_slows_itself_down_and_cools():
    machine = Machine(able=100, ambient=35.0, heats=80.0)
    limits = machine.runs(120)
    assert limits.fps == 15
    assert "hot" in limits.why
    assert machine.temperature < HOT_C
    assert max(machine.history, key=lambda it: it.height) == FULL


def test_one_late_picture_is_no_strain():
    governor, load = Governor(0.0), Load(9, 360)
    for second in range(60):
        assert governor.look(Strain(0.5 if second % 2 else 0.0), load, float(second)) == FULL


def test_the_burst_in_which_a_call_begins_is_no_strain():
    governor, load = Governor(100.0), Load(16, 270)
    looks = [Strain(0.4), Strain(0.3), *[Strain()] * 60]
    assert {governor.look(strain, load, 101.0 + second) for second, strain in enumerate(looks)} == {FULL}


def test_a_display_that_is_behind_counts_as_much():
    governor, load = Governor(0.0), Load(9, 360)
    for second in range(4):
        limits = governor.look(Strain(display_behind=True), load, float(second))
    assert bare(limits) == (15, 1080, 49)
    assert "TV" in limits.why


def test_trying_in_vain_grows_rare():
    machine = Machine(able=55)
    machine.runs(900)
    ups = [n for n, (a, b) in enumerate(pairwise(machine.history)) if b.fps > a.fps]
    gaps = [b - a for a, b in pairwise(ups)]
    assert gaps[0] < 30
    assert gaps[-1] > 100


def test_people_come_back_one_step_at_a_time():
    machine = Machine(able=5)
    machine.runs(15)
    down = len(machine.steps)
    machine.able = 500
    machine.runs(60)
    assert [bare(limits) for limits in machine.steps[down:]] == [(15, 180, 9), (15, 360, 49), bare(FULL)]


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.none() | st.floats(20, 110)), max_size=80), st.integers(0, 60)
)
def test_whatever_happens_four_people_are_shown_and_a_reason_is_given(looks, pictures):
    governor = Governor(0.0)
    for second, (lag, behind, temperature) in enumerate(looks):
        limits = governor.look(Strain(lag, behind, temperature), Load(pictures, 360), float(second))
        assert limits.tiles >= 4
        assert limits.fps >= 15
        assert bool(limits.why) == (bare(limits) != bare(FULL))


def test_the_load_is_what_people_would_show():
    people = (Participant(PersonId("a"), "A", screen_on=True), Participant(PersonId("b"), "B"))
    tiles = gallery([(PersonId("a"), Source.SCREEN), (PersonId("b"), Source.CAMERA)])
    assert Load.of(Call(participants=people), Layout(1, 1920, 1080, tiles)) == Load(3, 540)


@pytest.mark.parametrize("source", list(Source))
def test_beside_a_large_picture_only_those_count_for_whom_there_is_room(source):
    people = tuple(Participant(PersonId(f"p{n}"), "P", screen_on=source is Source.SCREEN and n == 0) for n in range(12))
    main, *strip = [(PersonId("p0"), source), *((person.id, Source.CAMERA) for person in people)]
    for places in (5, 3):  # without limits, and when they have taken people away
        layout = Layout(1, 1920, 1080, stage(main, strip[:places]))
        assert Load.of(Call(participants=people), layout).pictures == 6


def test_a_shared_screen_stays_legible():
    limits = replace(FULL, height=180)
    (screen, person) = gallery([(PersonId("a"), Source.SCREEN), (PersonId("a"), Source.CAMERA)])
    assert limits.size(screen) == (960, 540)
    assert limits.size(person) == (320, 180)
    assert FULL.size(person) == (960, 540)


def test_the_hottest_part_is_read_and_a_machine_without_thermometers_is_fine(tmp_path):
    assert hottest_c(tmp_path) is None
    for name, text in (("thermal_zone0", "48200\n"), ("thermal_zone1", "71000\n"), ("thermal_zone2", "broken")):
        (tmp_path / "class/thermal" / name).mkdir(parents=True)
        (tmp_path / "class/thermal" / name / "temp").write_text(text)
    assert hottest_c(tmp_path) == pytest.approx(71.0)
    assert COOL_C < HOT_C
