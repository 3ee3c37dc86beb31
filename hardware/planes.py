"""One plane of a picture as numpy sees it; apart from the ports, so that an idle room need not load numpy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]


def plane_of(picture: Any, index: int) -> Plane:
    """Return a plane of a PyAV picture, without copying and without the padding of its rows."""
    return _rows(picture.planes[index])


def planes_of(picture: Any) -> tuple[Plane, Plane, Plane]:
    """Return the three planes of a PyAV picture in I420: it makes all of them whenever one is asked for."""
    y, u, v = picture.planes
    return _rows(y), _rows(u), _rows(v)


def _rows(plane: Any) -> Plane:
    return np.ndarray((plane.height, plane.width), np.uint8, plane, strides=(plane.line_size, 1))
