"""Somebody in the meeting who keeps what another sends, as it was sent, for its rate and its quality."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext
from livekit.protocol import rtc

from appliance.media.rtc.frames import EncodedFrame
from appliance.media.rtc.media import MediaIn
from appliance.media.rtc.peer import Peer
from appliance.meetings.livekit_link import Ticket
from appliance.meetings.livekit_signal import LiveKitHttp, Signal
from benchmarks.clip import Webcam
from hardware.camera import mark
from hardware.planes import plane_of

_PING_S = 5
_DECODERS = {"VP8": "vp8", "H264": "h264"}


@dataclass(slots=True)
class Recording:
    """All frames of one camera so far."""

    frames: list[EncodedFrame] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    """Of the last picture that was decoded, for its quality."""

    @property
    def codec(self) -> str:
        return self.frames[-1].codec

    def kbps(self, begin_ns: int, end_ns: int) -> float:
        """Return the bitrate between two instants of the monotonic clock."""
        octets = sum(len(frame.data) for frame in self.frames if begin_ns < frame.received_ns <= end_ns)
        return octets * 8e6 / (end_ns - begin_ns)

    def psnr(self, begin_ns: int, end_ns: int) -> float:
        """Return how like the webcam's the pictures between two instants are, in dB of the mean luma error."""
        decoder = cast("VideoCodecContext", VideoCodecContext.create(_DECODERS[self.codec], "r"))
        webcam: Webcam | None = None
        errors: list[float] = []
        start = next(at for at, frame in enumerate(self.frames) if frame.keyframe)
        for frame in self.frames[start:]:
            for picture in decoder.decode(av.Packet(frame.data)):
                luma = plane_of(picture, 0)
                self.size = (picture.width, picture.height)
                found = mark.decode(luma) if begin_ns < frame.received_ns <= end_ns else None
                if found is not None:
                    webcam = webcam or Webcam(picture.width, picture.height)
                    errors.append(_squared_error(luma, plane_of(webcam.picture(found.count), 0)))
        return float(10 * np.log10(255**2 / np.mean(errors)))


def _squared_error(one: np.ndarray, other: np.ndarray) -> float:
    return float(cv2.norm(np.ascontiguousarray(one), np.ascontiguousarray(other), cv2.NORM_L2SQR)) / one.size


@asynccontextmanager
async def recorder(ticket: Ticket) -> AsyncIterator[Recording]:
    """Be in the meeting and record; begins with the first frame."""
    recording = Recording()
    came = asyncio.Event()

    def received(frame: EncodedFrame) -> None:
        recording.frames.append(frame)
        came.set()

    def bound(media: MediaIn) -> None:
        if media.kind == "video":
            media.on_frame = received
            media.request_keyframe()

    async with (
        LiveKitHttp().connected(ticket) as signal,
        Peer(name="recorder", addresses=lambda: ("127.0.0.1",), on_media=bound) as peer,
        asyncio.TaskGroup() as group,
    ):
        tasks = [
            group.create_task(_answer(signal, peer), name="signals"),
            group.create_task(_ping(signal), name="ping"),
        ]
        try:
            async with asyncio.timeout(40):
                await came.wait()
            yield recording
        finally:
            for task in tasks:
                task.cancel()


async def _answer(signal: Signal, peer: Peer) -> None:
    while (response := await signal.receive()) is not None:
        if response.WhichOneof("message") == "offer":
            sdp = await peer.accept_offer(response.offer.sdp)
            answer = rtc.SessionDescription(type="answer", sdp=sdp, id=response.offer.id)
            await signal.send(rtc.SignalRequest(answer=answer))


async def _ping(signal: Signal) -> None:
    while True:
        await signal.send(rtc.SignalRequest(ping_req=rtc.Ping()))
        await asyncio.sleep(_PING_S)
