"""`file:/path/clip.mp4?loop=1&size=1280x720&mark=ROOM`: a camera that sees a clip, at the clip's own pace."""

import time
from collections.abc import Iterator
from typing import Any, Self

from hardware.camera.mark import Mark, burn, source_id
from hardware.clip import Clip, clip_path
from hardware.planes import planes_of
from hardware.ports import DeviceError, VideoFrame
from hardware.uri import DeviceUri

_FPS = 25.0
_MOST_FPS = 120.0
_LATE_NS = 250_000_000
"""So long pictures are skipped to be on time again; a machine that is slower than that slows the clip."""
_BT709 = 1
_FULL_RANGE = 2


class ClipCamera:
    """Plays a clip as a camera would: a slow reader misses pictures, it does not slow the clip down."""

    simulated = True

    def __init__(self, uri: DeviceUri) -> None:
        uri.only("loop", "size", "mark")
        self._uri = uri
        self._loop = uri.flag("loop", default=True)
        self._size = uri.size()
        self._mark = source_id(uri.options["mark"]) if "mark" in uri.options else None
        self._count = 0
        self.dropped = 0
        self.name = f"Clip {uri.path.rpartition('/')[2]}"

    def __enter__(self) -> Self:
        self._clip = Clip(clip_path(self._uri), "video", loop=self._loop)
        self._period_ns = round(1e9 / _rate(self._clip.stream))
        self._pictures = self._clip.frames()
        self._due_ns = time.monotonic_ns()
        return self

    def __exit__(self, *_: object) -> None:
        self._clip.close()

    def has_signal(self) -> bool | None:
        return None

    def read(self, timeout_s: float) -> VideoFrame | None:
        wait_ns = self._due_ns - time.monotonic_ns()
        if wait_ns > 0:
            time.sleep(min(wait_ns / 1e9, timeout_s))
            if wait_ns > timeout_s * 1e9:
                return None
        return self._convert(self._newest(self._pictures))

    def _newest(self, pictures: Iterator[Any]) -> Any:
        """Return the picture that is due now. A fixed rate, because a clip's own time stamps jump where it loops."""
        picture, began_ns = next(pictures, None), time.monotonic_ns()
        self._due_ns += self._period_ns
        while picture is not None and self._due_ns < time.monotonic_ns():
            if time.monotonic_ns() - began_ns > _LATE_NS:
                self._due_ns = time.monotonic_ns()
                break
            picture = next(pictures, None)
            self._due_ns += self._period_ns
            self.dropped += 1
        if picture is None:
            raise DeviceError(f"{self._uri.path} is over; add ?loop=1 to play it again and again")
        return picture

    def _convert(self, picture: Any) -> VideoFrame:
        captured_ns = time.monotonic_ns()
        width, height = self._size or (picture.width // 2 * 2, picture.height // 2 * 2)
        bt709, full_range = picture.colorspace == _BT709, picture.color_range == _FULL_RANGE
        i420 = picture.reformat(width, height, "yuv420p")
        y, u, v = planes_of(i420)
        if self._mark is not None:
            # a decoder keeps its pictures to predict the next ones from: never draw into those
            y, u, v = y.copy(), u.copy(), v.copy()
            burn(y, u, v, Mark(self._mark, self._count & 0xFFFF))
            self._count += 1
        return VideoFrame(y, u, v, captured_ns, full_range, bt709)


def _rate(stream: Any) -> float:
    """Return a clip's pictures a second; some say what no camera does, such as the rate of their time stamps."""
    said = (float(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate)
    return next((rate for rate in said if 1.0 <= rate <= _MOST_FPS), _FPS)
