"""A program of `salon` as it is; on SIGUSR1 it says, on standard output, how many asyncio tasks it has."""

import asyncio
import signal
import sys

from appliance.cli import main

if __name__ == "__main__":
    # the handler runs between two steps of the event loop, in its thread
    signal.signal(signal.SIGUSR1, lambda *_: print(f"tasks: {len(asyncio.all_tasks())}.", flush=True))
    sys.exit(main())
