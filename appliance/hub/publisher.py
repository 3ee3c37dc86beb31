"""What one participant sends to the hub: its tracks, its data, and the peer connection they come by."""

from collections.abc import Callable, Sequence
from functools import partial

from livekit.protocol import models, rtc

from appliance.hub.tracks import Track, new_sid
from appliance.media.rtc.channels import Channel
from appliance.media.rtc.media import MediaIn
from appliance.media.rtc.peer import Peer

_MAX_TRACKS = 8
_MAX_SIDE = 16_384
_CHANNELS = {"_reliable": True, "_lossy": False}


class Publisher:
    """The publishing side of one participant; its peer connection begins with the first offer."""

    def __init__(
        self,
        *,
        name: str,
        addresses: Callable[[], Sequence[str]],
        on_change: Callable[[], None],
        on_level: Callable[[int], None],
        on_data: Callable[[bytes, bool], None],
        on_state: Callable[[str], None],
        on_wanted: Callable[[rtc.SubscribedQualityUpdate], None],
    ) -> None:
        self.tracks: dict[str, Track] = {}
        """Everything announced, by sid; only those with a codec are shown to others."""
        self._on_change = on_change
        self._on_level = on_level
        self._on_data = on_data
        self._on_wanted = on_wanted
        self._make_peer = partial(
            Peer,
            name=f"{name} publisher",
            addresses=addresses,
            on_state=on_state,
            on_media=self._arrived,
            on_channel=self._opened,
        )
        self._peer: Peer | None = None

    @property
    def shown(self) -> list[Track]:
        """The tracks that others can receive."""
        return [track for track in self.tracks.values() if track.codec is not None]

    def announce(self, request: rtc.AddTrackRequest) -> Track | None:
        """Take an announcement of a track; None when there are too many, or it makes no sense."""
        if request.type not in {models.TrackType.AUDIO, models.TrackType.VIDEO} or not request.cid:
            return None
        if len(self.tracks) >= _MAX_TRACKS:
            return None
        info = models.TrackInfo(
            sid=new_sid("TR"),
            type=request.type,
            source=request.source,
            name=request.name[:64],
            muted=request.muted,
            width=min(request.width, _MAX_SIDE),
            height=min(request.height, _MAX_SIDE),
            stereo=request.stereo,
            stream=request.stream[:64],
            disable_dtx=request.disable_dtx,
            disable_red=True,
        )
        track = Track(
            info,
            names=cids(request) - {""},
            layers=request.layers,
            on_begin=self._began,
            on_level=self._on_level,
            on_wanted=self._on_wanted,
        )
        self.tracks[track.sid] = track
        return track

    def set_muted(self, sid: str, *, muted: bool) -> bool:
        """Note that a track was muted or not; False if there is none of that name."""
        track = self.tracks.get(sid)
        if track is None:
            return False
        if track.info.muted != muted:
            track.info.muted = muted
            if not muted:
                track.request_keyframe()
            self._on_change()
        return True

    def look_at_needs(self) -> None:
        """Have nothing sent that nobody has needed for a while."""
        for track in self.shown:
            track.look_at_needs()

    async def answer(self, offer: str) -> str:
        """Answer an offer; whatever it carries arrives from then on."""
        return await self._the_peer().accept_offer(offer)

    async def add_candidate(self, candidate: str) -> None:
        """Take a trickled candidate."""
        await self._the_peer().add_candidate(candidate)

    async def close(self) -> None:
        """End everything."""
        if self._peer is not None:
            await self._peer.close()

    def _the_peer(self) -> Peer:
        if self._peer is None:
            self._peer = self._make_peer()
        return self._peer

    def _arrived(self, media: MediaIn) -> None:
        track = self._announced(media)
        if track is not None:
            track.bind(media)
            media.on_end = partial(self._ended, track.sid)

    def _announced(self, media: MediaIn) -> Track | None:
        """Find what was announced for an m-line: by its msid, else the only one of its kind that waits."""
        waiting = [t for t in self.tracks.values() if t.media is None and t.kind == media.kind]
        named = [t for t in waiting if media.track_id in t.names or media.stream_id in t.names]
        if named:
            return named[0]
        return waiting[0] if len(waiting) == 1 else None

    def _began(self, track: Track) -> None:
        if track.sid in self.tracks:
            self._on_change()

    def _ended(self, sid: str) -> None:
        if self.tracks.pop(sid, None) is not None:
            self._on_change()

    def _opened(self, channel: Channel) -> None:
        reliable = _CHANNELS.get(channel.label)
        if reliable is not None:
            channel.on_message = lambda data: self._on_data(data, reliable)


def cids(request: rtc.AddTrackRequest) -> frozenset[str]:
    """Return what the sender may call the track in its session descriptions."""
    return frozenset({request.cid, *(codec.cid for codec in request.simulcast_codecs[:4])})
