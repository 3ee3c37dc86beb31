"""Where faces are in the camera's picture, now and then: OpenCV's YuNet, and no more of the processor than it is given.

It finds faces, it knows nobody; nothing of it leaves the room or is kept.
"""

import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.media.framing import Face
from hardware.ports import VideoFrame

if TYPE_CHECKING:
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

MODEL = Path(__file__).parent / "models" / "face_detection_yunet_2023mar.onnx"
WIDTH = 480
"""Of the picture that is searched. A face must be some 13 pixels high in it: with a lens of 70 degrees, 5 m away."""
_LEAST_APART_S = 0.5
SHARE = 0.03
"""Of one core, at most."""
_SURE, _OVERLAP, _MOST = 0.7, 0.3, 50


class FaceFinder:
    """Searches pictures at most twice a second. One thread uses it."""

    def __init__(
        self,
        *,
        width: int = WIDTH,
        share: float = SHARE,
        model: Path = MODEL,
        clock: Callable[[], float] = time.thread_time,
    ) -> None:
        """`share` is how much of one core it may take; `clock` measures what a search costs this thread, in seconds."""
        self._width, self._share, self._model, self._clock = width // 2 * 2, share, model, clock
        self._due = -math.inf
        self._detector: Any = None

    def look(self, frame: VideoFrame, now: float) -> tuple[Face, ...] | None:
        """Return the faces in a picture; None when it is too soon to search again."""
        if now < self._due:
            return None
        begun = self._clock()
        faces = self._find(frame)
        if faces is None:
            self._due = math.inf
            return ()
        self._due = now + max(_LEAST_APART_S, (self._clock() - begun) / self._share)
        return faces

    def _find(self, frame: VideoFrame) -> tuple[Face, ...] | None:
        """Search a picture; None when that will never work. The camera goes on without."""
        try:
            import cv2  # noqa: PLC0415 - 16 MB that a room without framing does not need
        except ImportError:
            logger.warning("no faces are looked for: OpenCV is missing, which comes with salon[display]")
            return None
        try:
            return self._detected(_small_bgr(frame, self._width))
        except cv2.error as err:
            logger.warning("no faces are looked for: OpenCV does not take the model or the picture (%s)", err.err)
            return None

    def _detected(self, small: "NDArray[Any]") -> tuple[Face, ...]:
        height, width = small.shape[:2]
        if self._detector is None:
            self._detector = _detector(self._model, (width, height))
        self._detector.setInputSize((width, height))
        _, found = self._detector.detect(small)
        rows = [] if found is None else [[float(number) for number in row[:4]] for row in found]
        return tuple(Face((x + w / 2) / width, (y + h / 2) / height, w / width, h / height) for x, y, w, h in rows)


def _detector(model: Path, size: tuple[int, int]) -> Any:
    import cv2  # noqa: PLC0415

    cv2.setNumThreads(1)
    # OpenCV 5 complains of its own defaults each time a model is opened
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    return cv2.FaceDetectorYN.create(str(model), "", size, _SURE, _OVERLAP, _MOST)


def _small_bgr(frame: VideoFrame, width: int) -> "NDArray[Any]":
    """Return a small picture as the model was taught to see: blue, green, red."""
    import cv2  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    height = max(round(frame.height * width / frame.width / 2) * 2, 2)
    small = np.empty((height * 3 // 2, width), np.uint8)
    cv2.resize(frame.y, (width, height), dst=small[:height], interpolation=cv2.INTER_AREA)
    chroma = small[height:].reshape(2, height // 2, width // 2)
    for plane, to in zip((frame.u, frame.v), chroma, strict=True):
        cv2.resize(plane, (width // 2, height // 2), dst=to, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_YUV2BGR_I420)
