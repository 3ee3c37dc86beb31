"""A LiveKit server in miniature, with real media: what a test tells it to say, it says."""

import asyncio
import contextlib

from aiohttp import web
from livekit.protocol import models, rtc

from appliance.media.rtc.peer import Peer

GUEST, ROOM = "PA_guest", "PA_room"
CAMERA, MICROPHONE = "TR_cam", "TR_mic"


class LiveKitDouble:
    """One room, one visitor, one guest who is scripted by the test."""

    def __init__(self):
        self.requests = []
        self.news = asyncio.Event()
        self.others = []
        self.joins = 0
        self.status = None
        self.answer_publish = True
        self.codecs = ()
        self.received = {}
        self.outs = {}
        self.link = ""
        self._socket = None
        self._subscriber = self._publisher = None

    @staticmethod
    def guest(*, name="Guest", camera_muted=False, mic_muted=False, state=models.ParticipantInfo.ACTIVE):
        kinds, sources = models.TrackType, models.TrackSource
        tracks = [
            models.TrackInfo(sid=CAMERA, type=kinds.VIDEO, source=sources.CAMERA, muted=camera_muted),
            models.TrackInfo(sid=MICROPHONE, type=kinds.AUDIO, source=sources.MICROPHONE, muted=mic_muted),
        ]
        return models.ParticipantInfo(sid=GUEST, identity="guest", name=name, state=state, tracks=tracks)

    async def handle(self, request):
        self.joins += 1
        self.query = dict(request.query)
        if self.status is not None:
            raise _refusal(self.status)
        self._socket = socket = web.WebSocketResponse()
        await socket.prepare(request)
        async with (
            Peer(name="double sub", addresses=_loopback, on_state=lambda _: self.news.set()) as self._subscriber,
            Peer(name="double pub", addresses=_loopback, on_media=self._came) as self._publisher,
        ):
            me = models.ParticipantInfo(sid=ROOM, identity="room", name="Room")
            join = rtc.JoinResponse(
                participant=me,
                other_participants=self.others,
                subscriber_primary=True,
                ping_interval=5,
                ping_timeout=15,
                enabled_publish_codecs=[models.Codec(mime=mime) for mime in self.codecs],
            )
            await self.say(join=join)
            async for message in socket:
                await self._take(rtc.SignalRequest.FromString(message.data))
        return socket

    async def say(self, **message):
        await self._socket.send_bytes(rtc.SignalResponse(**message).SerializeToString())

    async def offer(self):
        await self.say(offer=rtc.SessionDescription(type="offer", sdp=await self._subscriber.offer(), id=7))

    async def publish_guest(self):
        """Let the guest's streams reach the visitor."""
        self.outs = {
            "video": self._subscriber.add_out("video", "VP8", stream_id=f"{GUEST}|{CAMERA}", track_id=CAMERA),
            "audio": self._subscriber.add_out("audio", "opus", stream_id=f"{GUEST}|{MICROPHONE}", track_id=MICROPHONE),
        }
        await self.offer()
        await self.until(lambda: self._subscriber.state == "connected")

    async def hang_up(self):
        with contextlib.suppress(ConnectionError):
            self._socket._req.transport.abort()

    def asked(self, kind):
        """Return the requests of one kind, oldest first."""
        return [getattr(r, kind) for r in self.requests if r.WhichOneof("message") == kind]

    async def until(self, condition):
        async with asyncio.timeout(10):
            while not condition():
                self.news.clear()
                await self.news.wait()

    def _came(self, media):
        self.received[media.kind] = media
        self.news.set()

    async def _take(self, request):
        self.requests.append(request)
        match request.WhichOneof("message"):
            case "offer":
                sdp = await self._publisher.accept_offer(request.offer.sdp)
                await self.say(answer=rtc.SessionDescription(type="answer", sdp=sdp))
            case "answer":
                await self._subscriber.accept_answer(request.answer.sdp)
            case "add_track" if self.answer_publish:
                add = request.add_track
                track = models.TrackInfo(sid=f"TR_{add.cid}", type=add.type, source=add.source, muted=add.muted)
                await self.say(track_published=rtc.TrackPublishedResponse(cid=add.cid, track=track))
        self.news.set()


def _loopback():
    return ("127.0.0.1",)


def _refusal(status):
    return {401: web.HTTPUnauthorized, 404: web.HTTPNotFound, 503: web.HTTPServiceUnavailable}[status]()


@contextlib.asynccontextmanager
async def livekit_double():
    """Run one on a free port of this machine."""
    double = LiveKitDouble()
    app = web.Application()
    app.router.add_get("/rtc", double.handle)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        double.link = f"https://meet.example/custom?liveKitUrl=ws%3A%2F%2F127.0.0.1%3A{port}&token=secret"
        yield double
    finally:
        await runner.cleanup()
