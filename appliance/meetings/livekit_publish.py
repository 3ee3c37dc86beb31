"""The room's own microphone and camera in a LiveKit room: announced, offered, and kept honest about being muted."""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping

from livekit.protocol import models, rtc

from appliance.media.ladder import ENOUGH
from appliance.media.layers import RIDS
from appliance.media.rtc.media import MediaOut
from appliance.media.rtc.peer import Peer
from appliance.meetings.provider import Slot

_ANNOUNCE_S = 5.0
_STREAM = "salon"
_WIDTH, _HEIGHT = 1280, 720
_SCREEN_WIDTH, _SCREEN_HEIGHT = 1920, 1080
_QUALITY = {"q": models.VideoQuality.LOW, "h": models.VideoQuality.MEDIUM, "f": models.VideoQuality.HIGH}


class Publisher:
    """Announces microphone and camera at once, for the whole meeting; mute and camera off are told, not renegotiated.

    A shared screen comes and goes, each time with an offer of its own.
    """

    def __init__(
        self,
        peer: Peer,
        post: Callable[[rtc.SignalRequest], None],
        muted: Mapping[Slot, bool],
        *,
        closed: Callable[[Slot], None] = lambda _: None,
    ) -> None:
        self._peer, self._post, self._muted, self._closed = peer, post, muted, closed
        self._outs: dict[Slot, MediaOut] = {}
        self._sids: dict[Slot, str] = {}
        self._told: dict[Slot, bool] = {}
        self._opened: set[Slot] = set()
        self._announced = asyncio.Event()
        self._answered = asyncio.Event()
        self._sharing = False
        self._wanted = asyncio.Event()
        self.allowed = True
        self.codec = "VP8"
        """What the camera is published as."""

    def choose_codec(self, enabled: Iterable[models.Codec]) -> None:
        """Take H.264 where server and room have it: most receivers decode it in hardware."""
        if any(codec.mime.lower() == "video/h264" for codec in enabled):
            self.codec = "H264"

    def share(self, *, sharing: bool) -> None:
        """Publish the shared screen, or take it away, as soon as what is being negotiated is done."""
        self._sharing = sharing
        self._wanted.set()

    async def run(self) -> None:
        """Announce and offer the streams, then the shared screen whenever there is one; until cancelled."""
        if not self.allowed:
            return
        await self._publish(
            {
                Slot.MICROPHONE: self._peer.add_out("audio", "opus", stream_id=_STREAM, track_id="salon-microphone"),
                Slot.CAMERA: self._peer.add_out(
                    "video", self.codec, stream_id=_STREAM, track_id="salon-camera", layers=tuple(RIDS.values())
                ),
            }
        )
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if self._sharing and Slot.SCREEN not in self._outs:
                await self._publish({Slot.SCREEN: self._new_screen()})
            elif not self._sharing and Slot.SCREEN in self._outs:
                await self._withdraw(Slot.SCREEN)

    def _new_screen(self) -> MediaOut:
        # a track of its own each time: a server may still hold the one before
        track = f"salon-screen-{secrets.token_hex(4)}"
        return self._peer.add_out("video", self.codec, stream_id=_STREAM, track_id=track)

    async def _publish(self, outs: Mapping[Slot, MediaOut]) -> None:
        """Announce streams and offer those the server took."""
        self._outs.update(outs)
        self._announced.clear()
        for slot, out in outs.items():
            self._told[slot] = self._muted.get(slot, False)
            self._post(rtc.SignalRequest(add_track=_announcement(slot, out, muted=self._told[slot])))
        try:
            async with asyncio.timeout(_ANNOUNCE_S):
                await self._announced.wait()
        except TimeoutError:
            # a server may forbid one kind of stream; the others are still wanted
            pass
        for slot in outs.keys() - self._sids.keys():
            self._peer.remove_out(self._outs.pop(slot))
        if self._outs:
            await self._offer()

    async def _withdraw(self, slot: Slot) -> None:
        self._peer.remove_out(self._outs.pop(slot))
        self._opened.discard(slot)
        self._sids.pop(slot, None)
        self._told.pop(slot, None)
        self._closed(slot)
        await self._offer()

    async def _offer(self) -> None:
        """Offer all streams there are, and wait for the answer: one negotiation at a time."""
        self._answered.clear()
        offer = rtc.SessionDescription(type="offer", sdp=await self._peer.offer())
        self._post(rtc.SignalRequest(offer=offer))
        await self._answered.wait()

    def published(self, response: rtc.TrackPublishedResponse) -> None:
        """Take the server's word that it knows one of our streams."""
        for slot, out in self._outs.items():
            if out.track_id == response.cid:
                self._sids[slot] = response.track.sid
        if self._sids.keys() == self._outs.keys():
            self._announced.set()
        self.tell_muted()

    def layers_wanted(self, update: rtc.SubscribedQualityUpdate) -> None:
        """Send only what somebody receives, as the server has it (LiveKit's dynacast)."""
        for slot, out in self._outs.items():
            if self._sids.get(slot) == update.track_sid:
                named = {codec.codec.lower().rpartition("/")[2]: codec.qualities for codec in update.subscribed_codecs}
                qualities = named.get(out.codec.lower(), update.subscribed_qualities)
                unwanted = {each.quality for each in qualities if not each.enabled}
                out.wanted = frozenset(rid for rid, quality in _QUALITY.items() if quality not in unwanted)

    def answered(self) -> list[tuple[Slot, MediaOut]]:
        """Return what may be sent from now on, since the server has answered our offer."""
        self._answered.set()
        opened = [(slot, out) for slot, out in self._outs.items() if slot in self._sids and slot not in self._opened]
        self._opened.update(slot for slot, _ in opened)
        return opened

    def tell_muted(self) -> None:
        """Tell the server what changed."""
        for slot in self._sids.keys() & self._muted.keys():
            if self._told.get(slot) != self._muted[slot]:
                self._told[slot] = self._muted[slot]
                self._post(rtc.SignalRequest(mute=rtc.MuteTrackRequest(sid=self._sids[slot], muted=self._muted[slot])))


def _announcement(slot: Slot, out: MediaOut, *, muted: bool) -> rtc.AddTrackRequest:
    if slot is Slot.MICROPHONE:
        return rtc.AddTrackRequest(
            cid=out.track_id,
            name="microphone",
            type=models.TrackType.AUDIO,
            source=models.TrackSource.MICROPHONE,
            muted=muted,
            disable_red=True,
        )
    if slot is Slot.SCREEN:
        return rtc.AddTrackRequest(
            cid=out.track_id,
            name="screen",
            type=models.TrackType.VIDEO,
            source=models.TrackSource.SCREEN_SHARE,
            width=_SCREEN_WIDTH,
            height=_SCREEN_HEIGHT,
            layers=[models.VideoLayer(quality=models.VideoQuality.HIGH, width=_SCREEN_WIDTH, height=_SCREEN_HEIGHT)],
        )
    layers = [_layer(divisor, rid) for divisor, rid in RIDS.items()]
    return rtc.AddTrackRequest(
        cid=out.track_id,
        name="camera",
        type=models.TrackType.VIDEO,
        source=models.TrackSource.CAMERA,
        width=_WIDTH,
        height=_HEIGHT,
        muted=muted,
        layers=layers,
        simulcast_codecs=[rtc.SimulcastCodec(codec=out.codec.lower(), cid=out.track_id, layers=layers)],
    )


def _layer(divisor: int, rid: str) -> models.VideoLayer:
    return models.VideoLayer(
        quality=_QUALITY[rid], width=_WIDTH // divisor, height=_HEIGHT // divisor, bitrate=ENOUGH[divisor], rid=rid
    )
