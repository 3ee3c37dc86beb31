"""Frames the camera's pictures on their way to the encoder, by what was heard and seen."""

import threading
from dataclasses import replace

from appliance.media.crop import Scaler, cut
from appliance.media.faces import FaceFinder
from appliance.media.framing import Framing, Rules
from appliance.media.view import View
from hardware.camera.aim import Aim
from hardware.ports import VideoFrame

_UNKNOWN = (16, 16)
"""The size of the picture, before there is one."""


class Framer:
    """A digital head, and a `Head` to its users. `picture` belongs to the camera's thread, the rest to any."""

    def __init__(
        self,
        *,
        sent: tuple[int, int] | None = None,
        field_of_view_deg: float = 70.0,
        array_deg: float = 0.0,
        rules: Rules | None = None,
        faces: FaceFinder | None = None,
        automatic: bool = True,
    ) -> None:
        """`sent` is the largest picture to make, or None for the camera's own size."""
        self._sent, self._faces = sent, faces
        self._lock = threading.Lock()
        view = View(_UNKNOWN, _UNKNOWN, field_of_view_deg, array_deg)
        self._framing = Framing(view, rules or Rules(), wished=None if automatic else Aim())
        self._scaler = Scaler()

    def hear(self, degrees: float | None, now: float) -> None:
        """Take in the direction of the voice, or that nobody speaks; some 10 times a second, monotonic seconds."""
        with self._lock:
            self._framing = self._framing.heard(degrees, now)

    def move(self, aim: Aim) -> None:
        """Show what an aim means, until `follow`."""
        with self._lock:
            self._framing = self._framing.aimed(aim)

    def follow(self) -> None:
        """Go on framing by itself."""
        with self._lock:
            self._framing = self._framing.aimed(None)

    def aim(self) -> Aim:
        """Return what is shown now."""
        with self._lock:
            return self._framing.view.aim(self._framing.crop)

    def picture(self, frame: VideoFrame) -> VideoFrame:
        """Return what is to be sent of a picture; the picture itself where that is all of it."""
        now = frame.captured_ns / 1e9
        faces = self._faces.look(frame, now) if self._faces is not None and self._framing.wished is None else None
        with self._lock:
            framing = self._framing if faces is None else self._framing.seen(faces)
            if framing.view.picture != (frame.width, frame.height):
                framing = framing.seeing(self._view(frame))
            self._framing = framing = framing.step(now)
        view = framing.view
        return self._scaler.fit(cut(frame, view.box(framing.crop)), view.sent)

    def _view(self, frame: VideoFrame) -> View:
        """Send the camera's proportions, or "all of the room" would not be all of it."""
        picture = frame.width, frame.height
        scale = min(1.0, *(most / side for most, side in zip(self._sent or picture, picture, strict=True)))
        width, height = (round(side * scale / 2) * 2 for side in picture)
        return replace(self._framing.view, picture=picture, sent=(width, height))
