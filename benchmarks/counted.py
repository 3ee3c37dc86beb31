"""A program of `salon` as it is; on SIGUSR1 it starts all threads of asyncio's pool, and says how many tasks it has."""

import asyncio
import os
import signal
import sys
import time

from appliance.cli import main

_POOL = min(32, (os.cpu_count() or 1) + 4)
"""Threads that asyncio keeps for blocking calls, once it has needed so many at a time."""
_BUSY_S = 0.2


def _tell(*_: object) -> None:
    loop = asyncio.get_running_loop()
    # with all of the pool there, one more thread than before was left behind
    for _number in range(_POOL):
        loop.run_in_executor(None, time.sleep, _BUSY_S)
    print(f"tasks: {len(asyncio.all_tasks())}.", flush=True)


if __name__ == "__main__":
    # the handler runs between two steps of the event loop, in its thread
    signal.signal(signal.SIGUSR1, _tell)
    sys.exit(main())
