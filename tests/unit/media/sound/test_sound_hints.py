from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from appliance.media.sound.hints import Facts, Hints
from appliance.state.sound import SoundHint

ROOM = Facts(captured_level=0.003, clipping=False, speech=False, far=False, muted=False)
TALK = replace(ROOM, captured_level=0.05, speech=True)
FACTS = st.builds(
    Facts,
    captured_level=st.sampled_from([0.0, 1e-5, 0.003, 0.05, 1.0]),
    clipping=st.booleans(),
    speech=st.booleans(),
    far=st.booleans(),
    muted=st.booleans(),
)


class Time:
    def __init__(self, **words: bool) -> None:
        self.hints, self.now_s = Hints(**words), 1000.0

    def pass_by(self, seconds: float, facts: Facts) -> frozenset[SoundHint]:
        told: frozenset[SoundHint] = frozenset()
        for _ in range(round(seconds * 100)):
            self.now_s += 0.01
            told = self.hints.update(self.now_s, facts)
        return told


def test_who_talks_while_muted_is_told_within_a_second_and_no_longer_after_unmuting() -> None:
    time = Time()
    muted = replace(TALK, muted=True)
    assert time.pass_by(0.5, muted) == frozenset()
    assert time.pass_by(0.4, muted) == {SoundHint.MUTED_SPEECH}
    assert time.pass_by(2, replace(ROOM, muted=True)) == {SoundHint.MUTED_SPEECH}
    assert time.pass_by(0.01, TALK) == frozenset()


def test_it_goes_away_when_nobody_talks_any_more() -> None:
    time = Time()
    assert time.pass_by(2, replace(TALK, muted=True))
    assert not time.pass_by(5, replace(ROOM, muted=True))


def test_a_cough_or_the_loudspeakers_own_voice_is_no_talking() -> None:
    time = Time()
    assert not time.pass_by(0.4, replace(TALK, muted=True))
    assert not time.pass_by(3, replace(ROOM, muted=True))
    assert not time.pass_by(30, replace(TALK, muted=True, far=True))


def test_clipping_is_told_when_it_is_more_than_a_bang() -> None:
    time = Time()
    clipped = replace(TALK, clipping=True)
    assert not time.pass_by(0.1, clipped)
    assert not time.pass_by(5, TALK)
    assert time.pass_by(0.3, clipped) == {SoundHint.CLIPPING}
    assert time.pass_by(5, TALK) == {SoundHint.CLIPPING}
    assert not time.pass_by(6, TALK)


def test_zeros_mean_that_nothing_is_heard_but_not_while_muted_and_late_for_devices_that_gate() -> None:
    zeros = replace(ROOM, captured_level=0.0)
    time = Time()
    assert not time.pass_by(9, zeros)
    assert time.pass_by(2, zeros) == {SoundHint.HEARS_NOTHING}
    assert not time.pass_by(0.01, ROOM)
    assert not time.pass_by(60, replace(zeros, muted=True))
    gates = Time(cleans=True)
    assert not gates.pass_by(290, zeros)
    assert gates.pass_by(20, zeros) == {SoundHint.HEARS_NOTHING}


def test_noise_that_does_not_change_with_the_loudspeaker_is_no_microphone_of_this_room() -> None:
    time = Time()
    for _ in range(12):
        time.pass_by(2, ROOM)
        told = time.pass_by(2, replace(ROOM, far=True))
    assert told == {SoundHint.HEARS_NOTHING}
    assert not time.pass_by(0.1, TALK)


def test_a_microphone_that_hears_the_loudspeaker_is_fine_in_an_empty_quiet_room() -> None:
    time = Time()
    for _ in range(30):
        assert not time.pass_by(3, ROOM)
        assert not time.pass_by(3, replace(ROOM, far=True, captured_level=0.01))
    assert not time.pass_by(300, ROOM)


@given(facts=st.lists(FACTS, max_size=400))
def test_whatever_comes_hints_fit_what_is_so(facts: Iterable[Facts]) -> None:
    hints, now_s, clipped = Hints(), 0.0, 0
    for one in facts:
        now_s += 0.01
        told = hints.update(now_s, one)
        clipped += one.clipping and not one.muted
        assert one.muted or SoundHint.MUTED_SPEECH not in told
        assert not (one.muted and SoundHint.HEARS_NOTHING in told)
        assert clipped >= 20 or SoundHint.CLIPPING not in told
