"""The echo's two stages: WebRTC's canceller, and before it the linear one while both devices have one clock."""

from typing import Literal

import numpy as np

from appliance.media.sound.blocks import Floats, Shorts, shorts
from appliance.media.sound.canceller import Guarded, Stages
from appliance.media.sound.prefilter import EchoFilter

Wish = Literal["auto", "on", "off"]
_LEARNT = 300
"""Blocks of the far end's sound after which both stages together are better than one."""


class EchoStage:
    """Changes from one to two stages unheard: a new pair learns beside the old canceller until it is better.

    It has to be a new pair. A canceller that learnt the whole echo is not better for being given a small one, and one
    that never met the whole echo takes everybody for it.
    """

    def __init__(self, stages: Stages, channels: int, wish: Wish) -> None:
        self._stages, self._channels = stages, channels
        self._wish: Wish = wish if stages.echo else "off"
        self._canceller = Guarded(stages, channels)
        self._filters: list[EchoFilter] = []
        self._next: Guarded | None = None
        self._learnt = 0

    @property
    def why(self) -> str:
        return self._canceller.why

    @property
    def prefilters(self) -> bool:
        """Whether the linear stage is at work."""
        return bool(self._filters) and self._next is None

    def restart(self) -> None:
        """The echo's path is another one now."""
        self._canceller.restart()
        self._filters, self._next = [], None

    def process(self, captured: Shorts, played: Floats, *, far: bool, one_clock: bool) -> Shorts:
        """Return captured, (BLOCK, channels), without the echo of what was played, (BLOCK,)."""
        self._switch(on=self._wish == "on" or (self._wish == "auto" and one_clock))
        reference = shorts(played)
        if not self._filters:
            return self._canceller.process(captured, reference, far_talks=far)
        channels = captured.astype(np.float32).T
        filtered = [one.process(channel, played) for one, channel in zip(self._filters, channels, strict=True)]
        after = shorts(np.stack(filtered, axis=1))
        if self._next is None:
            return self._canceller.process(after, reference, far_talks=far)
        out = self._canceller.process(captured, reference, far_talks=far)
        self._next.process(after, reference, far_talks=far)
        self._learnt += far
        if self._learnt >= _LEARNT:
            self._canceller, self._next = self._next, None
        return out

    def _switch(self, *, on: bool) -> None:
        if on and not self._filters and not self.why:
            self._filters = [EchoFilter() for _ in range(self._channels)]
            self._next, self._learnt = Guarded(self._stages, self._channels), 0
        elif not on and self._filters:
            self.restart()
