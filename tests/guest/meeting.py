"""A meeting outside the guest: the hub, and somebody on LiveKit's official SDK who says what he sees of the room.

`python tests/guest/meeting.py ADDRESS` writes a JSON object a line: first the link and the hub's certificate, then what
is seen, twice a second. It ends when its standard input does. He shows a plain green picture.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import os
import ssl
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import cv2
import numpy as np
from livekit import rtc

from appliance.hub.server import HubSettings, invites_of, run_hub

WIDTH, HEIGHT, FPS = 320, 180, 5
GREEN = (0, 200, 0)
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "black": (0, 0, 0), "white": (255, 255, 255)}
SLATE = Path(__file__).parents[2] / "appliance" / "media" / "slate.png"
PLAIN, NEAR, LIKE = 8.0, 70, 0.8
"""How much one colour may vary and be off after two codecs, and how alike the slate must be."""
TELL_S = 0.5
NAME = "Ada"


@dataclass
class Witness:
    """What the participant has seen of the room."""

    shows: str = "nothing"
    frames: int = 0
    people: list[str] = field(default_factory=list)

    def look(self, frame: rtc.VideoFrame) -> None:
        """Take in a picture."""
        pixels = np.frombuffer(frame.data, np.uint8).reshape(frame.height, frame.width, 4)[..., :3]
        self.shows = what_it_shows(pixels)
        self.frames += 1


def what_it_shows(pixels: Any) -> str:
    """Name a picture (RGB): the slate, a plain colour, or its mean."""
    if pixels.std(axis=(0, 1)).max() > PLAIN:
        return "slate" if _likeness(pixels, _slate(pixels.shape[1], pixels.shape[0])) > LIKE else "a picture"
    mean = pixels.mean(axis=(0, 1))
    near = (name for name, colour in COLOURS.items() if np.abs(mean - colour).max() < NEAR)
    return next(near, f"rgb{tuple(mean.round().astype(int).tolist())}")


@functools.cache
def _slate(width: int, height: int) -> Any:
    slate = cv2.imread(str(SLATE))
    return cv2.cvtColor(cv2.resize(slate, (width, height), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)


def _likeness(a: Any, b: Any) -> float:
    """Return the correlation of two pictures: 1 for the same one, however bright."""
    return float(np.corrcoef(a.ravel().astype(float), b.ravel().astype(float))[0, 1])


async def main(address: str) -> None:
    """Hold the meeting until standard input ends."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        ready = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as group:
            hub = group.create_task(
                run_hub(HubSettings(address=address, port=0), state_dir=state, on_ready=ready.set_result)
            )
            url, now = await ready, datetime.now(UTC)
            secret = invites_of(state).invite("atrium", "Weekly", now - timedelta(minutes=5), now + timedelta(hours=1))
            certificate = state / "hub" / "cert.pem"
            say({"link": f"{url}/#{secret}", "certificate": certificate.read_text()})
            os.environ["SSL_CERT_FILE"] = str(certificate)  # whom the SDK trusts
            witness = Witness()
            present = group.create_task(be_there(witness, *await ticket(url, secret, certificate)))
            telling = group.create_task(keep_telling(witness))
            await asyncio.to_thread(sys.stdin.read)
            for task in (present, telling, hub):
                task.cancel()


async def ticket(url: str, secret: str, certificate: Path) -> tuple[str, str]:
    """Exchange a link for the address and the token of its meeting."""
    trust = ssl.create_default_context(cafile=str(certificate))
    async with aiohttp.ClientSession() as web:
        body = {"link": secret, "name": NAME}
        async with web.post(f"{url}/api/exchange", json=body, ssl=trust) as answer:
            given = await answer.json()
            return given["url"], given["token"]


async def be_there(witness: Witness, url: str, token: str) -> None:
    """Be in the meeting, show green, and watch everybody."""
    room = rtc.Room()
    async with asyncio.TaskGroup() as group:
        room.on("track_subscribed", lambda track, _, __: group.create_task(watch(witness, track)))
        room.on("participant_connected", lambda who: witness.people.append(who.name))
        await room.connect(url, token)
        camera = rtc.VideoSource(WIDTH, HEIGHT)
        await room.local_participant.publish_track(
            rtc.LocalVideoTrack.create_video_track("camera", camera),
            rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA, simulcast=False),
        )
        picture = np.full((HEIGHT, WIDTH, 4), (*GREEN, 255), np.uint8).tobytes()
        while True:
            camera.capture_frame(rtc.VideoFrame(WIDTH, HEIGHT, rtc.VideoBufferType.RGBA, picture))
            await asyncio.sleep(1 / FPS)


async def watch(witness: Witness, track: rtc.Track) -> None:
    """Look at each picture of a track."""
    if track.kind != rtc.TrackKind.KIND_VIDEO:
        return
    async for event in rtc.VideoStream(track, format=rtc.VideoBufferType.RGBA):
        witness.look(event.frame)


async def keep_telling(witness: Witness) -> None:
    """Say what is seen."""
    while True:
        say({"shows": witness.shows, "frames": witness.frames, "people": witness.people})
        await asyncio.sleep(TELL_S)


def say(message: dict[str, Any]) -> None:
    """Write a line."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(main(sys.argv[1]))
