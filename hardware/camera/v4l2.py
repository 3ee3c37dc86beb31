"""`v4l2:SELECTOR?size=1280x720&fps=30&format=mjpeg`: a camera or an HDMI input, read from V4L2, decoded by FFmpeg.

Controls may be set as well, by V4L2's names: `v4l2:?power_line_frequency=50&focus_automatic_continuous=0`.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self, cast

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from hardware.camera.controls import NAMES as CONTROLS
from hardware.camera.controls import apply, wanted_value
from hardware.camera.formats import LARGEST, RAW, SMALLEST, Mode, carries, choose
from hardware.camera.formats import NAMES as FORMATS
from hardware.camera.newest import SLICE_S, Intake, refuse_too_many
from hardware.camera.node import VideoNode, in_words, usb_speed
from hardware.camera.picture import Converter, packed
from hardware.camera.stream import Layout, Stream, Taken
from hardware.choice import stand_ins
from hardware.identify import select
from hardware.ports import BadUri, DeviceError, DeviceMissing, Found, VideoFrame
from hardware.uri import DeviceUri

logger = logging.getLogger(__name__)
SIZE, FPS = (1280, 720), 30
_ASK_S = 0.5
"""How often an HDMI input's driver is asked whether something is plugged in."""
_PIXELS = {"YUYV": "yuyv422", "UYVY": "uyvy422", "NV12": "nv12", "YU12": "yuv420p"}
"""What FFmpeg calls the raw formats."""
_DECODERS = {"MJPG": "mjpeg", "H264": "h264"}
_WORDS = {"camera": "camera", "capture": "HDMI input"}
_MOST_MISSED = 1000
"""A driver that counts nonsense does not count for ever."""
_FRESH_NS = 2_000_000_000
"""A driver's time stamp that is further from now is of another clock."""


def enumerated() -> Sequence[Found]:
    """Return the devices that are there."""
    from hardware.hotplug.udev import enumerate_devices  # noqa: PLC0415 - pyudev, only where cameras are looked for

    return enumerate_devices()


@dataclass(frozen=True, slots=True)
class System:
    """What a camera stands on."""

    found: Callable[[], Sequence[Found]] = enumerated
    node: Callable[[str], VideoNode] = VideoNode
    speed: Callable[[str], float | None] = usb_speed


LINUX = System()


class V4l2Camera:
    """The newest picture of a video device, which is looked for each time: `/dev/video0` may be another one by then."""

    simulated = False
    kind = "camera"

    def __init__(self, uri: DeviceUri, system: System = LINUX) -> None:
        uri.only("size", "fps", "format", *sorted(CONTROLS))
        self._uri, self._system = uri, system
        self._size, self._fps = uri.size() or SIZE, uri.integer("fps", FPS, 1, 120)
        self._format = uri.options.get("format", "")
        if self._format and self._format not in FORMATS:
            raise BadUri(f"v4l2:{uri.path}: format={self._format} should be one of {', '.join(FORMATS)}")
        self._controls = {name: wanted_value(name, word) for name, word in uri.options.items() if name in CONTROLS}
        self._intake: Intake | None = None
        self._signal: bool | None = None
        self.name = f"{_WORDS[self.kind]} {uri.path}".rstrip()

    @property
    def dropped(self) -> int:
        return self._intake.newest.dropped if self._intake else 0

    def __enter__(self) -> Self:
        refuse_too_many(self.name)
        intake = self._intake = Intake(self.name, lambda stop: self._frames(intake, stop))
        self._signal = None
        intake.open()
        return self

    def __exit__(self, *_: object) -> None:
        if self._intake:
            self._intake.stop()

    def read(self, timeout_s: float) -> VideoFrame | None:
        if self._intake is None:
            raise DeviceError(f"{self.name} is not open")
        return self._intake.newest.take(timeout_s)

    def has_signal(self) -> bool | None:
        """Return False when its driver says that nothing is plugged into this input; None when it does not tell."""
        return self._signal

    def _frames(self, intake: Intake, stop: threading.Event) -> Generator[VideoFrame | None]:
        """Find, open, read and close; a picture that was lost is None. Each of it may hang with the driver."""
        found = chosen(self._uri, self._system, self.kind)
        self.name = intake.camera = found.name
        try:
            with self._system.node(found.node) as node:
                mode = self._mode(node, found)
                apply(node, self._controls, found.name)
            logger.debug("%s at %s: %s", found.name, found.node, mode)
            with Stream(self._system.node(found.node), mode, self._fps) as stream:
                decoder = Decoder(stream.layout)
                intake.opened()
                asks = self._signal_of(stream)
                while not stop.is_set():
                    self._signal = next(asks)
                    taken = stream.read(SLICE_S)
                    if taken is not None:
                        yield from [None] * min(taken.missed, _MOST_MISSED)
                        yield from decoder.frames(taken)
        except OSError as err:
            raise in_words(self.name, err) from err

    def _mode(self, node: VideoNode, found: Found) -> Mode:
        try:
            return choose(
                node.modes(self._size, self._fps),
                self._size,
                self._fps,
                bytes_s=carries(self._system.speed(found.node)),
                only=self._format,
            )
        except DeviceError as err:
            raise DeviceError(f"{found.name}: {err}") from err

    def _signal_of(self, stream: Stream) -> Iterator[bool | None]:
        """Yield the driver's word about the signal of an HDMI input, asked now and then; nobody asks a camera."""
        signal, asked_at = None, -math.inf
        while True:
            now = time.monotonic()
            if self.kind == "capture" and now - asked_at > _ASK_S:
                signal, asked_at = stream.has_signal(), now
            yield signal


class Decoder:
    """From what a camera sends to frames."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._raw = layout.format in RAW
        name = "rawvideo" if self._raw else _DECODERS[layout.format]
        self._codec = cast("VideoCodecContext", VideoCodecContext.create(name, "r"))
        # a second thread costs more than it saves, and a picture's time
        self._codec.thread_count = 1
        if self._raw:
            self._codec.width, self._codec.height = layout.width, layout.height
            self._codec.pix_fmt = _PIXELS[layout.format]
        self._converter = Converter(full_range=layout.full_range and self._raw, bt709=layout.bt709 and self._raw)

    def frames(self, taken: Taken) -> list[VideoFrame | None]:
        """Return the frames in what was sent, usually one; None for what cannot be decoded."""
        data = packed(taken.data, self._layout) if self._raw else taken.data
        if not data:
            # to FFmpeg, an empty packet is the end
            return [None]
        captured_ns = _monotonic_ns(taken.captured_ns)
        try:
            pictures = self._codec.decode(av.Packet(data))
        except FFmpegError:
            return [None]
        return [self._converter.frame(picture, captured_ns) if _is_sane(picture) else None for picture in pictures]


def _is_sane(picture: Any) -> bool:
    """Whether a picture is of a size that a camera has: JPEG may say anything of itself, one point or a gigabyte."""
    return all(SMALLEST <= side <= LARGEST for side in (picture.width, picture.height))


def present(uri: DeviceUri, system: System = LINUX, kind: str = "camera") -> bool:
    """Whether the device a URI names is plugged in now; opens nothing."""
    try:
        chosen(uri, system, kind)
    except DeviceMissing:
        return False
    return True


def chosen(uri: DeviceUri, system: System, kind: str) -> Found:
    """Return the device a URI names, or raise `DeviceMissing`; one of another kind is taken only where it is named."""
    found = [one for one in system.found() if one.kind in {"camera", "capture"}]
    fitting = [one for one in found if one.kind == kind]
    others = [one for one in found if one.kind != kind]
    one = select(uri.path, [*fitting, *stand_ins(uri.path, others, kind)])
    if one is None:
        what = _WORDS[kind]
        has = ", ".join(one.name for one in found) or "nothing"
        raise DeviceMissing(f"there is no {what} {uri.path}".rstrip() + f" (there is: {has}): plug the {what} in")
    return one


def _monotonic_ns(stamp_ns: int) -> int:
    """Return when a picture was taken: the driver's own stamp where it is of the monotonic clock."""
    now_ns = time.monotonic_ns()
    return stamp_ns if now_ns - _FRESH_NS < stamp_ns <= now_ns else now_ns
