"""The rows of a bad network: a picture behind a seeded relay, ours and a peer's side by side, one pair a seed."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache
from itertools import batched
from pathlib import Path

from benchmarks.chromium import chromium
from benchmarks.impair import Network
from benchmarks.ours import Room, room
from benchmarks.rows import Row, Run
from benchmarks.sdk import sdk
from benchmarks.seen import Freezes, Seen, freezes
from benchmarks.settings import AT_ONCE, CLEAN_S, LOSS_S, LOSSY_360P30, RTT_S, SEEDS
from benchmarks.stand import Stand, stand
from benchmarks.tone import longest_gap_s

Watch = Callable[[], Awaitable[list[Seen]]]
"""Says what was seen so far."""
Peer = Callable[[Stand, str], AbstractAsyncContextManager[Watch]]


@dataclass(frozen=True, slots=True)
class Pair:
    """What one seed did to both."""

    ours: Freezes
    audio_gap_s: float
    theirs: Freezes
