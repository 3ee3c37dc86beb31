"""When something was noted: by the wall clock, by what the machine counts since its start, and whom to believe."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from appliance.telemetry.gauges import clock_sync
from appliance.telemetry.protocol.payloads import ClockSync


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant, as a record tells it."""

    ts: int
    """Milliseconds since 1970, by the wall clock."""
    mono: int
    """Milliseconds since the machine started; never steps."""
    sync: ClockSync = ClockSync.UNKNOWN


def mono_ms() -> int:
    """Return the milliseconds since the machine started, with the time it slept."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000)


def machine_clock(now: Callable[[], datetime]) -> Callable[[], Moment]:
    """Return what tells the moment on this machine."""
    return lambda: Moment(int(now().timestamp() * 1000), mono_ms(), clock_sync())
