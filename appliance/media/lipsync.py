"""Lips and voice together: what one person's picture and sound each need, so that neither is much ahead.

Sender reports put both on the sender's clock. Whichever comes out sooner is held back: the picture for a moment, or the
sound by its jitter buffer. Pure: sending times are seconds on the sender's clock, all others on ours.
"""

_TOLERATED_MS = 20.0
"""Skew left alone; people notice about 45 ms (ITU-R BT.1359)."""
_MOST_HELD_MS = 250.0
_MOST_WAITED_MS = 300.0
_STEP_MS = 10.0
"""Changes smaller than this are not worth stretching the sound for."""
_GLIDE_MS_PER_S = 100.0
"""How fast the hold changes: a picture must not jump because a voice did."""
_UNRELATED_MS = 2000.0
"""So far apart, the two do not share a clock, and nothing is known."""
_OLD_S = 5.0
_AVERAGED_S = 1.5
SCREEN_MS = 40.0
"""From a frame's arrival to light: decoding, composing, half a refresh and the panel itself."""
SPEAKER_MS = 40.0
"""From the mixer to air."""


class _Lag:
    """How much later one stream comes out than it was sent, averaged; the two clocks' difference is in it."""

    def __init__(self) -> None:
        self.ms = 0.0
        self._at = float("-inf")

    def learn(self, ms: float, now: float) -> None:
        fresh = not self.known(now) or abs(ms - self.ms) > _UNRELATED_MS
        self.ms += (ms - self.ms) * (1.0 if fresh else min((now - self._at) / _AVERAGED_S, 1.0))
        self._at = now

    def known(self, now: float) -> bool:
        return now - self._at < _OLD_S


class LipSync:
    """One person's picture and sound."""

    def __init__(self, *, screen_ms: float = SCREEN_MS, speaker_ms: float = SPEAKER_MS) -> None:
        self._screen_ms, self._speaker_ms = screen_ms, speaker_ms
        self._picture, self._sound = _Lag(), _Lag()
        self._delay_ms = 0.0
        self._least_ms = 0.0
        self._held_ms, self._held_at = 0.0, 0.0

    def picture_came(self, sent_s: float, now: float) -> float:
        """Learn that a frame is here; return for how many seconds to hold it."""
        self._picture.learn((now - sent_s) * 1000 + self._screen_ms, now)
        skew = self._unheld_ms(now)
        wanted = 0.0 if skew is None else min(max(-skew - _TOLERATED_MS, 0.0), _MOST_HELD_MS)
        step = _GLIDE_MS_PER_S * (now - self._held_at)
        self._held_ms = min(max(wanted, self._held_ms - step), self._held_ms + step)
        self._held_at = now
        return self._held_ms / 1000

    def sound_left(self, sent_s: float, delay_ms: float, now: float) -> float:
        """Learn that sound leaves, `delay_ms` of it by our waiting; return the least to wait, in milliseconds."""
        self._sound.learn((now - sent_s) * 1000 + self._speaker_ms - delay_ms, now)
        self._delay_ms = delay_ms
        skew = self._unheld_ms(now)
        wanted = 0.0 if skew is None else min(max(skew + delay_ms - _TOLERATED_MS, 0.0), _MOST_WAITED_MS)
        if abs(wanted - self._least_ms) > _STEP_MS or wanted == 0.0:
            self._least_ms = wanted
        return self._least_ms

    def skew_ms(self, now: float) -> float | None:
        """Return how much later the picture comes out than the sound; None if nobody knows."""
        skew = self._unheld_ms(now)
        return None if skew is None else skew + self._held_ms

    def _unheld_ms(self, now: float) -> float | None:
        if not (self._picture.known(now) and self._sound.known(now)):
            return None
        skew = self._picture.ms - self._sound.ms - self._delay_ms
        return skew if abs(skew) < _UNRELATED_MS else None
