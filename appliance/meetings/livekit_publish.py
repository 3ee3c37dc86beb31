"""The room's own microphone and camera in a LiveKit room: announced, offered, and kept honest about being muted."""

import asyncio
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
_QUALITY = {"q": models.VideoQuality.LOW, "h": models.VideoQuality.MEDIUM, "f": models.VideoQuality.HIGH}


class Publisher:
    """Announces both streams at once, for the whole meeting; mute and camera off are told, not renegotiated."""

    def __init__(self, peer: Peer, post: Callable[[rtc.SignalRequest], None], muted: Mapping[Slot, bool]) -> None:
        self._peer, self._post, self._muted = peer, post, muted
        self._outs: dict[Slot, MediaOut] = {}
        self._sids: dict[Slot, str] = {}
        self._told: dict[Slot, bool] = {}
        self._all_announced = asyncio.Event()
        self.allowed = True
        self.codec = "VP8"
        """What the camera is published as."""

    def choose_codec(self, enabled: Iterable[models.Codec]) -> None:
        """Take H.264 where server and room have it: most receivers decode it in hardware."""
        if any(codec.mime.lower() == "video/h264" for codec in enabled):
            self.codec = "H264"

    async def run(self) -> None:
        """Announce both streams and offer those the server took."""
        if not self.allowed:
            return
        self._outs = {
            Slot.MICROPHONE: self._peer.add_out("audio", "opus", stream_id=_STREAM, track_id="salon-microphone"),
            Slot.CAMERA: self._peer.add_out(
                "video", self.codec, stream_id=_STREAM, track_id="salon-camera", layers=tuple(RIDS.values())
            ),
        }
        for slot, out in self._outs.items():
            self._told[slot] = self._muted[slot]
            self._post(rtc.SignalRequest(add_track=_announcement(slot, out, muted=self._muted[slot])))
        try:
            async with asyncio.timeout(_ANNOUNCE_S):
                await self._all_announced.wait()
        except TimeoutError:
            # a server may forbid one kind of stream; the other is still wanted
            pass
        for slot in self._outs.keys() - self._sids.keys():
            self._peer.remove_out(self._outs.pop(slot))
        if self._outs:
            offer = rtc.SessionDescription(type="offer", sdp=await self._peer.offer())
            self._post(rtc.SignalRequest(offer=offer))

    def published(self, response: rtc.TrackPublishedResponse) -> None:
        """Take the server's word that it knows one of our streams."""
        for slot, out in self._outs.items():
            if out.track_id == response.cid:
                self._sids[slot] = response.track.sid
        if self._sids.keys() == self._outs.keys():
            self._all_announced.set()
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
        """Return what may be sent now that the server has answered our offer."""
        return list(self._outs.items())

    def tell_muted(self) -> None:
        """Tell the server what changed."""
        for slot, sid in self._sids.items():
            if self._told.get(slot) != self._muted[slot]:
                self._told[slot] = self._muted[slot]
                self._post(rtc.SignalRequest(mute=rtc.MuteTrackRequest(sid=sid, muted=self._muted[slot])))


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
