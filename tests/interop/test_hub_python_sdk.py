"""The hub against clients nobody here wrote: LiveKit's official Python SDK, with its defaults."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import aiohttp
import numpy as np
import pytest
from livekit import rtc
from sdk_room import sdk_room

from appliance.hub.server import HubSettings, invites_of, run_hub

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

WIDTH, HEIGHT, RATE = 640, 360, 48_000


@dataclass
class Person:
    """A participant that shows one colour, hums one tone, and remembers what it saw and heard."""

    name: str
    blue: int
    """How blue its picture is, 0 to 255."""
    hertz: int
    room: rtc.Room = field(default_factory=sdk_room)
    blues: dict[str, float] = field(default_factory=dict)
    tones: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    frames: dict[str, int] = field(default_factory=dict)
    speakers: set[str] = field(default_factory=set)
    messages: list[tuple[str, bytes]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, condition) -> None:
        async with asyncio.timeout(40):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def be_in(self, url: str, token: str, group: asyncio.TaskGroup) -> None:
        self.room.on("track_subscribed", lambda track, _, who: group.create_task(self.receive(track, who.name)))
        self.room.on("participant_disconnected", lambda _: self.changed.set())
        self.room.on("active_speakers_changed", self.speak)
        self.room.on("data_received", self.message)
        await self.room.connect(url, token)
        camera, microphone = rtc.VideoSource(WIDTH, HEIGHT), rtc.AudioSource(RATE, 1)
        local = self.room.local_participant
        await local.publish_track(
            rtc.LocalVideoTrack.create_video_track("camera", camera),
            rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA),
        )
        await local.publish_track(
            rtc.LocalAudioTrack.create_audio_track("microphone", microphone),
            rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE),
        )
        group.create_task(self.show(camera))
        group.create_task(self.hum(microphone))

    async def show(self, camera: rtc.VideoSource) -> None:
        picture = np.full((HEIGHT, WIDTH, 4), 255, dtype=np.uint8)
        picture[..., :3] = (40, 40, self.blue)
        for i in range(100_000):
            picture[:40, :, 1] = i * 8 % 256
            camera.capture_frame(rtc.VideoFrame(WIDTH, HEIGHT, rtc.VideoBufferType.RGBA, picture.tobytes()))
            await asyncio.sleep(1 / 20)

    async def hum(self, microphone: rtc.AudioSource) -> None:
        for start in range(0, RATE * 3600, 480):
            wave = np.sin((np.arange(480) + start) * 2 * np.pi * self.hertz / RATE) * 9000
            await microphone.capture_frame(rtc.AudioFrame(wave.astype(np.int16).tobytes(), RATE, 1, 480))

    async def receive(self, track: rtc.Track, who: str) -> None:
        if track.kind == rtc.TrackKind.KIND_VIDEO:
            async for event in rtc.VideoStream(track, format=rtc.VideoBufferType.RGBA):
                frame = event.frame
                pixels = np.frombuffer(frame.data, dtype=np.uint8).reshape(frame.height, frame.width, 4)
                self.blues[who] = float(pixels[frame.height // 2 :, :, 2].mean())
                self.sizes[who] = (frame.width, frame.height)
                self.frames[who] = self.frames.get(who, 0) + 1
                self.changed.set()
        else:
            heard = np.zeros(0, dtype=np.int16)
            async for event in rtc.AudioStream(track, sample_rate=RATE, num_channels=1):
                heard = np.concatenate([heard, np.frombuffer(event.frame.data, dtype=np.int16)])[-RATE // 4 :]
                if len(heard) == RATE // 4 and np.abs(heard).max() > 1000:
                    self.tones[who] = float(np.abs(np.fft.rfft(heard)).argmax()) * 4
                    self.changed.set()

    def speak(self, speakers: list[rtc.Participant]) -> None:
        self.speakers |= {speaker.name for speaker in speakers}
        self.changed.set()

    def message(self, packet: rtc.DataPacket) -> None:
        self.messages.append((packet.participant.name if packet.participant else "", packet.data))
        self.changed.set()


@pytest.fixture
async def link(tmp_path) -> AsyncIterator[tuple[str, str]]:
    ready = asyncio.get_running_loop().create_future()
    hub = asyncio.create_task(run_hub(HubSettings(port=0), state_dir=tmp_path, on_ready=ready.set_result))
    now = datetime.now(UTC)
    yield await ready, invites_of(tmp_path).invite("atrium", "Weekly", now, now + timedelta(hours=1))
    hub.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await hub


async def ticket(link: tuple[str, str], name: str) -> tuple[str, str]:
    url, secret = link
    async with (
        aiohttp.ClientSession() as web,
        web.post(f"{url}/api/exchange", json={"link": secret, "name": name}) as answer,
    ):
        body = await answer.json()
        return body["url"], body["token"]


async def test_two_people_with_the_official_sdk_see_hear_and_read_each_other(link):
    ada, bob = Person("Ada", blue=230, hertz=440), Person("Bob", blue=30, hertz=880)
    async with asyncio.TaskGroup() as group:
        for person in (ada, bob):
            await person.be_in(*await ticket(link, person.name), group)
        for me, other in ((ada, bob), (bob, ada)):
            await me.until(lambda m=me, o=other: m.frames.get(o.name, 0) >= 20 and o.name in m.tones)
            assert me.blues[other.name] == pytest.approx(other.blue, abs=30)
            assert me.tones[other.name] == pytest.approx(other.hertz, abs=8)
            # its simulcast begins with whichever layer comes first
            await me.until(lambda m=me, o=other: m.sizes[o.name] == (WIDTH, HEIGHT))
            await me.until(lambda m=me, o=other: o.name in m.speakers)
        await ada.room.local_participant.publish_data(b"hello", reliable=True)
        await bob.until(lambda: bob.messages == [("Ada", b"hello")])
        await bob.room.disconnect()
        await ada.until(lambda: not ada.room.remote_participants)
        await ada.room.disconnect()
        for task in asyncio.all_tasks():
            if task.get_coro().__qualname__.startswith("Person."):
                task.cancel()
