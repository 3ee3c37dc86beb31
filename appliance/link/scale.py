"""A plane of a picture in another size, drawn straight to where it is wanted: both ends of the frame ring need it."""

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]


def scale(plane: Plane, to: Plane) -> None:
    """Draw `plane` into all of `to`, on this thread alone."""
    import cv2  # noqa: PLC0415 - 16 MB that an idle room does not need

    # OpenCV's own threads would fight with those that decode and compose
    cv2.setNumThreads(1)
    # bilinear aliases below half the size
    halved = plane.shape[0] >= 2 * to.shape[0]
    smooth = cv2.INTER_AREA if halved else cv2.INTER_LINEAR
    cv2.resize(plane, (to.shape[1], to.shape[0]), dst=to, interpolation=smooth)
