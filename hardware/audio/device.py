"""Microphones and loudspeakers that ALSA opens, whether by PipeWire or directly: what both ways have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from hardware.audio.arrays import MOST_CHANNELS, OPTIONS, array_of, asked_for
from hardware.audio.pcm import Pcm
from hardware.audio.stream import Capture, Playback
from hardware.ports import BACKLOG, BLOCK, SAMPLE_BYTES, SAMPLE_RATE, Array, AudioBlock, DeviceError, Found
from hardware.uri import DeviceUri


@dataclass(frozen=True, slots=True)
class Node:
    """A device that was found, and how ALSA calls it."""

    found: Found
    pcm: str
    channels: int
    """How many it has; 0 where nobody knows, or more than a room can use."""
    usb: str = ""
    """vendor:product of a USB device."""


class PcmMicrophone:
    """A microphone, or an array of them."""

    simulated = False

    def __init__(self, uri: DeviceUri) -> None:
        self._uri = uri.only(*OPTIONS)
        self._asked = uri.integer("channels", 0, 0, MOST_CHANNELS)
        self._stream: Capture | None = None
        self.name = uri.path or "the first microphone"
        self.id = ""
        self.channels = self._asked or 1
        self.array = Array(self.name)

    @property
    def dropped(self) -> int:
        return self._stream.dropped if self._stream else 0

    @property
    def xruns(self) -> int:
        return self._stream.xruns if self._stream else 0

    def __enter__(self) -> Self:
        node = self._find(self._uri)
        if self._asked and node.channels and self._asked > node.channels:
            raise DeviceError(
                f"{node.found.name} has {node.channels} channels, not {self._asked}: correct channels= of this device"
            )
        channels = self._asked or node.channels or 1
        array = asked_for(self._uri, array_of(node.usb, node.found.name, channels), channels)
        # an array that is none needs only its first channel
        self.channels = channels if self._asked or _highest(array) else 1
        self.name, self.id, self.array = node.found.name, node.found.id, array
        # all it has: asked for fewer, ALSA would give the mean of them
        given = node.channels or self.channels
        order = self._order(node, given) if given > 1 else None
        stream = Capture(self.name, lambda: self._pcm(node, given), channels=self.channels, order=order)
        stream.begin()
        self._stream = stream
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream:
            self._stream.end()

    def _pcm(self, node: Node, channels: int) -> Pcm:
        return Pcm(node.pcm, name=self.name, capture=True, channels=channels, buffer=BACKLOG * BLOCK)

    def _order(self, node: Node, channels: int) -> Callable[[], tuple[int, ...]] | None:  # noqa: ARG002
        """Return what tells, once sound comes, where each channel of the device is; None where it is as it was."""
        return None

    def read(self, timeout_s: float) -> AudioBlock | None:
        if self._stream is None:
            raise DeviceError(f"{self.name} is not open")
        return self._stream.read(timeout_s)

    def _find(self, uri: DeviceUri) -> Node:
        raise NotImplementedError


class PcmSpeaker:
    """A loudspeaker: the same sound on the left and on the right."""

    simulated = False
    dropped = 0

    def __init__(self, uri: DeviceUri) -> None:
        self._uri = uri.only("buffer")
        self._buffer = uri.integer("buffer", 30, 20, 200) * SAMPLE_RATE // 1000
        """Samples that the device holds; more of them bear a slower machine, and are heard later."""
        self._stream: Playback | None = None
        self.name = uri.path or "the first loudspeaker"
        self.id = ""
        self.on_played: Callable[[AudioBlock], None] | None = None

    @property
    def xruns(self) -> int:
        return self._stream.xruns if self._stream else 0

    def __enter__(self) -> Self:
        node = self._find(self._uri)
        self.name, self.id = node.found.name, node.found.id
        stream = Playback(self.name, lambda: self._pcm(node), self._played)
        stream.begin()
        self._stream = stream
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream:
            self._stream.end()

    def _pcm(self, node: Node) -> Pcm:
        channels = max(1, min(node.channels or 2, 2))
        return Pcm(node.pcm, name=self.name, capture=False, channels=channels, buffer=self._buffer)

    def write(self, samples: bytes) -> None:
        if self._stream is None or len(samples) != BLOCK * SAMPLE_BYTES:
            raise DeviceError(f"{self.name} is not open, or was given {len(samples)} bytes")
        self._stream.write(samples)

    def _played(self, block: AudioBlock) -> None:
        if self.on_played:
            self.on_played(block)

    def _find(self, uri: DeviceUri) -> Node:
        raise NotImplementedError


def _highest(array: Array) -> int:
    return max(*array.microphones, array.processed or 0, array.reference or 0, 0)
