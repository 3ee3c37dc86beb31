"""Pictures to H.264 or VP8 at a rate that changes in place: one encode of a size, however many look at it.

Neither encoder is ever made anew for another rate: that would cost a key frame each time, just when there is no room.
"""

from abc import ABC, abstractmethod
from fractions import Fraction
from typing import Protocol, cast

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from appliance.media.rtc.frames import VIDEO_CLOCK, EncodedFrame
from hardware.planes import planes_of
from hardware.ports import DeviceError, VideoFrame

START = 600_000
MOST = 2_500_000
"""No encoder is asked for more: a good 720p30."""
LEAST = 30_000
_NO_KEYFRAME_BY_ITSELF = 3000
_FPS = 30
_INTERVAL = VIDEO_CLOCK // _FPS
_LONGEST = 2
"""Intervals."""
_CHANGE = 0.05
_CLIMB = 1.05
"""Per picture. libvpx spends what it suddenly has on one huge picture."""
_BUFFER_S = 0.12
"""Seconds at the highest rate: four frames. Twice as much lets x264 begin with a picture of half a second, half as much
costs 0.4 dB."""


class VideoEncoder(Protocol):
    """One codec; adapts to the size of what it is given, and then begins with a key frame."""

    codec: str

    def encode(self, frame: VideoFrame, *, keyframe: bool = False) -> EncodedFrame | None:
        """Encode one picture; None when the encoder chose to skip it to hold its rate.

        Raise `DeviceError` for pictures that the encoder does not take: then the camera is of no use.
        """

    def set_bitrate(self, bitrate: int) -> None:
        """Hold this rate from the next picture on, whatever the camera's frame rate is."""


def encoder_for(codec: str, *, bitrate: int = START) -> VideoEncoder:
    """Make the encoder of a codec, H264 or VP8."""
    return H264Encoder(bitrate=bitrate) if codec == "H264" else Vp8Encoder(bitrate=bitrate)


class _Encoder(ABC):
    """What both have in common: an FFmpeg context for each size, and RTP's clock."""

    codec = ""

    def __init__(self, *, bitrate: int = START) -> None:
        self._bitrate = bitrate
        self._context: VideoCodecContext | None = None
        self._timestamp: int | None = None
        self._interval = float(_INTERVAL)
        """Between pictures, as of late."""

    def encode(self, frame: VideoFrame, *, keyframe: bool = False) -> EncodedFrame | None:
        timestamp = frame.captured_ns * VIDEO_CLOCK // 1_000_000_000
        elapsed = self._interval if self._timestamp is None else timestamp - self._timestamp
        self._timestamp = timestamp
        # a pause of the camera earns no bits
        elapsed = min(max(elapsed, 1), _LONGEST * self._interval)
        self._interval = min(self._interval + (elapsed - self._interval) / 8, VIDEO_CLOCK)
        context = self._context
        if context is None or (context.width, context.height) != (frame.width, frame.height):
            context = self._context = self._open(frame.width, frame.height)
        picture = picture_of(frame)
        self._time(picture, elapsed)
        if keyframe:
            picture.pict_type = PictureType.I
        try:
            packets = context.encode(picture)
        except FFmpegError as err:
            size = f"{frame.width}x{frame.height}"
            raise DeviceError(f"The camera's picture of {size} cannot be encoded ({err.strerror}).") from err
        if not packets:
            return None
        data = b"".join(bytes(packet) for packet in packets)
        return EncodedFrame(self.codec, timestamp & 0xFFFFFFFF, VIDEO_CLOCK, data, keyframe=packets[0].is_keyframe)

    def set_bitrate(self, bitrate: int) -> None:
        self._bitrate = min(max(bitrate, LEAST), MOST)

    @abstractmethod
    def _open(self, width: int, height: int) -> VideoCodecContext:
        """Open the codec for pictures of a size."""

    @abstractmethod
    def _time(self, picture: av.VideoFrame, elapsed: float) -> None:
        """Say when the picture is, and how many bits it may have."""


class H264Encoder(_Encoder):
    """x264: constrained baseline, no B frames, parameter sets with every key frame."""

    codec = "H264"

    def __init__(self, *, bitrate: int = START) -> None:
        super().__init__(bitrate=bitrate)
        self._frames = 0
        self._applied = 0.0

    def _open(self, width: int, height: int) -> VideoCodecContext:
        self._applied = 0.0
        return h264_context(width, height)

    def _time(self, picture: av.VideoFrame, elapsed: float) -> None:  # noqa: ARG002 - for x264 time does not pass
        # for x264 every picture is a thirtieth of a second, so a slow camera's are worth more bits
        self._frames += 1
        picture.pts = self._frames * _INTERVAL
        wanted = min(self._bitrate * self._interval / _INTERVAL, MOST)
        if self._context is not None and abs(wanted - self._applied) > _CHANGE * self._applied:
            # FFmpeg passes it on to the running encoder, as long as it stays below the rate that it was opened with
            self._context.bit_rate = int(wanted)
            self._applied = wanted


class Vp8Encoder(_Encoder):
    """libvpx. FFmpeg passes no new rate on to it, so its clock runs slower instead: fewer seconds, fewer bits."""

    codec = "VP8"

    def __init__(self, *, bitrate: int = START) -> None:
        super().__init__(bitrate=bitrate)
        self._clock = 0.0
        self._held = bitrate
        """The rate it knows of."""

    def _open(self, width: int, height: int) -> VideoCodecContext:
        self._clock = 0.0
        return vp8_context(width, height)

    def _time(self, picture: av.VideoFrame, elapsed: float) -> None:
        # two pictures within one tick of the clock would be refused
        self._held = int(min(self._bitrate, self._held * _CLIMB))
        step = max(elapsed * self._held / MOST, 1.0)
        picture.pts, picture.duration = round(self._clock), max(round(step), 1)
        self._clock += step


def h264_context(width: int, height: int, *, preset: str = "superfast", threads: int = 1) -> VideoCodecContext:
    """Open x264 at the highest rate; `bit_rate` then says what it shall be."""
    context = _context("libx264", width, height, threads)
    context.options = {
        "preset": preset,
        "tune": "zerolatency",
        "profile": "baseline",
        # a picture that was asked for shall be one to begin with
        "forced-idr": "1",
        # and no other is
        "sc_threshold": "0",
        "maxrate": str(MOST),
        "bufsize": str(int(MOST * _BUFFER_S)),
    }
    context.open()
    return context


def vp8_context(width: int, height: int, *, cpu_used: int = -12) -> VideoCodecContext:
    """Make libvpx's context at the highest rate."""
    context = _context("libvpx", width, height, 1)
    context.qmin, context.qmax = 2, 56
    context.options = {
        "deadline": "realtime",
        "cpu-used": str(cpu_used),
        "lag-in-frames": "0",
        # equal rates and a buffer of one second: constant bit rate
        "minrate": str(MOST),
        "maxrate": str(MOST),
        "bufsize": str(MOST),
        # or the first picture takes half of the buffer
        "rc_init_occupancy": str(MOST // 10),
        "undershoot-pct": "100",
        "overshoot-pct": "15",
        "noise-sensitivity": "0",
        "static-thresh": "1",
        # a key frame may be at most three ordinary ones large, or it holds up the line
        "max-intra-rate": "300",
    }
    return context


def _context(name: str, width: int, height: int, threads: int) -> VideoCodecContext:
    context = cast("VideoCodecContext", VideoCodecContext.create(name, "w"))
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, VIDEO_CLOCK), Fraction(_FPS)
    context.bit_rate, context.gop_size = MOST, _NO_KEYFRAME_BY_ITSELF
    # more threads on a busy machine spin for each other
    context.thread_count = threads
    return context


def picture_of(frame: VideoFrame) -> av.VideoFrame:
    """Return the frame as FFmpeg has it."""
    picture = av.VideoFrame(frame.width, frame.height, "yuv420p")
    for rows, plane in zip(planes_of(picture), (frame.y, frame.u, frame.v), strict=True):
        rows[:] = plane
    return picture
