"""A small VP8 sender, and a receiver with a clock, for the tests of the jitter buffers."""

from collections.abc import Iterable
from dataclasses import dataclass

from cores import Buffer, Wire

from appliance.media.rtc.assembler import Assembled
from appliance.media.rtc.frames import EncodedFrame

FRAME_S = 1 / 30
HOLD_S = 0.6
"""No hole stops the picture for longer."""
PADDING = b""


def frame(index: int, first: int, size: int = 4, *, key: bool = False, marker: bool = True) -> list[Wire]:
    """A VP8 frame: one byte of descriptor, and in the frame's first byte the inverse key frame flag."""
    whole = body(index, size, key=key)
    part = len(whole) // size
    return [
        Wire(
            (first + i) & 0xFFFF,
            index * 3000,
            marker and i == size - 1,
            (b"\x10" if i == 0 else b"\x00") + whole[i * part : (i + 1) * part],
        )
        for i in range(size)
    ]


def body(index: int, size: int = 4, *, key: bool = False) -> bytes:
    return b"".join(b"%c%05d.%02d;" % (0 if key else 1, index, i) for i in range(size))


def numbers(frames: Iterable[EncodedFrame]) -> list[int]:
    """The index that the camera of the tests wrote into each frame, after its first byte."""
    return [int.from_bytes(frame.data[1:5], "big") for frame in frames]


def stream(count: int, *, first: int = 0, keys: tuple[int, ...] = (0,)) -> list[list[Wire]]:
    return [frame(i, first + 4 * i, key=i in keys) for i in range(count)]


@dataclass
class Receiver:
    """An assembler with a clock and a wire that answers its requests after a round trip."""

    assembler: Buffer
    now: float = 100.0

    def push(self, *packets: Wire) -> list[Assembled]:
        return [f for p in packets for f in self.assembler.push(p, self.now)]

    def wait(self, seconds: float) -> list[Assembled]:
        end, got = self.now + seconds, self.assembler.tick(self.now)
        while self.now < end:
            self.now = min(self.now + 0.02, end)
            got += self.assembler.tick(self.now)
        return got
