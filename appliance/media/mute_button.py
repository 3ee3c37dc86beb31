"""The rules of the mute button and the mute line, pure. What the daemon wishes is one voice among three here.

The line wins over everything: while it is asserted the microphone is muted, and when it is released it stays muted
until somebody touches button or panel. The button goes by what the gate really does. It mutes when it goes down and
unmutes when it comes up after a clean tap: a hanging button, a flickering cable and a button that is down at the start
can mute a room, and never open it. An unmute needs a call: a tap in an idle room opens nothing. It is a touch that
mutes: whoever presses while the room counts down to a meeting wants to be in it muted.

It works with the daemon dead, in both directions. A daemon that returns takes such a touch for the newest word, if the
touch knew the last word the daemon had stored; if it had stored another since, or lost its disk, the stricter counts
(`appliance.state.touch`).
"""

from dataclasses import dataclass, replace

from appliance.state.room import Boot
from appliance.state.touch import Mark, Touch, Word, muted, touched


@dataclass(frozen=True, slots=True)
class Mute:
    """Everything that decides about the microphone, in `salon media`."""

    touch: Touch
    word: Word | None = None
    """The newest of the daemon's; None before there is one."""
    line: bool | None = False
    """Whether the mute line is asserted, or cannot be read any more; None before it was read for the first time."""

    @property
    def mic_muted(self) -> bool:
        """What the gate has to be."""
        return muted(self.word, self.touch, line=self.line is not False)


def begin(boot: Boot, *, kept_muted: bool, has_line: bool) -> Mute:
    """Return how media starts: as the gate was kept, but muted until a mute line, if there is one, was read."""
    return Mute(Touch(Mark(boot, 0), kept_muted), line=None if has_line else False)


def mute_by_hand(mute: Mute) -> Mute:
    """Somebody pressed the button while the microphone was open."""
    return _touch(mute, mic_muted=True)


def tap_while_muted(mute: Mute, *, in_call: bool) -> Mute:
    """Somebody tapped the button while the microphone was muted: opens it in a call, else mutes the next call."""
    if mute.line is not False or not mute.mic_muted:
        return mute
    return _touch(mute, mic_muted=not in_call)


def take_line(mute: Mute, *, asserted: bool) -> Mute:
    """The mute line changed, or could not be read any more (which counts as asserted).

    Both ends count as a touch that mutes: a wish to unmute that came before the release must not open afterwards.
    A line that is found open at the start was touched by nobody.
    """
    if asserted == mute.line:
        return mute
    if mute.line is None and not asserted:
        return replace(mute, line=False)
    return _touch(replace(mute, line=asserted), mic_muted=True)


def take_word(mute: Mute, word: Word) -> Mute:
    """The daemon said something, with a wish. Wishes come in the order they were made in."""
    return replace(mute, word=word)


def _touch(mute: Mute, *, mic_muted: bool) -> Mute:
    return replace(mute, touch=touched(mute.touch, mute.word, mic_muted=mic_muted))
