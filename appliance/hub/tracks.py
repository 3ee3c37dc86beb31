"""One published stream, from its sender to everybody who wants it: whole frames pass through, untouched."""

import secrets
import time
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

from livekit.protocol import models, rtc

from appliance.hub.layers import QUALITIES, Layers, Step
from appliance.media.rtc.frames import EncodedFrame
from appliance.media.rtc.media import MediaIn, MediaOut

_CODEC_S = 5.0


class Forward:
    """One track on its way to one subscriber, one of its layers at a time."""

    def __init__(self, track: "Track", out: MediaOut) -> None:
        self.track = track
        self.out = out
        self.held: set[str] = set()
        """Reasons not to forward it now: the subscriber does not look, or its network cannot bear it."""
        self.layer: str | None = None
        """The layer that is forwarded; None before the first frame."""
        self._next: str | None = None
        """The layer to go over to with its next key frame."""
        self._sent = 0
        out.on_keyframe_request = self._starved

    @property
    def needs(self) -> AbstractSet[str]:
        """The layers it is on or goes over to; before its first frame any would do, and the first to come is best."""
        if self.held:
            return frozenset()
        if self.layer is None:
            return self.track.layers.names
        return frozenset(layer for layer in (self.layer, self._next) if layer is not None)

    @property
    def watched(self) -> bool:
        """Whether the subscriber looks."""
        return "unwatched" not in self.held

    def hold(self, reason: str, *, held: bool) -> bool:
        """Stop or go on for a reason; True when that changed it."""
        before = bool(self.held)
        (self.held.add if held else self.held.discard)(reason)
        if before != bool(self.held):
            self.track.look_at_needs()
        if before and not self.held:
            self.out.source_changed()
        return before != bool(self.held)

    def take_layer(self, layer: str) -> None:
        """Go over to another layer as soon as a picture can begin there; until then the old one goes on."""
        self._next = layer if layer != self.layer else None
        self.track.look_at_needs()
        if self._next is not None and not self.held:
            self.track.request_keyframe(self._next)

    def send(self, frame: EncodedFrame) -> None:
        """Pass a frame on."""
        if self.held:
            return
        if self.layer is None or (frame.layer == self._next and frame.keyframe):
            if self.layer is not None:
                self.out.source_changed(at_keyframe=True)
            self.layer, self._next = frame.layer, None
        if frame.layer == self.layer:
            self.out.send(frame)

    def went_on(self) -> bool:
        """Whether anything of it was sent since this was last asked."""
        before, self._sent = self._sent, self.out.stats().frames
        return self._sent != before

    def _starved(self) -> None:
        # one key frame serves both: the one who lacks a picture, and the change of layers
        layer = self._next if self._next is not None else self.layer
        self.track.request_keyframe(layer)


class Track:
    """A published microphone, camera or screen. It is shown to others when its first frame tells the codec."""

    def __init__(
        self,
        info: models.TrackInfo,
        *,
        names: frozenset[str],
        layers: Iterable[models.VideoLayer] = (),
        on_begin: Callable[["Track"], None],
        on_level: Callable[[int], None],
        on_wanted: Callable[[rtc.SubscribedQualityUpdate], None],
    ) -> None:
        """`on_wanted` hears which layers the sender should send, whenever that changes."""
        self.info = info
        self.names = names
        """What its sender may call it in a session description."""
        self.codec: str | None = None
        self._codec_at = float("-inf")
        self.media: MediaIn | None = None
        self.forwards: list[Forward] = []
        self.layers = Layers(layers, info.height)
        self._on_begin = on_begin
        self._on_level = on_level
        self._on_wanted = on_wanted

    @property
    def sid(self) -> str:
        """The id that all clients use."""
        return str(self.info.sid)

    @property
    def kind(self) -> str:
        """video or audio."""
        return "audio" if self.info.type == models.TrackType.AUDIO else "video"

    @property
    def is_screen(self) -> bool:
        """Whether it shows a screen, which matters most when not everything fits."""
        return self.info.source == models.TrackSource.SCREEN_SHARE

    def bind(self, media: MediaIn) -> None:
        """Begin to carry what arrives."""
        self.media = media
        self.info.mid = media.mid
        media.on_frame = self._received

    def steps(self, now: float) -> tuple[Step, ...]:
        """Return the layers that can be forwarded, from the smallest."""
        return self.layers.steps(now)

    def add(self, forward: Forward) -> None:
        """Forward to one more subscriber."""
        self.forwards.append(forward)
        self.look_at_needs()

    def remove(self, forward: Forward) -> None:
        """Forward to one subscriber less."""
        self.forwards = [other for other in self.forwards if other is not forward]

    def look_at_needs(self) -> None:
        """Have layers sent as soon as somebody needs them, and no more when nobody has for a while."""
        if self.kind != "video" or self.media is None:
            return
        needed = {layer for forward in self.forwards for layer in forward.needs}
        if self.layers.need(needed, time.monotonic()):
            self._on_wanted(_quality_update(self.sid, self.codec or "", self.layers.wanted))
        # else the sender would be asked every second for what it must not send
        for layer in self.layers.paused:
            self.media.forget_keyframe(layer)

    def request_keyframe(self, layer: str | None = None) -> None:
        """Ask the sender, for all layers if it is not said which; requests of all subscribers become one a second."""
        if self.media is None:
            return
        names = (self.layers.names or {""}) if layer is None else {layer}
        for name in names - self.layers.paused:
            self.media.request_keyframe(name)

    def _received(self, frame: EncodedFrame) -> None:
        now = time.monotonic()
        if frame.codec != self.codec and not self._take_codec(frame.codec, now):
            return
        self.layers.count(frame.layer, len(frame.data), now)
        if frame.level is not None:
            self._on_level(frame.level)
        for forward in self.forwards:
            forward.send(frame)

    def _take_codec(self, codec: str, now: float) -> bool:
        """Go over to another codec, unless the last change is too fresh: each is negotiated with everybody."""
        if now - self._codec_at < _CODEC_S:
            return False
        self.codec, self._codec_at = codec, now
        self.info.mime_type = f"{self.kind}/{codec}"
        self._on_begin(self)
        return True


def _quality_update(sid: str, codec: str, wanted: Iterable[bool]) -> rtc.SubscribedQualityUpdate:
    by_quality = zip(QUALITIES.values(), wanted, strict=True)
    qualities = [rtc.SubscribedQuality(quality=quality, enabled=on) for quality, on in by_quality]
    codecs = [rtc.SubscribedCodec(codec=codec.lower(), qualities=qualities)]
    return rtc.SubscribedQualityUpdate(track_sid=sid, subscribed_qualities=qualities, subscribed_codecs=codecs)


def new_sid(prefix: str) -> str:
    """Make an id as LiveKit's clients expect them."""
    return f"{prefix}_{secrets.token_hex(6)}"
