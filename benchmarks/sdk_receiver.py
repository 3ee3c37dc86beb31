"""A receiver on LiveKit's official Python SDK, which takes everybody's frames as I420: `… URL TOKEN REPORT [--stamps]`.

The report is rewritten twice a second: how many frames came of everybody, how many people's, and when. With --stamps
the file beside it, `.seen`, has a line for each new picture of one person: when it came, and its stamp.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from livekit import rtc

from appliance.service import run_program
from benchmarks.seen import SeenFile


async def receive(url: str, token: str, report: Path, *, stamps: bool) -> None:
    """Be in the meeting until cancelled."""
    frames: Counter[str] = Counter()
    room = rtc.Room()
    with report.with_suffix(".seen").open("w", buffering=1) as seen:
        async with asyncio.TaskGroup() as group:

            def subscribed(track: rtc.Track, *_: object) -> None:
                if track.kind == rtc.TrackKind.KIND_VIDEO:
                    group.create_task(_watch(track, frames, SeenFile(seen) if stamps else None), name=track.sid)
                else:
                    group.create_task(_listen(track), name=track.sid)

            room.on("track_subscribed", subscribed)
            await room.connect(url, token)
            while True:
                scratch = report.with_suffix(".new")
                scratch.write_text(
                    json.dumps({"frames": frames.total(), "people": len(frames), "at": time.monotonic()})
                )
                scratch.replace(report)
                await asyncio.sleep(0.5)


async def _watch(track: rtc.Track, frames: Counter[str], seen: SeenFile | None) -> None:
    async for event in rtc.VideoStream(track, format=rtc.VideoBufferType.I420):
        frames[track.sid] += 1
        if seen is None:
            continue
        frame = event.frame
        luma = np.frombuffer(frame.data, np.uint8)[: frame.width * frame.height].reshape(frame.height, frame.width)
        seen.note(luma)


async def _listen(track: rtc.Track) -> None:
    async for _ in rtc.AudioStream(track):
        pass


if __name__ == "__main__":
    words = sys.argv
    sys.exit(run_program(lambda: receive(words[1], words[2], Path(words[3]), stamps="--stamps" in words)))
