"""The camera's picture in the sizes that the ladder allows: one encode each, whoever looks at it."""

from collections.abc import Set as AbstractSet
from dataclasses import replace
from fractions import Fraction

from av.video.reformatter import Interpolation, VideoReformatter

from appliance.media.encode import VideoEncoder, encoder_for, picture_of
from appliance.media.ladder import Ladder, Layer
from appliance.media.rtc.frames import EncodedFrame
from hardware.planes import planes_of
from hardware.ports import VideoFrame

RIDS = {4: "q", 2: "h", 1: "f"}
"""Names of simulcast layers by what their size is divided by, as LiveKit's clients have them."""
_EARLY = Fraction(1, 4)
"""Of a frame's time: cameras are not exact."""


class LayeredEncoder:
    """The encoders of one camera and one codec."""

    def __init__(self, codec: str, *, simulcast: bool = False) -> None:
        self.codec, self.simulcast = codec, simulcast
        self._ladder = Ladder(simulcast=simulcast)
        self._encoders: dict[str, VideoEncoder] = {}
        self._due_ns: dict[str, int] = {}
        self._scaler = VideoReformatter()

    def encode(
        self, frame: VideoFrame, *, budget: int, keyframe: bool, wanted: AbstractSet[str] | None = None
    ) -> list[EncodedFrame]:
        """Return the picture of each layer that is wanted, due, and fits into `budget` bits per second.

        `wanted` are the names of the simulcast layers that somebody receives; None for all. A stream of one layer is
        sent when anything is wanted.
        """
        layers = self._layers(frame, budget, wanted)
        names = {self._name(layer) for layer in layers}
        # a layer that comes back begins anew: nobody has what its old encoder refers to
        self._encoders = {name: encoder for name, encoder in self._encoders.items() if name in names}
        encoded = (self._encode(frame, layer, keyframe=keyframe) for layer in layers if self._is_due(frame, layer))
        return [one for one in encoded if one is not None]

    def _layers(self, frame: VideoFrame, budget: int, wanted: AbstractSet[str] | None) -> tuple[Layer, ...]:
        if wanted is None:
            return self._ladder.layers(budget, frame.captured_ns / 1e9)
        if not wanted:
            return ()
        divisors = frozenset(divisor for divisor, rid in RIDS.items() if rid in wanted)
        return self._ladder.layers(budget, frame.captured_ns / 1e9, divisors)

    def _encode(self, frame: VideoFrame, layer: Layer, *, keyframe: bool) -> EncodedFrame | None:
        name = self._name(layer)
        encoder = self._encoders.get(name)
        if encoder is None:
            encoder = self._encoders[name] = encoder_for(self.codec, bitrate=layer.bitrate)
        encoder.set_bitrate(layer.bitrate)
        encoded = encoder.encode(self._scaled(frame, layer.divisor), keyframe=keyframe)
        return None if encoded is None else encoded._replace(layer=name)

    def _name(self, layer: Layer) -> str:
        return RIDS[layer.place] if self.simulcast else ""

    def _is_due(self, frame: VideoFrame, layer: Layer) -> bool:
        name, interval = self._name(layer), 1_000_000_000 // layer.fps
        due = self._due_ns.get(name, 0)
        if frame.captured_ns < due - interval * _EARLY:
            return False
        # keep the beat, unless the camera paused or is slower than that
        self._due_ns[name] = max(due, frame.captured_ns - interval) + interval
        return True

    def _scaled(self, frame: VideoFrame, divisor: int) -> VideoFrame:
        if divisor == 1:
            return frame
        width, height = (max(side // divisor // 2 * 2, 2) for side in (frame.width, frame.height))
        small = self._scaler.reformat(
            picture_of(frame), width, height, "yuv420p", interpolation=Interpolation.AREA, threads=1
        )
        y, u, v = planes_of(small)
        return replace(frame, y=y, u=u, v=v)
