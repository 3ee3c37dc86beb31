"""`salon media` as it is, and on SIGUSR1 it writes into its log how many asyncio tasks there are."""

import asyncio
import signal
import sys

from appliance.cli import main

if __name__ == "__main__":
    # the handler runs between two steps of the event loop, in its thread
    signal.signal(signal.SIGUSR1, lambda *_: print(f"tasks: {len(asyncio.all_tasks())}.", flush=True))
    sys.exit(main())
