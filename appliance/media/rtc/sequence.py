"""Sequence numbers without end from RTP's 16 bits, and the question whether a sender began anew."""

_HALF = 1 << 15
_MASK = 0xFFFF
_TOO_FAR_AHEAD = 2000
_TOO_FAR_BEHIND = 500
_PROBATION = 3
"""Packets in a row that must agree before a wild jump is believed (RFC 3550 appendix A.1)."""


class SequenceUnwrapper:
    """Follows one stream's sequence numbers."""

    def __init__(self) -> None:
        self.highest: int | None = None
        self._strange: int | None = None
        self._agreeing = 0

    def unwrap(self, number: int) -> int | None:
        """Return the number without wrap, or None for a packet from far away that must not disturb the stream."""
        if self.highest is None:
            # so that earlier packets, arriving late, do not become negative
            self.highest = number + (1 << 16)
            return self.highest
        step = ((number - self.highest + _HALF) & _MASK) - _HALF
        if -_TOO_FAR_BEHIND <= step <= _TOO_FAR_AHEAD:
            self._agreeing = 0
            extended = self.highest + step
            self.highest = max(self.highest, extended)
            return extended
        return None

    def restarted(self, number: int) -> bool:
        """Ask after `unwrap` returned None: whether the sender really goes on from another number."""
        self._agreeing = self._agreeing + 1 if self._strange is not None and number == self._strange else 1
        self._strange = (number + 1) & _MASK
        return self._agreeing >= _PROBATION
