"""Decoded pictures from media to display through shared memory, without a copy in between.

Media owns one ring a layout: a memfd sealed against shrinking, growing and any further writable mapping, with three
slots a tile, each as large as the tile. A slot is written while its sequence number is odd and whole while it is even
(a seqlock), so the reader never blocks the writer. Display checks every number in a slot, draws straight from it, and
asks afterwards whether it was written meanwhile.
"""

import fcntl
import hashlib
import mmap
import os
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from appliance.errors import SalonError
from appliance.state.layout import Layout, PersonId, Source, Tile

Plane = NDArray[np.uint8]

SLOTS: Final = 3
MAX_BYTES: Final = 64 * 1024 * 1024
_MAGIC: Final = b"SALONFR1"
_RING = struct.Struct("<8sIII")
"""Magic, generation, layout rev, number of tiles."""
_SLOT = struct.Struct("<QQQQIIHHBB")
"""Sequence, frame number, monotonic ns, tile key, generation, layout rev, w, h, full range, matrix."""
_SEQUENCE = struct.Struct("<Q")
_SLOT_BYTES: Final = 64
_F_SEAL_FUTURE_WRITE: Final = 0x10
"""Linux 5.1: no new writable mapping; Python's fcntl does not name it yet."""


class BadRing(SalonError, ValueError):
    """The memory that was handed over is not a ring for this layout."""


@dataclass(frozen=True, slots=True)
class RingFrame:
    """One received picture, I420. The planes are views of the ring: (h, w) and twice (h/2, w/2), uint8.

    They stay valid as long as they are held, also when media is gone; only a living media may write over them.
    """

    number: int
    """Counts up for each tile."""
    monotonic_ns: int
    w: int
    h: int
    full_range: bool
    matrix: int
    """H.273 matrix coefficients: 1 is BT.709, 6 is BT.601."""
    y: Plane
    u: Plane
    v: Plane
    whole: Callable[[], bool] = lambda: True
    """Whether the planes are still those of this picture; to be asked after they were read."""


@dataclass(frozen=True, slots=True)
class _Place:
    """One tile's slots."""

    start: int
    slot: int
    """Bytes from one slot to the next."""
    key: int
    """Says in each slot whose it is."""

    @property
    def room(self) -> int:
        """Bytes for a picture."""
        return self.slot - _SLOT_BYTES

    @property
    def slots(self) -> range:
        """Where each begins."""
        return range(self.start, self.start + SLOTS * self.slot, self.slot)


@dataclass(frozen=True, slots=True)
class _Geometry:
    """Where each tile's slots begin; both sides work it out from the layout alone."""

    places: dict[tuple[PersonId, Source], "_Place"]
    total: int

    @classmethod
    def of(cls, layout: Layout) -> "_Geometry":
        places, at = {}, _SLOT_BYTES
        for tile in layout.tiles:
            place = _Place(at, _SLOT_BYTES + _picture_bytes(tile), _tile_key(tile.person, tile.source))
            places[tile.person, tile.source] = place
            at += SLOTS * place.slot
        if at > MAX_BYTES:
            raise BadRing(f"a layout of {len(layout.tiles)} tiles needs {at >> 20} MiB, more than {MAX_BYTES >> 20}")
        return cls(places, at)


def _picture_bytes(tile: Tile) -> int:
    return (tile.w * tile.h * 3 // 2 + 63) // 64 * 64


def _tile_key(person: PersonId, source: Source) -> int:
    digest = hashlib.blake2b(f"{source}\0{person}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


class RingWriter:
    """Media's side. `write` may be called from one decoding thread at a time."""

    def __init__(self, layout: Layout, generation: int) -> None:
        self.layout = layout
        self.generation = generation
        self._geometry = _Geometry.of(layout)
        self._numbers = dict.fromkeys(self._geometry.places, 0)
        self._lock = threading.Lock()
        self.fd = os.memfd_create("salon-frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.fd, self._geometry.total)
        self._memory = mmap.mmap(self.fd, self._geometry.total)
        self._slots = _Slots()
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | _F_SEAL_FUTURE_WRITE | fcntl.F_SEAL_SEAL
        fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, seals)
        _RING.pack_into(self._memory, 0, _MAGIC, generation, layout.rev, len(layout.tiles))

    def write(
        self,
        person: PersonId,
        source: Source,
        planes: tuple[Plane, Plane, Plane],
        *,
        size: tuple[int, int] | None = None,
        copy: Callable[[Plane, Plane], None] = np.copyto,
        full_range: bool = False,
        matrix: int = 6,
        monotonic_ns: int = 0,
    ) -> bool:
        """Publish a picture no larger than its tile; False when the layout has no such tile any more.

        `copy(slot, plane)` brings each plane into the ring; one that scales may make another `size` (w, h) of it.
        """
        key = (person, source)
        h, w = planes[0].shape
        w, h = size or (w, h)
        with self._lock:
            place = self._geometry.places.get(key)
            if place is None or self._memory.closed:
                return False
            if w % 2 or h % 2 or w * h * 3 // 2 > place.room:
                raise ValueError(f"a {w}x{h} picture does not fit its tile")
            number = self._numbers[key] = self._numbers[key] + 1
            at = place.slots[number % SLOTS]
            sequence = number * 2
            header = (number, monotonic_ns or time.monotonic_ns(), place.key, self.generation, self.layout.rev)
            _SLOT.pack_into(self._memory, at, sequence - 1, *header, w, h, full_range, matrix)
            for view, plane in zip(self._slots.planes(self._memory, at, w, h), planes, strict=True):
                copy(view, plane)
            _SLOT.pack_into(self._memory, at, sequence, *header, w, h, full_range, matrix)
        return True

    def close(self) -> None:
        """Give the memory back; readers keep their own mapping."""
        with self._lock:
            if not self._memory.closed:
                # no memory can be given back that somebody looks at
                self._slots.forget()
                self._memory.close()
                os.close(self.fd)


class RingReader:
    """Display's side; maps the memory read-only and trusts nothing in it. Takes over the descriptor."""

    def __init__(self, fd: int, layout: Layout, generation: int) -> None:
        self.layout = layout
        self.generation = generation
        self._geometry = _Geometry.of(layout)
        self._lock = threading.Lock()
        """Held while slots are looked for or the ring is closed: display reads in its compose thread, a loop closes."""
        try:
            if os.fstat(fd).st_size != self._geometry.total:
                raise BadRing("the frame memory has another size than its layout needs")
            self._memory: mmap.mmap | None = mmap.mmap(fd, self._geometry.total, prot=mmap.PROT_READ)
            self._slots = _Slots()
        finally:
            os.close(fd)
        if _RING.unpack_from(self._memory, 0) != (_MAGIC, generation, layout.rev, len(layout.tiles)):
            raise BadRing("the frame memory belongs to another layout")
        self._words = np.array([place.slots for place in self._geometry.places.values()], np.intp) // 8
        """Where the sequence numbers are, in words of 64 bits: one row a tile."""

    def numbers(self) -> NDArray[np.uint64]:
        """Return the number of each tile's newest whole picture, 0 without one: one look for the whole layout."""
        with self._lock:
            if self._memory is None or not self.layout.tiles:
                return np.zeros(len(self.layout.tiles), np.uint64)
            sequences = np.frombuffer(self._memory, np.uint64)[self._words]
        return np.asarray(np.where(sequences & 1, 0, sequences >> 1).max(axis=1), np.uint64)

    def newest(self, person: PersonId, source: Source) -> RingFrame | None:
        """Return the newest whole picture of a tile, None if there is none (yet)."""
        with self._lock:
            memory = self._memory
            if memory is None:
                return None
            place = self._geometry.places.get((person, source))
            if place is None:
                return None
            for at in sorted(place.slots, key=lambda at: _sequence(memory, at), reverse=True):
                frame = self._frame(memory, place, at)
                if frame is not None:
                    return frame
        return None

    def close(self) -> None:
        """From now on there is no new picture; the memory goes with the last one that is held."""
        with self._lock:
            self._slots.forget()
            self._memory = None

    def _frame(self, memory: mmap.mmap, place: _Place, at: int) -> RingFrame | None:
        sequence, number, stamp, key, generation, rev, w, h, full_range, matrix = _SLOT.unpack_from(memory, at)
        if not number or sequence != number * 2:
            return None
        if (key, generation, rev) != (place.key, self.generation, self.layout.rev):
            return None
        if not w or not h or w % 2 or h % 2 or w * h * 3 // 2 > place.room:
            return None
        planes = self._slots.planes(memory, at, w, h)
        whole = partial(_is_whole, memory, at, sequence)
        return RingFrame(number, stamp, w, h, bool(full_range), matrix, *planes, whole)


class _Slots:
    """Views of the planes in each slot: made once, for pictures seldom change their size."""

    def __init__(self) -> None:
        self._views: dict[int, tuple[tuple[int, int], tuple[Plane, Plane, Plane]]] = {}

    def planes(self, memory: mmap.mmap, at: int, w: int, h: int) -> tuple[Plane, Plane, Plane]:
        """Return the planes of a picture of this size in the slot that begins at `at`."""
        size, views = self._views.get(at, (None, None))
        if views is None or size != (w, h):
            views = _planes(memory, at + _SLOT_BYTES, w, h)
            self._views[at] = (w, h), views
        return views

    def forget(self) -> None:
        """Let the memory go."""
        self._views.clear()


def _sequence(memory: mmap.mmap, at: int) -> int:
    """Return a slot's sequence number."""
    return int(_SEQUENCE.unpack_from(memory, at)[0])


def _is_whole(memory: mmap.mmap, at: int, sequence: int) -> bool:
    return _sequence(memory, at) == sequence


def _planes(memory: mmap.mmap, at: int, w: int, h: int) -> tuple[Plane, Plane, Plane]:
    """Return the planes of a slot as views of the memory, which cannot be closed while one of them lives."""
    luma, chroma = w * h, w * h // 4
    whole = np.frombuffer(memory, np.uint8, luma + 2 * chroma, at)
    return (
        whole[:luma].reshape(h, w),
        whole[luma : luma + chroma].reshape(h // 2, w // 2),
        whole[luma + chroma :].reshape(h // 2, w // 2),
    )
