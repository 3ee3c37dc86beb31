"""What a subscriber gets when its network cannot bear everything: sound always, screens before cameras. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from appliance.hub.layers import Step
from appliance.media.rtc.frames import Capacity

_BAD_LOSS = 0.1
_BAD_FOR_S = 2.0
_RETRY_S = 5.0
_LONGEST_RETRY_S = 40.0
_SOUND = 64_000


@dataclass(frozen=True, slots=True)
class Flow:
    """One video on its way to a subscriber."""

    sid: str
    steps: tuple[Step, ...]
    """Its layers, from the smallest to the largest one that the subscriber has room for; never empty."""
    is_screen: bool = False


class Downlink:
    """Decides for one subscriber which layer of each video it gets, and which videos wait.

    A low estimate alone proves nothing: no network is known to carry what was never sent into it. So video is cut only
    when packets queue up or are lost as well. Where the subscriber tells of each packet, the estimate then says when
    there is room again, for it tries; else video is given another chance after a while, each time a longer one.
    """

    def __init__(self) -> None:
        self._bad_since: float | None = None
        self._allowed: float | None = None
        self._chosen: Mapping[str, Step | None] = {}
        self._retry_at = 0.0
        self._retry_s = _RETRY_S

    def choose(
        self, flows: Sequence[Flow], *, capacity: Capacity | None, loss: float, sounds: int, now: float
    ) -> Mapping[str, Step | None]:
        """Return the layer of each video to forward now, None for those that wait."""
        budget = None if capacity is None else float(max(capacity.bitrate - sounds * _SOUND, 0))
        sent = sum(step.bitrate for flow in flows if (step := self._chosen.get(flow.sid, flow.steps[-1])) is not None)
        full = capacity is not None and (capacity.full if capacity.measured else loss > _BAD_LOSS)
        if budget is not None and full and sent > budget:
            self._bad_since = now if self._bad_since is None else self._bad_since
            if now - self._bad_since >= _BAD_FOR_S:
                self._restrict(budget, now)
        else:
            self._bad_since = None
            # nothing is heard of packets that are not sent
            trying = capacity is not None and capacity.measured and (sent > 0 or sounds > 0)
            self._follow(budget or 0.0, flows) if trying else self._relax(now)
        self._chosen = allocate(flows, self._allowed)
        return self._chosen

    def _restrict(self, budget: float, now: float) -> None:
        self._bad_since = None
        if self._allowed is None:
            self._retry_at = now + self._retry_s
            self._retry_s = min(self._retry_s * 2, _LONGEST_RETRY_S)
        self._allowed = budget

    def _follow(self, budget: float, flows: Sequence[Flow]) -> None:
        if self._allowed is not None:
            self._allowed = max(self._allowed, budget)
            # with nothing to be seen, nothing shows that the network has room for it
            if flows and self._allowed >= sum(flow.steps[-1].bitrate for flow in flows):
                self._allowed = None

    def _relax(self, now: float) -> None:
        if self._allowed is not None and now >= self._retry_at:
            self._allowed = None
        elif self._allowed is None and now >= self._retry_at + _LONGEST_RETRY_S:
            self._retry_s = _RETRY_S


def allocate(flows: Sequence[Flow], budget: float | None) -> dict[str, Step | None]:
    """Share a budget: first as many videos as fit at their smallest, screens before cameras, then larger layers.

    None is a budget without end.
    """
    if budget is None:
        return {flow.sid: flow.steps[-1] for flow in flows}
    chosen: dict[str, Step | None] = {}
    for flow in sorted(flows, key=lambda flow: (not flow.is_screen, flow.steps[0].bitrate)):
        fits = flow.steps[0].bitrate <= budget
        chosen[flow.sid] = flow.steps[0] if fits else None
        budget -= flow.steps[0].bitrate if fits else 0.0
    for rank in range(1, max((len(flow.steps) for flow in flows), default=0)):
        for flow in sorted(flows, key=lambda flow: not flow.is_screen):
            if rank < len(flow.steps) and chosen[flow.sid] is flow.steps[rank - 1]:
                more = max(flow.steps[rank].bitrate - flow.steps[rank - 1].bitrate, 0.0)
                if more <= budget:
                    chosen[flow.sid], budget = flow.steps[rank], budget - more
    return chosen
