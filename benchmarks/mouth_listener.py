"""Whoever the room's sound is sent to: `python -m benchmarks.mouth_listener FILE`, an offer on standard input.

A process of its own, so that it takes nothing from the sender. The answer goes to standard output; when standard input
ends, the file has a line for each packet, with when the kernel had it. The kernel stamps a datagram on loopback while
the sender is still in its system call.
"""

import asyncio
import json
import sys
from pathlib import Path

from appliance.errors import SalonError
from appliance.media.rtc.frames import EncodedFrame
from appliance.media.rtc.media import MediaIn
from appliance.media.rtc.native import library
from appliance.media.rtc.peer import Peer
from appliance.service import run_program
from benchmarks.mouth import LOOPBACK, write_frames


class NoStamps(SalonError):
    """Nobody can tell when packets came."""


async def listen(report: Path) -> None:
    """Be there until standard input ends."""
    if library.load() is None:
        raise NoStamps("The native engine is needed, which has the kernel's time stamps: make native")
    frames: list[EncodedFrame] = []

    def met(media: MediaIn) -> None:
        media.on_frame = frames.append

    async with Peer(name="listener", addresses=lambda: LOOPBACK, on_media=met) as peer:
        offer = json.loads(await asyncio.to_thread(sys.stdin.readline))
        print(json.dumps(await peer.accept_offer(offer)), flush=True)
        await asyncio.to_thread(sys.stdin.readline)
    await asyncio.to_thread(write_frames, report, frames)


if __name__ == "__main__":
    sys.exit(run_program(lambda: listen(Path(sys.argv[1]))))
