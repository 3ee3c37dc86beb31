"""A receiver on LiveKit's official Python SDK, which takes everybody's frames as I420: `… URL TOKEN REPORT [OPTION]`.

The report is rewritten twice a second: how many frames came of everybody, how many people's, and when. With --stamps
the file beside it, `.seen`, has a line for each new picture of one person: when it came, and its stamp. With --sources
it has a line whenever the pictures become another camera's, or nobody's, or are muted or taken away.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

import numpy as np
from livekit import rtc

from appliance.service import run_program
from benchmarks.seen import SeenFile, SourceFile

_NOTES: Mapping[str, Callable[[TextIO], SeenFile | SourceFile]] = {"--stamps": SeenFile, "--sources": SourceFile}


async def receive(url: str, token: str, report: Path, option: str = "") -> None:
    """Be in the meeting until cancelled."""
    frames: Counter[str] = Counter()
    room = rtc.Room()
    with report.with_suffix(".seen").open("w", buffering=1) as seen:
        async with asyncio.TaskGroup() as group:
            notes = _NOTES[option](seen) if option else None

            def gone(*_: object) -> None:
                if isinstance(notes, SourceFile):
                    notes.note_none()

            def subscribed(track: rtc.Track, *_: object) -> None:
                if track.kind == rtc.TrackKind.KIND_VIDEO:
                    group.create_task(_watch(track, frames, notes), name=track.sid)
                else:
                    group.create_task(_listen(track), name=track.sid)

            room.on("track_subscribed", subscribed)
            room.on("track_muted", gone)
            room.on("track_unsubscribed", gone)
            await room.connect(url, token)
            while True:
                scratch = report.with_suffix(".new")
                scratch.write_text(
                    json.dumps({"frames": frames.total(), "people": len(frames), "at": time.monotonic()})
                )
                scratch.replace(report)
                await asyncio.sleep(0.5)


async def _watch(track: rtc.Track, frames: Counter[str], seen: SeenFile | SourceFile | None) -> None:
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
    sys.exit(run_program(lambda: receive(words[1], words[2], Path(words[3]), *words[4:])))
