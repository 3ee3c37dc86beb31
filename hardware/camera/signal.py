"""Whether somebody's screen is plugged into an HDMI input: decided by its pictures, and by its driver if that knows.

UVC has no word for "no signal". A stick without a source goes on sending: one flat colour, or a picture of its own
(a blue screen, bars, a logo), or it stops. What a stick sends is not standardised and none was at hand, so much here
is a guess, marked as such:

- One flat colour, the same in every point of all planes, no screen shows for long: even an empty white page has a
  pointer or a scroll bar, sooner or later. Yet HDMI is digital: a black slide is as flat as a stick without a source,
  and nothing in the picture tells them apart. So a flat picture ends a share only after 10 s (a guess
  at how long a presenter leaves the screen black), and never begins one. When more comes back, so does the share.
- Flat, strong blue (a guess, from sticks that people describe) is nobody's screen: it ends a share after a second.
- Pictures that do not come at all: no signal.

A picture that only stands still says nothing: slides stand still.
"""

import math
from enum import Enum, auto

from hardware.planes import Plane
from hardware.ports import VideoFrame

ON_S, OFF_S, FLAT_S = 0.4, 1.0, 10.0
_BLUE_U, _GREY = 180, 128
_STRIDE = 7
"""Every how many rows are looked at for the whole picture to be called flat at first; then all of them."""


class Sight(Enum):
    """What there is to be seen."""

    PICTURE = auto()
    FLAT = auto()
    """One colour: a black slide, or no source."""
    BLUE = auto()
    """What many sticks send without a source."""
    NOTHING = auto()


class SignalWatch:
    """Tells whether there is a signal, from each picture (or its absence) and the time it is looked at.

    Steady: true after 0.4 s of pictures, false after a second without, or after ten of nothing but one colour.
    """

    def __init__(self) -> None:
        self.has_signal = False
        self._pictures_since: float | None = None
        self._last_picture = self._last_sign = -math.inf

    def see(self, frame: VideoFrame | None, now: float, *, driver: bool | None = None) -> bool:
        """Take in the newest picture, None when there is none; return whether there is a signal.

        `now` is monotonic seconds. `driver` False is the driver's word that there is no source; it is believed.
        """
        match Sight.NOTHING if frame is None or driver is False else sight(frame):
            case Sight.PICTURE:
                if self._pictures_since is None or now - self._last_picture > ON_S:
                    self._pictures_since = now
                self._last_picture = self._last_sign = now
            case Sight.FLAT:
                self._pictures_since, self._last_sign = None, now
            case Sight.BLUE:
                self._pictures_since = None
        if self.has_signal:
            self.has_signal = now - self._last_sign <= OFF_S and now - self._last_picture <= FLAT_S
            # the next pictures count anew
            self._pictures_since = self._pictures_since if self.has_signal else None
        elif self._pictures_since is not None:
            self.has_signal = self._last_picture - self._pictures_since >= ON_S
        return self.has_signal


def sight(frame: VideoFrame) -> Sight:
    """Say what a picture looks like."""
    if not is_flat(frame):
        return Sight.PICTURE
    blue = frame.u[0, 0] >= _BLUE_U and frame.v[0, 0] <= _GREY
    return Sight.BLUE if blue else Sight.FLAT


def is_flat(frame: VideoFrame) -> bool:
    """Whether every point of a picture has the same colour, without any noise."""
    planes = (frame.y, frame.u, frame.v)
    if any(plane[0, 0] != plane[-1, -1] for plane in planes):
        return False
    return all(_is_even(plane[::_STRIDE]) for plane in planes) and all(_is_even(plane) for plane in planes)


def _is_even(plane: Plane) -> bool:
    return bool((plane == plane[0, 0]).all())
