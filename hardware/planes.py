"""One plane of a picture as numpy sees it; apart from the ports, so that an idle room need not load numpy."""

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
