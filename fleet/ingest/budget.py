"""How much each room may have stored: a broken or hostile one must not fill the console's disk. Counted in memory."""

from collections.abc import Mapping

from fleet.store.samples import DAY

DAYS_SAVED = 10
"""What a room leaves of its days it may use later: one that was away tells of all that its spool keeps."""
KEPT_A_DAY = 500
"""Meetings and jobs' results that a room may have stored beyond its records: far more than a room has."""


class Budget:
    """Fills by the day up to some days' worth, full at the start. Of rooms that said nothing yet it holds nothing."""

    def __init__(self, records_a_day: int) -> None:
        self._a_ms = records_a_day / DAY
        self._most = records_a_day * DAYS_SAVED
        self._used: dict[int, tuple[float, int]] = {}

    def is_spent(self, room: int, now: int, also: int = 0) -> bool:
        """Whether nothing is left; `also` is what was taken and not charged yet."""
        return self._level(room, now) + also >= self._most

    def charge(self, taken: Mapping[int, int], now: int) -> None:
        """Count what has been stored of rooms."""
        for room, records in taken.items():
            self._used[room] = self._level(room, now) + records, now

    def _level(self, room: int, now: int) -> float:
        used, at = self._used.get(room, (0.0, now))
        # a clock that was set back gives nothing and takes nothing
        return max(0.0, used - max(0, now - at) * self._a_ms)
