"""The last seconds of a stream, by the numbers of its samples."""

import numpy as np

from appliance.media.sound.blocks import Floats


class History:
    """Keeps at least the last `length` samples; what it never had or has no longer is silence."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._room = np.zeros(3 * length, np.float32)
        self._used = 0
        self.end = 0
        """The number of the sample that comes next."""

    def append(self, samples: Floats) -> None:
        """Take the next samples; at most `length` at a time."""
        if self._used + len(samples) > len(self._room):
            self._room[: self._length] = self._room[self._used - self._length : self._used]
            self._used = self._length
        self._room[self._used : self._used + len(samples)] = samples
        self._used += len(samples)
        self.end += len(samples)

    def read(self, first: int, count: int) -> Floats:
        """Return samples `first` to `first + count`; a view where all are there."""
        begin = self._used - (self.end - first)
        if begin >= 0 and begin + count <= self._used:
            return self._room[begin : begin + count]
        whole = np.zeros(count, np.float32)
        there = slice(max(begin, 0), max(min(begin + count, self._used), 0))
        if there.start < there.stop:
            whole[there.start - begin : there.stop - begin] = self._room[there]
        return whole

    def last(self, count: int) -> Floats:
        return self.read(self.end - count, count)
