"""Who spoke last about the microphone: a hand on the room's button, or the daemon. Both sides decide alike, and safely.

The button belongs to media and works without the daemon; panel, calendar and remote commands belong to the daemon. Each
side numbers its own words and says which of the other's it had heard. So whoever compares two words knows whether one
is the answer to the other, and the answer counts. Where neither knew the other (both spoke at once, or one was away),
the stricter counts: the room stays muted, and one more touch opens it. These are version vectors (Parker et al. 1983)
of two writers, merged by "or".

Nothing here opens a microphone by itself: it is open only if the newest word says so and no mute line objects.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Mark:
    """One word of one side. Marks are only ever compared for being the same."""

    series: str
    """Who counts: media's boot, or the will on the daemon's disk. Random, new whenever the count begins anew."""
    count: int


@dataclass(frozen=True, slots=True)
class Touch:
    """What media says of the room's own button and mute line: the newest touch, and what it knew."""

    mark: Mark
    """Count 0: nobody has touched anything in this life of media; `mic_muted` is what it came back with."""
    mic_muted: bool = True
    knew: Mark | None = None
    """The newest of the daemon's words that media had at that moment."""


@dataclass(frozen=True, slots=True)
class Word:
    """What the daemon says of the microphone, and what it knew. Kept on its disk; sent with each wish."""

    mark: Mark
    """Counts each decision about the microphone, also one that changes nothing."""
    mic_muted: bool = True
    knew: Mark | None = None
    """The newest touch it has taken in."""


def muted(word: Word | None, touch: Touch, *, line: bool) -> bool:
    """Whether the microphone is muted, as media has it. `line`: the mute line is asserted, or cannot be read."""
    if line:
        return True
    if word is None:
        return touch.mic_muted
    if word.knew == touch.mark:
        return word.mic_muted
    if touch.knew == word.mark:
        return touch.mic_muted
    return word.mic_muted or touch.mic_muted


def touched(touch: Touch, word: Word | None, *, mic_muted: bool) -> Touch:
    """Return the touch that follows: somebody in the room muted or unmuted by hand."""
    mark = replace(touch.mark, count=touch.mark.count + 1)
    return Touch(mark, mic_muted, None if word is None else word.mark)


def said(word: Word, *, mic_muted: bool) -> Word:
    """Return the word that follows: panel, calendar or a remote command decided about the microphone."""
    return replace(word, mark=replace(word.mark, count=word.mark.count + 1), mic_muted=mic_muted)


def heard(word: Word, touch: Touch) -> Word:
    """Return the daemon's word once it has heard of a touch. It is no new decision, so it counts nothing."""
    if word.knew == touch.mark:
        return word
    return replace(word, mic_muted=muted(word, touch, line=False), knew=touch.mark)


def adopted(word: Word, touch: Touch, *, really_muted: bool) -> Word:
    """Return the word a daemon begins with after a restart, told the touch and the true state of the gate.

    A touch that knew the stored word is the newest there is: what people did while the daemon was away stands. Else
    the stricter of both sides counts. A gate that is shut stays shut in any case: it may know of a word that a full
    disk did not keep.
    """
    word = heard(word, touch)
    return replace(word, mic_muted=word.mic_muted or really_muted)
