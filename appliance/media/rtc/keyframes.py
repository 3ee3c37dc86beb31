"""When to ask for a key frame: at most once a second, later rather than never, and never somebody who sends nothing."""

KEYFRAME_INTERVAL_S = 1.0
"""Key frames are dear; requests of several people become one."""


class KeyframeRequests:
    """The wish for a key frame of one stream. `packets` is how many have come of it so far."""

    def __init__(self) -> None:
        self.wanted = False
        self._asked: float | None = None
        self._packets_then = 0

    def new_stream(self) -> None:
        """Forget when somebody else was asked."""
        self._asked = None

    def delay(self, now: float, packets: int) -> float | None:
        """Return in how many seconds to ask; None when there is nothing to ask for, or nobody to ask."""
        if not self.wanted:
            return None
        if self._asked is None:
            return 0.0
        left = self._asked + KEYFRAME_INTERVAL_S - now
        if left > 0:
            return left
        # who sends nothing needs no reminding: a camera that is off would be asked forever
        return 0.0 if packets > self._packets_then else None

    def take(self, now: float, packets: int) -> bool:
        """Tell whether to ask now; the caller then does."""
        if self.delay(now, packets) != 0.0:
            return False
        self._asked, self._packets_then = now, packets
        return True
