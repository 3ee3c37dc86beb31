"""The process that parses one calendar and ends: `python -m appliance.calendars.worker`, started by `reader`.

Calendar text is hostile and its parsers are large. Here they cannot hurt the room: the time and memory they may use
are limited by the kernel, and both are given back when the process ends.
"""

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from appliance.calendars.booking import ReadRequest
from appliance.calendars.expand import Guard, TooSlow, read_calendar
from appliance.state.wire import from_json, to_json

SERIES_CPU_S = 0.5
ALL_CPU_S = 8.0
_KILL_CPU_S = 15
_MEMORY = 768 * 1024**2


def main() -> None:
    """Read a request line and a calendar from stdin, write a `Reading` to stdout, both as JSON."""
    _limit()
    request = from_json(ReadRequest, json.loads(sys.stdin.buffer.readline()))
    reading = read_calendar(sys.stdin.buffer.read(), request, guard=cpu_guard(time.process_time))
    json.dump(to_json(reading), sys.stdout)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (_KILL_CPU_S, _KILL_CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    # a call may be running beside us
    os.nice(5)


def cpu_guard(cpu_s: Callable[[], float]) -> Guard:
    """Make a guard that gives each series its share of CPU time, and all together what is left of theirs."""
    ends = cpu_s() + ALL_CPU_S

    def too_slow(_signal: int, _frame: object) -> None:
        raise TooSlow("it takes too long to work out when it repeats")

    signal.signal(signal.SIGVTALRM, too_slow)

    @contextmanager
    def guard() -> Iterator[None]:
        if cpu_s() > ends:
            raise TooSlow("the others took all the time there is to read a calendar")
        signal.setitimer(signal.ITIMER_VIRTUAL, SERIES_CPU_S)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    return guard


if __name__ == "__main__":
    main()
