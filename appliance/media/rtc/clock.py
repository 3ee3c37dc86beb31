"""The clock of packets: microseconds that only go forward, the same for what leaves and what arrives."""

import time


def now_us() -> int:
    """Return the present moment."""
    return time.monotonic_ns() // 1000
