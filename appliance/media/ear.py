"""From each block of sound to what people should be told: few words, and only when they change."""

from collections.abc import Callable

from appliance.media.sound.chain import Processed
from appliance.media.sound.hints import Facts, Hints
from appliance.state.sound import Hearing, SoundHint

_TELL_S = 0.5
"""Where somebody speaks is told at most so often."""
_FIGURES_S = 5.0
_TURN_DEG = 10
_PAUSE_S = 2.0
"""Between two sentences somebody still speaks."""
_SURE = 0.3


class Ear:
    """Belongs to the thread that processes sound. Time is monotonic seconds."""

    def __init__(self, *, cleans: bool, heard: Callable[[Hearing], None]) -> None:
        """`cleans`: the device cleans its sound itself. `heard` is called with each change."""
        self._hints, self._heard = Hints(cleans=cleans), heard
        self._told = Hearing()
        self._told_at = self._figures_at = self._spoke_at = float("-inf")

    def take(self, block: Processed, now: float, *, muted: bool) -> None:
        """Take in one block."""
        facts = Facts(block.captured_level, block.clipping, block.speech, block.far, muted)
        hints = tuple(sorted(self._hints.update(now, facts)))
        if hints == self._told.hints and now - self._told_at < _TELL_S:
            return
        self._say(self._hearing(block, hints, now), now)

    def close(self) -> None:
        """The device is closed: nothing is heard any more."""
        self._say(Hearing(), float("-inf"))

    def _say(self, hearing: Hearing, now: float) -> None:
        if hearing != self._told:
            self._told, self._told_at = hearing, now
            self._heard(hearing)

    def _hearing(self, block: Processed, hints: tuple[SoundHint, ...], now: float) -> Hearing:
        told = self._told
        direction = self._direction(block, now)
        if now - self._figures_at < _FIGURES_S:
            figures = told.echo_reduction_db, told.delay_ms, told.drift_ppm
        else:
            self._figures_at = now
            figures = _figures(block)
        return Hearing(hints, direction, *figures, block.why)

    def _direction(self, block: Processed, now: float) -> int | None:
        told = self._told.direction_deg
        if block.direction_deg is None or not block.speech or block.confidence < _SURE:
            return told if now - self._spoke_at < _PAUSE_S else None
        self._spoke_at = now
        direction = round(block.direction_deg)
        turned = told is None or abs((direction - told + 180) % 360 - 180) >= _TURN_DEG
        return direction if turned else told


def _figures(block: Processed) -> tuple[int | None, int | None, int | None]:
    reduction, found = block.echo_reduction_db, block.alignment
    return (
        None if reduction is None else round(reduction),
        round(found.delay_ms) if found.measured else None,
        round(found.drift_ppm) if found.measured else None,
    )
