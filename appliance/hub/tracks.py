"""One published stream, from its sender to everybody who wants it: whole frames pass through, untouched."""

import secrets
from collections.abc import Callable

from livekit.protocol import models

from appliance.media.rtc.frames import EncodedFrame
from appliance.media.rtc.media import MediaIn, MediaOut


class Forward:
    """One track on its way to one subscriber."""

    def __init__(self, track: "Track", out: MediaOut) -> None:
        self.track = track
        self.out = out
        self.held: set[str] = set()
        """Reasons not to forward it now: the subscriber does not look, or its network cannot bear it."""
        out.on_keyframe_request = track.request_keyframe

    def hold(self, reason: str, *, held: bool) -> bool:
        """Stop or go on for a reason; True when that changed it."""
        before = bool(self.held)
        (self.held.add if held else self.held.discard)(reason)
        if before and not self.held:
            self.out.source_changed()
        return before != bool(self.held)

    def send(self, frame: EncodedFrame) -> None:
        """Pass a frame on."""
        if not self.held:
            self.out.send(frame)


class Track:
    """A published microphone, camera or screen. It is shown to others when its first frame tells the codec."""

    def __init__(
        self,
        info: models.TrackInfo,
        *,
        names: frozenset[str],
        on_begin: Callable[["Track"], None],
        on_level: Callable[[int], None],
    ) -> None:
        self.info = info
        self.names = names
        """What its sender may call it in a session description."""
        self.codec: str | None = None
        self.media: MediaIn | None = None
        self.forwards: list[Forward] = []
        self.octets = 0
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

    def request_keyframe(self) -> None:
        """Ask the sender; the requests of all subscribers become one a second."""
        if self.media is not None:
            self.media.request_keyframe()

    def _received(self, frame: EncodedFrame) -> None:
        self.octets += len(frame.data)
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
