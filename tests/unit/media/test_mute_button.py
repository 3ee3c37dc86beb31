"""Who may open the microphone: hand, daemon and mute line in any order, with either side dying at any moment.

The oracle knows nothing of marks. It remembers which decisions whoever decided knew of. The last words are those that
no other overrode knowing of them; at most one for each side. While the microphone is open, every last word that media
knows of must be to open, and there must be one.
"""

from dataclasses import dataclass, field, replace

import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from appliance.media.mute_button import Mute, begin, mute_by_hand, take_line, take_word, tap_while_muted
from appliance.state.touch import Mark, Touch, Word, adopted, heard, said


@dataclass(frozen=True)
class Decision:
    """Somebody muted or unmuted, knowing of some others."""

    number: int
    mutes: bool
    past: frozenset[int]


@dataclass
class Media:
    mute: Mute
    knows: frozenset[int] = frozenset()
    connected: bool = False
    gone_line: bool = False


@dataclass
class Daemon:
    word: Word
    knows: frozenset[int] = frozenset()
    stored: tuple[Word, frozenset[int]] = field(default=None)
    adopted: bool = False


class TwoSides(RuleBasedStateMachine):
    """Media, a daemon, an ordered link in both directions that loses what is under way when either dies."""

    def __init__(self):
        super().__init__()
        self.decisions: dict[int, Decision] = {}
        self.boots = 0
        word = Word(Mark("will", 0))
        self.media = Media(begin(self.boot(), kept_muted=True, has_line=False))
        self.daemon: Daemon | None = Daemon(word, stored=(word, frozenset()))
        self.wishes: list[tuple[Word, frozenset[int]]] = []
        self.reports: list[tuple[Touch, bool, frozenset[int]]] = []
        self.calm = True
        """Nobody died, came late or was held up: then the newest word counts, too."""
        self.report()

    def boot(self) -> str:
        self.boots += 1
        return f"boot {self.boots}"

    def decide(self, knows: frozenset[int], *, mutes: bool) -> frozenset[int]:
        number = len(self.decisions)
        self.decisions[number] = Decision(number, mutes, knows)
        return knows | {number}

    def report(self) -> None:
        if self.daemon is not None:
            self.reports.append((self.media.mute.touch, self.media.mute.mic_muted, self.media.knows))

    def moved(self, mute: Mute, *, mutes: bool | None = None) -> None:
        if mute.touch.mark != self.media.mute.touch.mark and mutes is not None:
            self.media.knows = self.decide(self.media.knows, mutes=mutes)
        self.media.mute = mute
        self.report()

    @rule()
    def press(self):
        mute = self.media.mute
        if mute.mic_muted:
            # a call comes from a wish
            self.moved(tap_while_muted(mute, in_call=mute.word is not None), mutes=mute.word is None)
        else:
            self.moved(mute_by_hand(mute), mutes=True)

    @rule(asserted=st.booleans())
    def line(self, asserted):
        self.calm = False
        self.media.gone_line = asserted
        self.moved(take_line(self.media.mute, asserted=asserted), mutes=True)

    @precondition(lambda self: self.daemon is not None and self.daemon.adopted)
    @rule(mutes=st.booleans(), disk_works=st.booleans())
    def panel(self, mutes, disk_works):
        daemon = self.daemon
        if not disk_works and not mutes:
            return  # what opens is stored first or not done
        daemon.word = said(daemon.word, mic_muted=mutes)
        daemon.knows = self.decide(daemon.knows, mutes=mutes)
        if disk_works:
            daemon.stored = (daemon.word, daemon.knows)
        else:
            self.calm = False
        self.wishes.append((daemon.word, daemon.knows))

    @precondition(lambda self: self.reports and self.daemon is not None)
    @rule(disk_works=st.booleans())
    def report_arrives(self, disk_works):
        touch, really_muted, knows = self.reports.pop(0)
        daemon = self.daemon
        before, was_adopted = daemon.word, daemon.adopted
        if daemon.adopted:
            daemon.word = heard(daemon.word, touch)
        else:
            daemon.word = adopted(daemon.word, touch, really_muted=really_muted)
            daemon.adopted = True
        daemon.knows |= knows
        if disk_works:
            daemon.stored = (daemon.word, daemon.knows)
        if daemon.word != before or not was_adopted:
            self.wishes.append((daemon.word, daemon.knows))

    @precondition(lambda self: self.daemon is not None and not self.daemon.adopted)
    @rule()
    def daemon_waits_no_longer(self):
        self.calm = False
        self.daemon.adopted = True
        self.wishes.append((self.daemon.word, self.daemon.knows))

    @precondition(lambda self: self.wishes)
    @rule()
    def wish_arrives(self):
        word, knows = self.wishes.pop(0)
        self.media.knows |= knows
        before = self.media.mute.mic_muted
        self.media.mute = take_word(self.media.mute, word)
        if self.media.mute.mic_muted != before:
            self.report()

    @precondition(lambda self: self.daemon is not None)
    @rule(wish_was_under_way=st.booleans())
    def daemon_dies(self, wish_was_under_way):
        self.calm = False
        self.stored = self.daemon.stored
        self.daemon = None
        self.reports = []
        self.wishes = self.wishes[:1] if wish_was_under_way else []

    @precondition(lambda self: self.daemon is None)
    @rule()
    def daemon_returns(self):
        word, knows = self.stored
        self.daemon = Daemon(word, knows, (word, knows))
        self.report()

    @rule(has_line=st.booleans())
    def media_dies_and_returns(self, has_line):
        """The gate's file keeps what was in force; the newest wish is sent anew on connecting."""
        self.calm = False
        self.media.mute = begin(self.boot(), kept_muted=self.media.mute.mic_muted, has_line=has_line)
        self.reports, self.wishes = [], []
        if self.daemon is not None and self.daemon.adopted:
            self.wishes.append((self.daemon.word, self.daemon.knows))
        if has_line:
            self.moved(take_line(self.media.mute, asserted=self.media.gone_line), mutes=True)
        else:
            self.media.gone_line = False
        self.report()

    @invariant()
    def an_open_microphone_was_opened_knowingly(self):
        if self.media.mute.mic_muted:
            return
        assert not self.media.gone_line
        known = [self.decisions[number] for number in self.media.knows]
        overridden = frozenset().union(*(it.past for it in known))
        last = [it for it in known if it.number not in overridden]
        assert last, "nobody opened it"
        assert not any(it.mutes for it in last), "somebody muted it, and nobody who knew of that opened it"

    def settle(self) -> None:
        for _ in range(200):
            if self.reports:
                self.report_arrives(True)
            elif self.wishes:
                self.wish_arrives()
            else:
                return
        raise AssertionError("the two sides never come to rest")

    def teardown(self):
        if self.daemon is None:
            self.daemon_returns()
        self.settle()
        media, daemon = self.media.mute, self.daemon
        assert media.word == daemon.word, "media does not know what the daemon wants"
        assert daemon.word.knew == media.touch.mark, "the daemon does not know of the touch"
        if media.line is False:
            assert media.mic_muted == daemon.word.mic_muted
        if self.calm and self.decisions:
            every = frozenset(self.decisions)
            for it in self.decisions.values():
                if it.past == every - {it.number}:
                    assert media.mic_muted == it.mutes, "the newest word, which knew all others, does not count"


TestTwoSides = TwoSides.TestCase
TestTwoSides.settings = settings(max_examples=250, stateful_step_count=40)


def in_call(word: Word | None = None, *, muted: bool = False) -> Mute:
    """Media, in a call, as the daemon wants it."""
    mute = begin("media", kept_muted=True, has_line=False)
    if word is None:
        return replace(mute, touch=replace(mute.touch, mic_muted=muted))
    return take_word(mute, heard(word, mute.touch))


def opened_by_panel() -> Mute:
    word = said(heard(Word(Mark("will", 0)), begin("media", kept_muted=True, has_line=False).touch), mic_muted=False)
    return in_call(word)


def test_a_press_goes_by_what_the_gate_does():
    mute = opened_by_panel()
    assert not mute.mic_muted
    mute = mute_by_hand(mute)
    assert mute.mic_muted
    assert not tap_while_muted(mute, in_call=True).mic_muted


def test_a_tap_in_an_idle_room_opens_nothing():
    mute = in_call(muted=True)
    tapped = tap_while_muted(mute, in_call=False)
    assert tapped.mic_muted
    assert tapped.touch.mic_muted
    assert tapped.touch.mark != mute.touch.mark


def test_a_tap_under_an_asserted_line_says_nothing():
    mute = take_line(in_call(muted=True), asserted=True)
    assert tap_while_muted(mute, in_call=False) == tap_while_muted(mute, in_call=True) == mute


def test_a_wish_from_before_a_press_does_not_undo_it_however_often_it_comes():
    mute = opened_by_panel()
    old = mute.word
    mute = mute_by_hand(mute)
    for _ in range(3):
        mute = take_word(mute, old)
        assert mute.mic_muted


def test_an_unmute_at_the_panel_after_the_press_was_heard_counts():
    mute = mute_by_hand(opened_by_panel())
    told = heard(mute.word, mute.touch)
    assert told.mic_muted
    assert not take_word(mute, said(told, mic_muted=False)).mic_muted


def test_an_unmute_that_crossed_a_press_does_not_count():
    mute = opened_by_panel()
    crossing = said(mute.word, mic_muted=False)
    mute = take_word(mute_by_hand(mute), crossing)
    assert mute.mic_muted
    assert heard(crossing, mute.touch).mic_muted


def test_a_remote_mute_that_crossed_an_unmuting_tap_counts():
    mute = mute_by_hand(opened_by_panel())
    crossing = said(heard(mute.word, mute.touch), mic_muted=True)
    mute = take_word(tap_while_muted(mute, in_call=True), crossing)
    assert mute.mic_muted
    assert heard(crossing, mute.touch).mic_muted


def test_with_the_daemon_dead_the_button_mutes_and_unmutes():
    mute = opened_by_panel()
    for _ in range(3):
        mute = mute_by_hand(mute)
        assert mute.mic_muted
        mute = tap_while_muted(mute, in_call=True)
        assert not mute.mic_muted


def test_a_daemon_that_returns_takes_a_touch_that_knew_its_last_word_for_the_newest():
    mute = mute_by_hand(opened_by_panel())
    stored = heard(mute.word, mute.touch)
    mute = take_word(mute, stored)
    touched = tap_while_muted(mute, in_call=True)
    back = adopted(stored, touched.touch, really_muted=touched.mic_muted)
    assert not back.mic_muted
    assert not take_word(touched, back).mic_muted


def test_a_daemon_that_lost_its_disk_leaves_the_room_muted():
    mute = tap_while_muted(mute_by_hand(opened_by_panel()), in_call=True)
    back = adopted(Word(Mark("another will", 0)), mute.touch, really_muted=mute.mic_muted)
    assert back.mic_muted
    assert take_word(mute, back).mic_muted


def test_a_muting_that_a_full_disk_did_not_keep_outlives_the_daemon():
    mute = mute_by_hand(opened_by_panel())
    stored = heard(mute.word, mute.touch)
    mute = tap_while_muted(take_word(mute, stored), in_call=True)
    mute = take_word(mute, said(heard(stored, mute.touch), mic_muted=True))
    assert mute.mic_muted
    back = adopted(stored, mute.touch, really_muted=mute.mic_muted)
    assert take_word(mute, back).mic_muted


def test_the_line_wins_over_wish_button_and_panel_and_its_release_opens_nothing():
    mute = opened_by_panel()
    mute = take_line(mute, asserted=True)
    assert mute.mic_muted
    assert tap_while_muted(mute, in_call=True).mic_muted
    # somebody unmutes at the panel meanwhile, and the daemon had heard of the line
    wish = said(heard(mute.word, mute.touch), mic_muted=False)
    mute = take_word(mute, wish)
    assert mute.mic_muted
    mute = take_line(mute, asserted=False)
    assert mute.mic_muted
    assert take_word(mute, wish).mic_muted
    assert not tap_while_muted(mute, in_call=True).mic_muted
    assert not take_word(mute, said(heard(wish, mute.touch), mic_muted=False)).mic_muted


def test_a_line_that_was_not_read_yet_mutes_and_one_that_is_found_open_changes_nothing():
    mute = begin("media", kept_muted=False, has_line=True)
    assert mute.mic_muted
    assert tap_while_muted(mute, in_call=True).mic_muted
    found = take_line(mute, asserted=False)
    assert not found.mic_muted
    assert found.touch == mute.touch


def test_nobody_said_anything_yet_is_what_the_gate_kept():
    assert begin("media", kept_muted=True, has_line=False).mic_muted
    assert not begin("media", kept_muted=False, has_line=False).mic_muted


@given(st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_an_asserted_line_is_muted_whatever_all_others_say(word_muted, touch_muted, knew, known):
    touch = Touch(Mark("media", 3), touch_muted, Mark("will", 7) if knew else None)
    word = Word(Mark("will", 7), word_muted, touch.mark if known else None)
    assert Mute(touch, word, line=True).mic_muted
    assert Mute(touch, word, line=None).mic_muted
