"""Signals for programs that this one has started, so that how they ended is told by who waits for them."""

import asyncio
import contextlib
import os
import signal


def send(child: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Send a child a signal, unless it is known to have ended.

    Not by asyncio's own `kill` and `terminate`: in Python 3.11 and 3.12 these look first whether the child has ended,
    which takes its exit status from the one in asyncio who waits for it. The status is 255 then, with a warning.
    """
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, number)
