"""A receiver on aiortc as it comes, with its own jitter buffer and decoder: `… URL TOKEN SEEN`.

SEEN gets a line for each new picture of the one person: when `recv` returned it, and its stamp.
"""

import asyncio
import sys
from pathlib import Path

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from livekit.protocol import rtc

from appliance.meetings.livekit_link import Ticket
from appliance.meetings.livekit_signal import LiveKitHttp, Signal
from appliance.service import run_program
from benchmarks.seen import SeenFile
from hardware.planes import plane_of


async def receive(url: str, token: str, path: Path) -> None:
    """Be in the meeting until cancelled."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    with path.open("w", buffering=1) as seen:
        async with LiveKitHttp().connected(Ticket(url, token)) as signal, asyncio.TaskGroup() as group:

            @connection.on("track")
            def came(track: MediaStreamTrack) -> None:
                group.create_task(_watch(track, SeenFile(seen)), name=track.kind)

            try:
                group.create_task(_ping(signal), name="ping")
                while (response := await signal.receive()) is not None:
                    if response.WhichOneof("message") == "offer":
                        await _answer(connection, signal, response.offer)
            finally:
                await connection.close()


async def _answer(connection: RTCPeerConnection, signal: Signal, offer: rtc.SessionDescription) -> None:
    await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
    await connection.setLocalDescription(await connection.createAnswer())
    answer = rtc.SessionDescription(type="answer", sdp=connection.localDescription.sdp, id=offer.id)
    await signal.send(rtc.SignalRequest(answer=answer))


async def _ping(signal: Signal) -> None:
    while True:
        await signal.send(rtc.SignalRequest(ping_req=rtc.Ping()))
        await asyncio.sleep(5)


async def _watch(track: MediaStreamTrack, seen: SeenFile) -> None:
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        if track.kind == "video":
            seen.note(plane_of(frame, 0))


if __name__ == "__main__":
    sys.exit(run_program(lambda: receive(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
