"""Where a sender's frames come from: the film, encoded beforehand, or the webcam itself, encoded as it goes."""

import time
from typing import Protocol, TextIO

from av.video.frame import PictureType

from benchmarks.clip import Webcam, bitstream, encoder, is_key
from benchmarks.settings import LOOP_S, Stream


class Film(Protocol):
    """A source of frames."""

    def next(self) -> tuple[bytes, bool]:
        """Return the next frame, and whether it is a key frame."""

    def begin_anew(self) -> None:
        """Let the next one be a key frame."""


class Loop:
    """The film again and again."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._frames = bitstream(stream)
        self._number = 0

    def next(self) -> tuple[bytes, bool]:
        number, self._number = self._number, (self._number + 1) % len(self._frames)
        return self._frames[number], is_key(self._stream, number)

    def begin_anew(self) -> None:
        self._number = 0


class Live:
    """The webcam; the log gets a line for each picture: when it was there to be encoded, and its stamp."""

    def __init__(self, stream: Stream, log: TextIO) -> None:
        webcam = Webcam(stream.width, stream.height)
        self._pictures = [webcam.picture(number) for number in range(LOOP_S * stream.fps)]
        self._codec = encoder(stream)
        self._log = log
        self._count = 0
        self._wants_key = True

    def next(self) -> tuple[bytes, bool]:
        number = self._count % len(self._pictures)
        picture = self._pictures[number]
        self._log.write(f"{time.time()} {number}\n")
        picture.pts = self._count
        picture.pict_type = PictureType.I if self._wants_key else PictureType.NONE
        self._count, self._wants_key = self._count + 1, False
        packet = self._codec.encode(picture)[0]
        return bytes(packet), packet.is_keyframe

    def begin_anew(self) -> None:
        self._wants_key = True
