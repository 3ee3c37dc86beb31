"""The one settings file of all rows: what is sent, what the network does, for how long, how often."""

from dataclasses import dataclass
from pathlib import Path

RUNS = 5
"""Pairs of a row, each ours and then the peer, at least."""
SEEDS = tuple(range(1, 11))
"""One pair of a loss row each."""
TRIES = 2 * RUNS
"""A pair in which somebody missed pictures is not counted, and tried again."""
WARM_UP_S = 4.0
WINDOW_S = 8.0
SEND_WARM_UP_S = 8.0
LOSS_S = 60.0
CLEAN_S = 4.0
"""A relay lets everything pass for so long, so that both sides begin with a picture."""
FREEZE_S = 0.2
"""A longer gap between two different pictures is a freeze."""
RTT_S = 0.1
DROP_TO, DROP_RTT_S = 0.4, 0.05
DROP_AFTER_S, DROP_S = 12.0, 20.0
"""A link becomes narrow after so long, and is watched for so long."""
AT_ONCE = 2
"""Pairs of a loss row that run side by side, so that ten of a minute take no ten minutes."""
STARTS = 20
CYCLES, SETTLED_CYCLES = 1000, 200
"""Joins and leaves, and how many of them may leave something behind."""
CACHE = Path(".cache") / "benchmarks"
LOOP_S = 10
"""Length of the synthetic webcam's film, which begins with its only key frame."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One camera, as its sender encodes it."""

    height: int
    fps: int
    kbps: int
    codec: str = "VP8"

    @property
    def width(self) -> int:
        return self.height * 16 // 9


TILE_360P30 = Stream(360, 30, 600)
TILE_180P15 = Stream(180, 15, 150)
LOSSY_360P30 = Stream(360, 30, 1000)
CAMERA_720P30 = Stream(720, 30, 1500)
