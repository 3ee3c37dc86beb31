"""A device's clock as seen through late and early callbacks: which sample was when, and how fast it really runs.

A delay-locked loop (F. Adriaensen, "Using a DLL to filter time", Linux Audio Conference 2005), whose gains begin as
those of a least-squares line through all there is so far and end at those of a fixed bandwidth.
"""

from collections import deque
from math import pi
from statistics import median

from hardware.ports import SAMPLE_RATE

_BANDWIDTH_HZ = 0.01
_MOST_PPM = 1000.0
"""No quartz is further off; what looks like more is something else."""
_KNOWN_UPDATES = 100
"""The nominal rate counts for as much as this many blocks that kept it."""
_WILD_S, _WILD_IN_A_ROW = 0.05, 3
_SHIFT_S, _SHIFT_OVER = 0.004, 25
"""Half a block's step in time, to be seen in the median of so many callbacks."""
_OMEGA = 2 * pi * _BANDWIDTH_HZ * 0.01
_LEAST_PHASE, _LEAST_FREQUENCY = 2**0.5 * _OMEGA, _OMEGA * _OMEGA


class StreamClock:
    """Feed it every block; it answers in samples and seconds. Samples count from the stream's first."""

    def __init__(self) -> None:
        self._sample = 0.0
        self._time_s = 0.0
        self._period_s = 1 / SAMPLE_RATE
        self._updates = 0
        self._settled = 0
        """Updates since time last jumped."""
        self._spread_s = 0.002
        self._errors: deque[float] = deque(maxlen=_SHIFT_OVER)
        self._periods: deque[float] = deque(maxlen=_SHIFT_OVER)

    @property
    def started(self) -> bool:
        return self._updates > 0

    @property
    def ppm(self) -> float:
        """How much faster than nominal it runs."""
        return (1 / (self._period_s * SAMPLE_RATE) - 1) * 1e6

    @property
    def uncertain_ppm(self) -> float:
        """Half of what `ppm` may be off (two standard deviations of the line's slope, for white jitter)."""
        effective = min(self._updates, int(1 / (_BANDWIDTH_HZ * 0.01) / 2.2)) + 1
        return float(2 * self._spread_s / (effective * 0.01) * (12 / effective) ** 0.5 * 1e6)

    def time_of(self, sample: float) -> float:
        """Return the monotonic second at which a sample was or will be."""
        return self._time_s + (sample - self._sample) * self._period_s

    def sample_at(self, time_s: float) -> float:
        """Return the sample, with fraction, of a monotonic second."""
        return self._sample + (time_s - self._time_s) / self._period_s

    def update(self, sample: int, time_s: float) -> float:
        """Learn that the block ending before `sample` was stamped `time_s`; return by how much time jumped, or 0."""
        if not self._updates:
            self._sample, self._time_s, self._updates = float(sample), time_s, 1
            return 0.0
        step = sample - self._sample
        error = time_s - self.time_of(sample)
        self._sample, self._time_s = float(sample), self.time_of(sample)
        self._errors.append(error)
        self._periods.append(self._period_s)
        jumped = self._jump()
        if not jumped:
            self._follow(error, step)
        return jumped

    def _follow(self, error: float, step: float) -> None:
        self._updates += 1
        self._settled += 1
        limit = max(3 * self._spread_s, 0.0005)
        error = min(max(error, -limit), limit)
        self._spread_s += 0.02 * (abs(error) * 1.25 - self._spread_s)
        phase, frequency = _gains(self._settled, self._updates + _KNOWN_UPDATES)
        self._time_s += phase * error
        if step > 0:
            period = self._period_s + frequency * error / step
            most = _MOST_PPM * 1e-6 / SAMPLE_RATE
            self._period_s = min(max(period, 1 / SAMPLE_RATE - most), 1 / SAMPLE_RATE + most)

    def _jump(self) -> float:
        """Step over a gap: one that several callbacks in a row agree on, or that the median of many shows."""
        if abs(self._errors[-1]) <= _SHIFT_S:
            return 0.0
        recent = list(self._errors)[-_WILD_IN_A_ROW:]
        wild = len(recent) == _WILD_IN_A_ROW and min(map(abs, recent)) > _WILD_S and max(recent) * min(recent) > 0
        settled = len(self._errors) == _SHIFT_OVER and self._settled > _SHIFT_OVER
        if not wild and not settled:
            return 0.0
        shift = median(recent if wild else self._errors)
        if not wild and abs(shift) <= _SHIFT_S:
            return 0.0
        self._time_s += shift
        # what was learnt of the rate meanwhile was the jump
        self._period_s = self._periods[0]
        self._errors.clear()
        self._settled = 4
        return shift


def _gains(phase_updates: int, rate_updates: int) -> tuple[float, float]:
    """Return what part of an error goes into phase and rate: of a fitted line, at least those of the loop."""
    phase = 2 * (2 * rate_updates - 1) / (rate_updates * (rate_updates + 1))
    frequency = 6 / (rate_updates * (rate_updates + 1))
    # at first, and after a jump, the mean of the callbacks so far is the best there is
    return max(phase, 1 / phase_updates, _LEAST_PHASE), max(frequency, _LEAST_FREQUENCY)
