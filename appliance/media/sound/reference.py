"""What was played, as the microphone's clock hears it: one block for each captured one, in time with its echo.

Time stamps say roughly which played sample goes with which captured one. Once a second the echo itself is measured
against that; a line through these measurements is both the exact alignment and the drift of the two clocks.
"""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from appliance.media.sound.blocks import BLOCK, FULL_SCALE, Floats
from appliance.media.sound.bulk import WINDOW, Lag, lag
from appliance.media.sound.clock import StreamClock
from appliance.media.sound.drift import EchoLine
from appliance.media.sound.history import History
from appliance.media.sound.resample import HALF, read
from hardware.ports import SAMPLE_RATE, AudioBlock

LEAD = int(0.008 * SAMPLE_RATE)
"""The reference comes so much before its echo, so that no canceller has to look into the future."""
_LOOK_EVERY, _FIRST_LOOKS_EVERY, _FIRST_LOOKS = 100, 50, 16
_AUDIBLE = 10 ** (-55 / 20) * FULL_SCALE
_CLEAR, _VERY_CLEAR = 8.0, 14.0
_ALIKE = 96
"""Samples within which two looks agree about a new delay."""
_JUMP = int(0.005 * SAMPLE_RATE)
_GLIDE_S = 3.0
_MOST_GLIDE = 400e-6
_SHARED_PPM, _APART_PPM, _SHARED_AFTER = 5.0, 8.0, 5
"""Looks in a row that find no drift, until both devices are taken to have one clock."""
_ROUGH_PPM = 60.0
_STALE = 30 * _LOOK_EVERY
"""Blocks after which the echo's line is too old to follow."""
_STARVED = 20
_KEPT_BLOCKS = 200


@dataclass(frozen=True, slots=True)
class Alignment:
    """How the loudspeaker's sound comes back."""

    delay_ms: float = 0.0
    """From when the driver says a sample leaves the loudspeaker until it is heard."""
    drift_ppm: float = 0.0
    """By how much the loudspeaker's clock is faster than the microphone's."""
    measured: bool = False
    """By its echo; else by time stamps alone."""
    one_clock: bool = False


class Reference:
    """`played` is for the loudspeaker's thread, all else for the one that processes."""

    def __init__(self) -> None:
        self._inbox: deque[tuple[int, AudioBlock]] = deque(maxlen=_KEPT_BLOCKS)
        self._put = self._taken = 0
        self._speaker, self._microphone = StreamClock(), StreamClock()
        self._sound = History(2 * SAMPLE_RATE)
        self._heard, self._given = History(WINDOW), History(WINDOW)
        self._captured = 0
        self._position = math.inf
        self._positions: deque[float] = deque(maxlen=WINDOW // BLOCK)
        """Where the blocks were read that the next look will compare."""
        self._delay = 0.0
        """Samples between what time stamps say and what is given."""
        self._echo = EchoLine(SAMPLE_RATE)
        self._doubtful: Lag | None = None
        self._until_look, self._looks = _FIRST_LOOKS_EVERY, 0
        self._quiet_for = 0
        self._without_drift = 0
        self._starved = 0
        self.jumps = 0
        """How often what is given stopped being in time with what was given before."""
        self.alignment = Alignment()

    def played(self, block: AudioBlock) -> None:
        """Take what goes to the loudspeaker. Copies nothing and waits for nobody."""
        self._put += 1
        self._inbox.append((self._put, block))

    def align(self, captured_ns: int, microphone: Floats) -> Floats:
        """Return the played block that goes with a captured one, (BLOCK,) of each, as large as int16."""
        self._take_in()
        self._captured += BLOCK
        jumped = self._microphone.update(self._captured, captured_ns / 1e9)
        if jumped:
            self._echo.forget()
        out = self._next()
        self._given.append(out)
        self._heard.append(microphone)
        self._until_look -= 1
        if self._until_look <= 0:
            self._looks += 1
            self._until_look = _FIRST_LOOKS_EVERY if self._looks < _FIRST_LOOKS else _LOOK_EVERY
            self._look()
        return out

    def _take_in(self) -> None:
        while self._inbox:
            number, block = self._inbox.popleft()
            if missing := number - self._taken - 1:
                self._sound.append(np.zeros(min(missing, _KEPT_BLOCKS) * BLOCK, np.float32))
                self._echo.forget()
            self._taken = number
            samples = np.frombuffer(block.samples, "<i2")[:: block.channels]
            self._sound.append(samples.astype(np.float32))
            if self._speaker.update(self._sound.end, block.captured_ns / 1e9):
                self._echo.forget()

    def _next(self) -> Floats:
        if not self._speaker.started:
            return np.zeros(BLOCK, np.float32)
        target, speed = self._target()
        if abs(target - self._position) > _JUMP:
            self._restart()
            self._position = float(round(target))
            self.jumps += 1
        off = target - self._position
        if self.alignment.one_clock and abs(off) < 2:
            speed, self._position = 1.0, float(round(self._position))
        else:
            speed += min(max(off / (_GLIDE_S * SAMPLE_RATE), -_MOST_GLIDE), _MOST_GLIDE)
        first = int(np.floor(self._position)) - HALF
        piece = self._sound.read(first, BLOCK + 2 * HALF + 4)
        out = read(piece, self._position - first, speed, BLOCK)
        self._positions.append(self._position)
        self._position += speed * BLOCK
        self._feed()
        return out

    def _target(self) -> tuple[float, float]:
        """Return which played sample should come next, and how many each captured one takes."""
        next_captured = self._captured - BLOCK
        line = self._echo.line
        if line is not None:
            return line.played(next_captured), line.speed
        moment = self._microphone.time_of(next_captured)
        # a rate that is hardly known is better taken as nominal: the gliding makes up for the rest
        known = 1 / (1 + (self._uncertain_ppm() / _ROUGH_PPM) ** 2)
        speed = 1 + known * (self._speaker.ppm - self._microphone.ppm) * 1e-6
        return self._speaker.sample_at(moment) - self._delay, speed

    def _feed(self) -> None:
        """Where time stamps promise sound that is not there yet, take later: the echo cannot be there yet either."""
        short = self._position + HALF + 4 - self._sound.end
        flowing = abs(self._speaker.time_of(self._sound.end) - self._microphone.time_of(self._captured)) < 0.5
        self._starved = self._starved + 1 if short > 0 and flowing else 0
        if self._starved > _STARVED:
            self._starved = 0
            self._echo.forget()
            self._delay += short + BLOCK
            self._restart()

    def _look(self) -> None:
        """Measure where the echo is, against where it should be."""
        self._quiet_for += 1
        given = self._given.last(WINDOW)
        if float(np.dot(given, given)) < WINDOW * _AUDIBLE**2:
            self._say()
            return
        found = lag(given, self._heard.last(WINDOW))
        if found.clear > _CLEAR:
            self._take(found)
        self._say()

    def _take(self, found: Lag) -> None:
        off = found.samples - LEAD
        if abs(off) > _JUMP:
            before, self._doubtful = self._doubtful, found
            sure = before is not None and abs(before.samples - found.samples) < _ALIKE
            if sure or found.clear > _VERY_CLEAR:
                self._echo.forget()
                self._calibrate(off)
                self._restart()
            return
        self._doubtful = None
        self._quiet_for = 0
        count = len(self._positions)
        speed = (self._position - self._positions[0]) / (count * BLOCK)
        middle = self._captured - (count - count // 2) * BLOCK
        self._echo.add(middle, self._positions[count // 2] - off, speed=speed, length=count * BLOCK)
        self._calibrate(off)
        self.alignment = Alignment(measured=True, one_clock=self.alignment.one_clock)

    def _calibrate(self, off: float) -> None:
        """Keep the time stamps' idea in step with the echo, for when the echo is not to be had."""
        moment = self._microphone.time_of(self._captured)
        self._delay = self._speaker.sample_at(moment) - (self._position - off)

    def _restart(self) -> None:
        """What was given so far is no measure of what comes."""
        self._position, self._doubtful = math.inf, None
        self._given = History(WINDOW)

    def _say(self) -> None:
        if self._quiet_for * _LOOK_EVERY > _STALE:
            self._echo.forget()
        drift, sure = self._drift()
        still = sure and abs(drift) < (_APART_PPM if self.alignment.one_clock else _SHARED_PPM)
        self._without_drift = self._without_drift + 1 if still else 0
        delay_ms = (self._delay + LEAD) / SAMPLE_RATE * 1000
        self.alignment = Alignment(delay_ms, drift, self.alignment.measured, self._without_drift >= _SHARED_AFTER)

    def _drift(self) -> tuple[float, bool]:
        """Return the drift, and whether it is known to a few ppm."""
        if (line := self._echo.line) is not None:
            return (line.speed - 1) * 1e6, line.off_ppm < _SHARED_PPM
        return self._speaker.ppm - self._microphone.ppm, self._uncertain_ppm() < _SHARED_PPM

    def _uncertain_ppm(self) -> float:
        return self._speaker.uncertain_ppm + self._microphone.uncertain_ppm
