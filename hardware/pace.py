"""The heartbeat of simulated devices: ticks at the pace of real time, so that all behind them runs as it would."""

import time


class Pace:
    """Ticks every `period_s`; a user who comes late skips what no device would have kept for him."""

    def __init__(self, period_s: float, *, backlog: int) -> None:
        self._period_ns = round(period_s * 1e9)
        self._backlog = backlog
        self.skipped = 0
        self.start()

    def start(self) -> None:
        """Let the first tick be due now."""
        self._start_ns = time.monotonic_ns()
        self._taken = -1

    def wait(self, timeout_s: float) -> int | None:
        """Return the number of the next tick when it is due, or None after `timeout_s`."""
        due_ns = self._start_ns + (self._taken + 1) * self._period_ns
        wait_ns = due_ns - time.monotonic_ns()
        if wait_ns > timeout_s * 1e9:
            time.sleep(timeout_s)
            return None
        if wait_ns > 0:
            time.sleep(wait_ns / 1e9)
        newest = (time.monotonic_ns() - self._start_ns) // self._period_ns
        tick = max(self._taken + 1, newest - self._backlog + 1)
        self.skipped += tick - self._taken - 1
        self._taken = tick
        return tick
