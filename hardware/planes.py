"""One plane of a picture as numpy sees it; apart from the ports, so that an idle room need not load numpy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]


def plane_of(picture: Any, index: int) -> Plane:
    """Return a plane of a PyAV picture, without copying and without the padding of its rows."""
    plane = picture.planes[index]
    rows: Plane = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]
