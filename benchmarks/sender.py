"""Sends the webcam's film, encoded beforehand, as so many people: `python -m benchmarks.sender ORDER`, as JSON.

A process of its own, so that its cost is nobody's. Who loses the picture gets the film from its beginning, which is a
key frame. With `watched`, the first of them is sent what the others send. With `log`, the one person's pictures are
encoded as they are sent, and the file says when each was there to be encoded: lines of the time and the stamp.
"""

import asyncio
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import BinaryIO

from livekit.protocol import models, rtc

from appliance.media.rtc.frames import AUDIO_CLOCK, VIDEO_CLOCK, EncodedFrame
from appliance.media.rtc.media import MediaIn, MediaOut
from appliance.media.rtc.peer import Peer
from appliance.meetings.livekit_link import Ticket
from appliance.meetings.livekit_signal import LiveKitHttp, Signal
from appliance.service import run_program
from benchmarks.film import Film, Live, Loop
from benchmarks.seen import COUNT
from benchmarks.settings import Stream
from benchmarks.tone import PACKET_S, tone_packets

_LOOPBACK = ("127.0.0.1",)
_PING_S = 5


@dataclass(frozen=True, slots=True)
class Order:
    """What to send, and as whom."""

    url: str
    tokens: tuple[str, ...]
    stream: Stream
    sound: bool = False
    """The first of them hums a tone."""
    log: str = ""
    watched: str = ""
    """A file that says how many frames came, to the first of them, from whoever came last."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Order":
        order = json.loads(text)
        return cls(**order | {"stream": Stream(**order["stream"])})


class Person:
    """One participant: its camera plays the film."""

    def __init__(self, film: Film, peer: Peer, incoming: Peer, signal: Signal, *, sound: bool) -> None:
        """`incoming` brings nothing, but the hub offers it to everybody."""
        self.film = film
        self._peer, self._incoming, self._signal = peer, incoming, signal
        self.camera = peer.add_out("video", "VP8", stream_id="bench", track_id="camera")
        self.microphone = peer.add_out("audio", "opus", stream_id="bench", track_id="microphone") if sound else None
        self.camera.on_keyframe_request = film.begin_anew

    async def enter(self) -> None:
        """Announce and offer; return when the server has answered."""
        for out in filter(None, (self.camera, self.microphone)):
            await self._signal.send(rtc.SignalRequest(add_track=_announcement(out)))
        offer = await self._peer.offer()
        await self._signal.send(rtc.SignalRequest(offer=rtc.SessionDescription(type="offer", sdp=offer)))
        while not await self._answered():
            pass

    async def stay(self) -> None:
        """Keep the signalling alive."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name="listen")
            while True:
                await self._signal.send(rtc.SignalRequest(ping_req=rtc.Ping(timestamp=time.time_ns() // 1_000_000)))
                await asyncio.sleep(_PING_S)

    async def _listen(self) -> None:
        while True:
            await self._answered()

    async def _answered(self) -> bool:
        """Take one signal; return whether it was the answer to our offer."""
        response = await self._signal.receive()
        if response is None:
            raise ConnectionError("the hub hung up")
        match response.WhichOneof("message"):
            case "offer":
                answer = await self._incoming.accept_offer(response.offer.sdp)
                description = rtc.SessionDescription(type="answer", sdp=answer, id=response.offer.id)
                await self._signal.send(rtc.SignalRequest(answer=description))
            case "answer":
                await self._peer.accept_answer(response.answer.sdp)
                return True
        return False


class Watch:
    """Counts the frames of the newest stream into a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._count = 0
        self._newest: MediaIn | None = None

    def take(self, media: MediaIn) -> None:
        """Count this stream's frames from now on."""
        if self._newest is not None:
            self._newest.on_frame = None
        self._newest = media
        media.on_frame = self._came
        media.request_keyframe()

    def _came(self, _frame: EncodedFrame) -> None:
        self._count += 1
        os.pwrite(self._file.fileno(), COUNT.pack(self._count), 0)


async def send(order: Order) -> None:
    """Be in the meeting and send until cancelled."""
    http = LiveKitHttp()
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        log = stack.enter_context(await asyncio.to_thread(open, order.log or os.devnull, "w", buffering=1))
        watch = Watch(stack.enter_context(await asyncio.to_thread(open, order.watched or os.devnull, "wb")))
        people = []
        for number, token in enumerate(order.tokens):
            signal = await stack.enter_async_context(http.connected(Ticket(order.url, token)))
            peer = await stack.enter_async_context(Peer(name=f"out {number}", addresses=lambda: _LOOPBACK))
            incoming = await stack.enter_async_context(
                Peer(name=f"in {number}", addresses=lambda: _LOOPBACK, on_media=watch.take if not number else None)
            )
            film = await asyncio.to_thread(Live, order.stream, log) if order.log else Loop(order.stream)
            person = Person(film, peer, incoming, signal, sound=order.sound and not number)
            await person.enter()
            group.create_task(person.stay(), name=f"signals {number}")
            people.append(person)
        print("sending", flush=True)
        if people[0].microphone is not None:
            group.create_task(_hum(people[0].microphone), name="hum")
        await _play(people, order.stream)


async def _play(people: list[Person], stream: Stream) -> None:
    """Send a frame of each person in turn, spread evenly over the time of a frame."""
    ticks = VIDEO_CLOCK // stream.fps
    for at, turn in _turns(1 / stream.fps / len(people)):
        await _until(at)
        person = people[turn % len(people)]
        data, keyframe = person.film.next()
        timestamp = turn // len(people) * ticks & 0xFFFFFFFF
        person.camera.send(EncodedFrame(stream.codec, timestamp, VIDEO_CLOCK, data, keyframe=keyframe))


async def _hum(out: MediaOut) -> None:
    packets = await asyncio.to_thread(tone_packets)
    for at, turn in _turns(PACKET_S):
        await _until(at)
        timestamp = int(turn * PACKET_S * AUDIO_CLOCK) & 0xFFFFFFFF
        out.send(EncodedFrame("opus", timestamp, AUDIO_CLOCK, packets[turn % len(packets)]))


def _turns(every_s: float) -> Iterator[tuple[float, int]]:
    began = time.monotonic()
    return ((began + turn * every_s, turn) for turn in itertools.count())


async def _until(at: float) -> None:
    left = at - time.monotonic()
    if left > 0:
        await asyncio.sleep(left)


def _announcement(out: MediaOut) -> rtc.AddTrackRequest:
    sound = out.kind == "audio"
    return rtc.AddTrackRequest(
        cid=out.track_id,
        name=out.track_id,
        type=models.TrackType.AUDIO if sound else models.TrackType.VIDEO,
        source=models.TrackSource.MICROPHONE if sound else models.TrackSource.CAMERA,
        disable_red=True,
    )


if __name__ == "__main__":
    sys.exit(run_program(lambda: send(Order.from_json(sys.argv[1]))))
