"""The camera's pictures to VP8, on the camera's own thread: one encode, whoever looks."""

from fractions import Fraction

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from appliance.media.rtc.frames import VIDEO_CLOCK, EncodedFrame
from hardware.planes import plane_of
from hardware.ports import DeviceError, VideoFrame

BITRATE = 1_500_000
_NO_KEYFRAME_BY_ITSELF = 3000


class Vp8Encoder:
    """Real-time VP8; adapts to the size of what it is given."""

    def __init__(self, *, fps: int = 30, bitrate: int = BITRATE) -> None:
        self._fps, self._bitrate = fps, bitrate
        self._codec: VideoCodecContext | None = None
        self._last_pts = -1

    def encode(self, frame: VideoFrame, *, keyframe: bool = False) -> EncodedFrame | None:
        """Encode one picture; None when the encoder chose to skip it to hold its rate.

        Raise `DeviceError` for pictures that the encoder does not take: then the camera is of no use.
        """
        picture = _picture(frame)
        timestamp = frame.captured_ns * VIDEO_CLOCK // 1_000_000_000
        # two pictures within one tick of the clock would be refused
        self._last_pts = picture.pts = max(timestamp, self._last_pts + 1)
        if keyframe:
            picture.pict_type = PictureType.I
        try:
            packets = self._codec_for(frame).encode(picture)
        except FFmpegError as err:
            size = f"{frame.width}x{frame.height}"
            raise DeviceError(f"The camera's picture of {size} cannot be encoded ({err.strerror}).") from err
        if not packets:
            return None
        data = b"".join(bytes(packet) for packet in packets)
        return EncodedFrame("VP8", timestamp & 0xFFFFFFFF, VIDEO_CLOCK, data, keyframe=packets[0].is_keyframe)

    def _codec_for(self, frame: VideoFrame) -> VideoCodecContext:
        codec = self._codec
        if codec is None or (codec.width, codec.height) != (frame.width, frame.height):
            codec = self._codec = _codec(frame.width, frame.height, fps=self._fps, bitrate=self._bitrate)
        return codec


def _codec(width: int, height: int, *, fps: int, bitrate: int) -> VideoCodecContext:
    codec = VideoCodecContext.create("libvpx", "w")
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.time_base, codec.framerate = Fraction(1, VIDEO_CLOCK), Fraction(fps)
    codec.bit_rate, codec.gop_size = bitrate, _NO_KEYFRAME_BY_ITSELF
    codec.qmin, codec.qmax = 2, 56
    # two threads of libvpx on a busy machine spin for each other
    codec.thread_count = 1
    codec.options = {
        "deadline": "realtime",
        "cpu-used": "-10",
        "lag-in-frames": "0",
        # equal rates and a buffer of one second: constant bit rate
        "minrate": str(bitrate),
        "maxrate": str(bitrate),
        "bufsize": str(bitrate),
        "undershoot-pct": "100",
        "overshoot-pct": "15",
        "noise-sensitivity": "0",
        "static-thresh": "1",
        # a key frame may be at most three ordinary ones large, or it holds up the line
        "max-intra-rate": "300",
    }
    return codec


def _picture(frame: VideoFrame) -> av.VideoFrame:
    picture = av.VideoFrame(frame.width, frame.height, "yuv420p")
    for index, plane in enumerate((frame.y, frame.u, frame.v)):
        plane_of(picture, index)[:] = plane
    return picture
