"""The one settings file of all rows: what is sent, what the network does, for how long, how often."""

from dataclasses import dataclass
from pathlib import Path

RUNS = 5
"""Pairs of a row, each ours and then the peer, at least."""
SEEDS = tuple(range(1, 11))
"""One pair of a loss row each."""
TRIES = 2
"""So many times as often is tried: a pair in which somebody missed pictures is not counted."""
STOLEN = 0.02
"""What stands still or comes late while a hypervisor takes more than this of the processors away is not counted."""
ENOUGH = 0.95
"""Who decoded less of the pictures that were sent missed some."""
MOVING = 0.33
"""Nothing larger is asked of Chromium while its memory is measured: with so much to do it leaves pictures out."""
WARM_UP_S = 8.0
WINDOW_S = 8.0
PEOPLE, MANY = 9, 49
LATEST_S = 5.0
"""A picture that is shown later than this is another one of the same number: the film repeats itself."""
PSNR_WITHIN_DB, RATE_WITHIN = 0.5, 0.05
"""So alike must be what two senders send for their costs to be compared."""
LOW_LOSS, HIGH_LOSS = 0.03, 0.10
LOSS_S, LOOK_S = 60.0, 0.02
CLEAN_S = 4.0
"""A relay lets everything pass for so long, so that both sides begin with a picture."""
FREEZE_S = 0.2
"""A longer gap between two different pictures is a freeze."""
RTT_S = 0.1
DROP_FROM_KBPS, DROP_TO, DROP_RTT_S = 1500, 0.4, 0.05
DROP_AFTER_S, DROP_BEFORE_S, DROP_S = 25.0, 4.0, 20.0
"""A link becomes narrow after so long; its rate is measured before that, and its picture watched from then on."""
DROP_MOST_KBPS = 2500
"""What Chromium may send at most, as our room does."""
DROP_STEP_S = 0.5
"""Of the curve that is drawn."""
AT_ONCE = 2
"""Pairs of a loss row that run side by side, so that ten of a minute take no ten minutes."""
LOSSY_TURNS = 15
"""Five are needed where nothing must be measured again."""
STARTS, START_PEOPLE, START_S = 20, 16, 3.0
"""So many starts; when so much time has passed since the room was asked to join, pictures are counted for as long."""
START_MISSING, START_MISSING_OF_ONE = 0.02, 0.1
"""What a start may miss of all pictures, and of one person's."""
CYCLES, SETTLED_CYCLES = 1000, 200
"""Joins and leaves, and how many of them may leave something behind."""
BURST, JOINS_PER_S = 50, 2
"""The hub lets one address join no more often."""
MOUTH_WARM_UP_S, MOUTH_S = 6.0, 30.0
"""Until device, alignment and noise suppression have settled; and what is measured."""
UNPLUGS = 8
"""Times each camera is pulled and plugged."""
UNPLUG_TURNS, UNPLUG_PATIENCE_S = 2, 30.0
"""As often Chromium's are, which takes long: so long is waited for a picture that may never come."""
CACHE = Path(".cache") / "benchmarks"
LOOP_S = 10
"""Length of the synthetic webcam's film, which begins with its only key frame."""


WEBCAM = "webcam"
"""Whose mark the film carries."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One camera, as its sender encodes it."""

    height: int
    fps: int
    kbps: int
    codec: str = "VP8"
    key_every: int = 0
    """Pictures from one key frame to the next; 0 for the first only."""

    @property
    def width(self) -> int:
        return self.height * 16 // 9


TILE_360P30 = Stream(360, 30, 600)
TILE_180P15 = Stream(180, 15, 150)
KEYS_180P15 = Stream(180, 15, 150, key_every=5)
LOSSY_360P30 = Stream(360, 30, 1000)
CAMERA_720P30 = Stream(720, 30, 1500)
