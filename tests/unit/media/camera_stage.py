"""A camera thread on one side and a wall on the other, with a wire in between."""

import asyncio
import threading

from appliance.link.frames import RingReader, RingWriter
from appliance.media.gate import MuteGate
from appliance.media.rtc.frames import InStats
from appliance.media.video import VideoFeed
from appliance.media.wall import PictureWall
from appliance.state.layout import Layout, PersonId, Source, Tile
from hardware import registry

ANNA, BEN = PersonId("anna"), PersonId("ben")


class Wire:
    """What is sent into it comes out of it."""

    def __init__(self):
        self.codec, self.simulcast = "VP8", False
        self.on_frame = None
        self.on_keyframe_request = None
        self.on_bitrate = None
        self.wanted = None
        self.waiting = 0
        self.sent = []
        self.keyframe_requests = 0

    def send(self, frame):
        self.sent.append(frame)
        if self.on_frame is not None:
            self.on_frame(frame)

    def request_keyframe(self):
        self.keyframe_requests += 1
        if self.on_keyframe_request is not None:
            self.on_keyframe_request()

    def stats(self):
        return InStats(packets=len(self.sent), bytes=sum(len(frame.data) for frame in self.sent))


def layout(*tiles, rev=1):
    return Layout(rev, 1920, 1080, tuple(Tile(p, Source.CAMERA, 0, 0, w, h) for p, w, h in tiles))


def ring_of(shown):
    writer = RingWriter(shown, shown.rev)
    return writer, RingReader(_dup(writer.fd), shown, shown.rev)


def _dup(fd):
    import os

    return os.dup(fd)


class Stage:
    """A camera thread on one side and a wall on the other."""

    def __init__(self, tmp_path, uri="sim:pattern?size=640x360&mark=ANNA"):
        self.loop = asyncio.get_running_loop()
        self.path = tmp_path / "gate.json"
        self.painted = asyncio.Queue()
        self.wall = PictureWall(loop=self.loop, painted=self._painted)
        self.stop = threading.Event()
        self.uri = uri

    def _painted(self, keys):
        for key in keys:
            self.loop.call_soon_threadsafe(self.painted.put_nowait, key)

    async def allow(self, *, camera):
        await asyncio.to_thread(self.gate.set, mic_muted=True, camera_off=not camera)

    async def __aenter__(self):
        self.gate = await asyncio.to_thread(MuteGate, self.path)
        await self.allow(camera=True)
        self.feed = VideoFeed(shut=lambda: self.gate.camera_off, loop=self.loop)
        self.thread = asyncio.create_task(asyncio.to_thread(self._shoot), name="camera")
        return self

    async def __aexit__(self, *_):
        self.stop.set()
        await self.thread
        await asyncio.to_thread(self.wall.close)

    def _shoot(self):
        with registry.camera(self.uri) as camera:
            self.feed.work(camera, lambda: None, self.stop)

    def show_anna(self):
        """Let Anna's picture, which our own camera makes, be shown; return her stream and where it is seen."""
        wire = Wire()
        writer, reader = ring_of(layout((ANNA, 320, 180)))
        self.wall.show(writer)
        self.wall.bind((ANNA, Source.CAMERA), wire)
        self.feed.send_to(wire)
        return wire, reader

    async def picture_of(self, person, reader):
        async with asyncio.timeout(10):
            while (await self.painted.get()) != (person, Source.CAMERA):
                pass
        return reader.newest(person, Source.CAMERA)
