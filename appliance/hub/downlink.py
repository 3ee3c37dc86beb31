"""What to hold back when a subscriber's network cannot bear everything: sound never, screens last. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

_BAD_LOSS = 0.1
_BAD_FOR_S = 2.0
_RETRY_S = 5.0
_LONGEST_RETRY_S = 40.0
_SOUND = 64_000


@dataclass(frozen=True, slots=True)
class Flow:
    """One video on its way to a subscriber."""

    sid: str
    bitrate: float
    is_screen: bool = False


class Downlink:
    """Decides for one subscriber which videos wait.

    A low estimate alone proves nothing (a receiver cannot estimate what it was never sent), so video is held back only
    when packets are lost as well, and given another chance after a while: each time a longer one.
    """

    def __init__(self) -> None:
        self._bad_since: float | None = None
        self._allowed: float | None = None
        self._held: set[str] = set()
        self._retry_at = 0.0
        self._retry_s = _RETRY_S

    def hold(self, flows: Sequence[Flow], *, estimate: int | None, loss: float, sounds: int, now: float) -> set[str]:
        """Return the videos to hold back now."""
        budget = None if estimate is None else float(max(estimate - sounds * _SOUND, 0))
        sent = sum(flow.bitrate for flow in flows if flow.sid not in self._held)
        if budget is not None and loss > _BAD_LOSS and sent > budget:
            self._bad_since = now if self._bad_since is None else self._bad_since
            if now - self._bad_since >= _BAD_FOR_S:
                self._restrict(budget, now)
        else:
            self._bad_since = None
            self._relax(now)
        self._held = set() if self._allowed is None else _beyond(flows, self._allowed)
        return self._held

    def _restrict(self, budget: float, now: float) -> None:
        self._bad_since = None
        if self._allowed is None:
            self._retry_at = now + self._retry_s
            self._retry_s = min(self._retry_s * 2, _LONGEST_RETRY_S)
        self._allowed = budget

    def _relax(self, now: float) -> None:
        if self._allowed is not None and now >= self._retry_at:
            self._allowed = None
        elif self._allowed is None and now >= self._retry_at + _LONGEST_RETRY_S:
            self._retry_s = _RETRY_S


def _beyond(flows: Sequence[Flow], budget: float) -> set[str]:
    held = set()
    for flow in sorted(flows, key=lambda flow: (not flow.is_screen, flow.bitrate)):
        if flow.bitrate <= budget:
            budget -= flow.bitrate
        else:
            held.add(flow.sid)
    return held
