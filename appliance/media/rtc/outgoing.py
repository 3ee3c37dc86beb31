"""What aiortc sees of a stream that goes out."""

from typing import Any

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from appliance.media.rtc.sender import FrameQueue


class OutTrack(MediaStreamTrack):
    """Stands where aiortc wants a track; the frames come from its queue."""

    def __init__(self, kind: str, queue: FrameQueue) -> None:
        super().__init__()
        self.kind = kind
        self.queue = queue

    async def recv(self) -> "av.Packet[Any]":
        raise MediaStreamError
