"""One published stream, from its sender to everybody who wants it: whole frames pass through, untouched."""

import secrets
import time
from collections.abc import Callable, Iterable

from livekit.protocol import models

from appliance.hub.layers import Layers, Step
from appliance.media.rtc.frames import EncodedFrame
from appliance.media.rtc.media import MediaIn, MediaOut


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
        out.on_keyframe_request = self._starved

    def hold(self, reason: str, *, held: bool) -> bool:
        """Stop or go on for a reason; True when that changed it."""
        before = bool(self.held)
        (self.held.add if held else self.held.discard)(reason)
        if before and not self.held:
            self.out.source_changed()
        return before != bool(self.held)

    def take_layer(self, layer: str) -> None:
        """Go over to another layer as soon as a picture can begin there; until then the old one goes on."""
        self._next = layer if layer != self.layer else None
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
    ) -> None:
        self.info = info
        self.names = names
        """What its sender may call it in a session description."""
        self.codec: str | None = None
        self.media: MediaIn | None = None
        self.forwards: list[Forward] = []
        self._layers = Layers(layers, info.height)
        self._on_begin = on_begin
        self._on_level = on_level

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
        """Return the layers that come at present, from the smallest."""
        return self._layers.steps(now)

    def request_keyframe(self, layer: str | None = None) -> None:
        """Ask the sender, for all layers if it is not said which; requests of all subscribers become one a second."""
        if self.media is None:
            return
        names = [step.name for step in self.steps(time.monotonic())] if layer is None else [layer]
        for name in names or [""]:
            self.media.request_keyframe(name)

    def _received(self, frame: EncodedFrame) -> None:
        self._layers.count(frame.layer, len(frame.data), time.monotonic())
        if frame.codec != self.codec:
            self.codec = frame.codec
            self.info.mime_type = f"{self.kind}/{frame.codec}"
            self._on_begin(self)
        if frame.level is not None:
            self._on_level(frame.level)
        for forward in self.forwards:
            forward.send(frame)


def new_sid(prefix: str) -> str:
    """Make an id as LiveKit's clients expect them."""
    return f"{prefix}_{secrets.token_hex(6)}"
