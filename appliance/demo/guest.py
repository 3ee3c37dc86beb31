"""The demo's guest: the official LiveKit SDK, playing a real clip and saying what it sees and hears of the room.

Runs as a program of its own, so that nothing of the room's code is between the SDK and the wire:
`python -m appliance.demo.guest LINK --clip FILE --report FILE`.
"""

import argparse
import asyncio
import json
import logging
import time
import urllib.request
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag

import av
import numpy as np
from livekit import rtc

from hardware.camera import mark

logger = logging.getLogger(__name__)
RATE = 48_000
_TONE_WINDOW = RATE // 5


@dataclass
class Seen:
    """What came from the room, as the guest's own SDK gave it."""

    connected_at: float = 0.0
    room_joined_at: float = 0.0
    joins: int = 0
    """How often somebody was there or came."""
    leaves: int = 0
    frames: int = 0
    marks: list[int] = field(default_factory=list)
    """The room's id, from the newest marked pictures."""
    counts: list[int] = field(default_factory=list)
    """The counters of those pictures: a moving picture counts up."""
    tones: dict[str, int] = field(default_factory=dict)
    """How many fifths of a second had their loudest frequency here, by hertz."""


class Guest:
    """One participant on the official SDK."""

    def __init__(self, clip: Path, report: Path, size: tuple[int, int] = (640, 360)) -> None:
        self._clip = clip
        self._size = size
        self._report = report
        self._room = rtc.Room()
        self._seen = Seen()

    async def run(self, url: str, token: str) -> None:
        """Be in the meeting until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._room.on("track_subscribed", lambda track, *_: self._follow(tasks, track))
            self._room.on("participant_connected", lambda _: self._met())
            self._room.on("participant_disconnected", lambda _: self._parted())
            await self._room.connect(url, token)
            self._seen.connected_at = time.time()
            for _ in self._room.remote_participants:
                self._met()
            video, audio = rtc.VideoSource(*self._size), rtc.AudioSource(RATE, 1)
            await self._publish(rtc.LocalVideoTrack.create_video_track("camera", video), rtc.TrackSource.SOURCE_CAMERA)
            await self._publish(rtc.LocalAudioTrack.create_audio_track("mic", audio), rtc.TrackSource.SOURCE_MICROPHONE)
            tasks.create_task(self._play_video(video), name="guest video")
            tasks.create_task(self._play_audio(audio), name="guest audio")
            tasks.create_task(self._tell(), name="guest report")

    def _met(self) -> None:
        self._seen.joins += 1
        self._seen.room_joined_at = self._seen.room_joined_at or time.time()

    def _parted(self) -> None:
        self._seen.leaves += 1

    async def _publish(self, track: Any, source: Any) -> None:
        await self._room.local_participant.publish_track(track, rtc.TrackPublishOptions(source=source))

    def _follow(self, tasks: asyncio.TaskGroup, track: Any) -> None:
        follow = self._watch if track.kind == rtc.TrackKind.KIND_VIDEO else self._listen
        tasks.create_task(follow(track), name=f"guest {track.kind}")

    async def _watch(self, track: Any) -> None:
        async for event in rtc.VideoStream(track, format=rtc.VideoBufferType.I420):
            frame = event.frame
            luma = np.frombuffer(frame.data, np.uint8)[: frame.width * frame.height]
            found = mark.decode(luma.reshape(frame.height, frame.width))
            self._seen.frames += 1
            if found is not None:
                self._seen.marks = [*self._seen.marks[-49:], found.source]
                self._seen.counts = [*self._seen.counts[-49:], found.count]

    async def _listen(self, track: Any) -> None:
        heard = np.empty(0, np.float32)
        async for event in rtc.AudioStream(track, sample_rate=RATE, num_channels=1):
            heard = np.concatenate([heard, np.frombuffer(event.frame.data, np.int16).astype(np.float32) / 32768])
            while len(heard) >= _TONE_WINDOW:
                self._note_tone(heard[:_TONE_WINDOW])
                heard = heard[_TONE_WINDOW:]

    def _note_tone(self, window: np.ndarray[Any, np.dtype[np.float32]]) -> None:
        if np.sqrt(np.mean(window**2)) < 0.003:
            return
        spectrum = np.abs(np.fft.rfft(window * np.hanning(len(window))))
        hertz = str(round(int(spectrum.argmax()) * RATE / len(window) / 10) * 10)
        self._seen.tones[hertz] = self._seen.tones.get(hertz, 0) + 1

    async def _play_video(self, source: Any) -> None:
        started = time.monotonic()
        width, height = self._size
        frames = await asyncio.to_thread(_pictures, self._clip, width, height)
        for number in _counting():
            picture = frames[number % len(frames)]
            source.capture_frame(rtc.VideoFrame(width, height, rtc.VideoBufferType.I420, picture))
            await asyncio.sleep(max(0.0, started + (number + 1) / 25 - time.monotonic()))

    async def _play_audio(self, source: Any) -> None:
        sound = await asyncio.to_thread(clip_sound, self._clip)
        for number in _counting():
            at = number * 480 % (len(sound) - 480)
            await source.capture_frame(rtc.AudioFrame(sound[at : at + 480].tobytes(), RATE, 1, 480))

    async def _tell(self) -> None:
        while True:
            scratch = self._report.with_suffix(".new")
            scratch.write_text(json.dumps(asdict(self._seen)))
            scratch.replace(self._report)
            await asyncio.sleep(0.2)


def _counting() -> Any:
    number = 0
    while True:
        yield number
        number += 1


def _pictures(clip: Path, width: int, height: int) -> list[bytes]:
    with av.open(str(clip)) as container:
        frames = (frame.reformat(width, height, "yuv420p") for frame in container.decode(video=0))
        return [frame.to_ndarray().tobytes() for frame in frames]


def clip_sound(clip: Path) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Decode a clip's sound: 48 kHz mono."""
    resampler = av.AudioResampler("s16", "mono", RATE)
    with av.open(str(clip)) as container:
        blocks = [out.to_ndarray()[0] for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate(blocks)


def exchange(link: str, name: str) -> dict[str, str]:
    """Turn a guest link into a token, as the guest page does."""
    page, secret = urldefrag(link)
    body = json.dumps({"link": secret, "name": name}).encode()
    request = urllib.request.Request(  # noqa: S310 - the demo's own hub
        f"{page.rstrip('/')}/api/exchange", body, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - the demo's own hub
        token: dict[str, str] = json.load(answer)
    return token


def main() -> None:
    """Join, until ended by a signal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("link")
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--name", default="Bunny Guest")
    parser.add_argument("--height", type=int, default=360, help="of the picture sent, 16:9")
    options = parser.parse_args()
    size = (options.height * 16 // 9, options.height)
    token = exchange(options.link, options.name)

    async def run() -> None:
        # the SDK's Room belongs to the event loop it is made in
        await Guest(options.clip, options.report, size).run(token["url"], token["token"])

    asyncio.run(run())


if __name__ == "__main__":
    main()
