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
        self._retry_at = 0.0
        self._retry_s = _RETRY_S

    def hold(self, flows: Sequence[Flow], *, estimate: int | None, loss: float, sounds: int, now: float) -> set[str]:
        """Return the videos to hold back now."""
        wanted = sum(flow.bitrate for flow in flows)
        budget = None if estimate is None else max(estimate - sounds * _SOUND, 0)
        bad = loss > _BAD_LOSS and budget is not None and wanted > budget
        self._bad_since = (now if self._bad_since is None else self._bad_since) if bad else None
        if self._bad_since is not None and budget is not None and now - self._bad_since >= _BAD_FOR_S:
            self._allowed, self._bad_since = float(budget), None
            self._retry_at = now + self._retry_s
            self._retry_s = min(self._retry_s * 2, _LONGEST_RETRY_S)
        elif self._allowed is not None and now >= self._retry_at:
            self._allowed = None
        elif self._allowed is None and now >= self._retry_at + _LONGEST_RETRY_S:
            self._retry_s = _RETRY_S
        return set() if self._allowed is None else _beyond(flows, self._allowed)


def _beyond(flows: Sequence[Flow], budget: float) -> set[str]:
    held = set()
    for flow in sorted(flows, key=lambda flow: (not flow.is_screen, flow.bitrate)):
        if flow.bitrate <= budget:
            budget -= flow.bitrate
        else:
            held.add(flow.sid)
    return held
