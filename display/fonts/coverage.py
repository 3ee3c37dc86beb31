"""Which characters a font file can draw, read from its `cmap` table (OpenType 1.9, section 5, "cmap")."""

import struct
from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

_MAX_TABLE: Final = 4 * 1024 * 1024
_UNICODE: Final = {(3, 10): 4, (0, 6): 4, (0, 4): 4, (3, 1): 2, (0, 3): 2, (0, 2): 1, (0, 1): 1, (0, 0): 1}
"""(platform, encoding) of the subtables that speak Unicode, the completest highest."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Ranges of code points, sorted."""

    starts: "array[int]" = field(default_factory=lambda: array("I"))
    ends: "array[int]" = field(default_factory=lambda: array("I"))

    def __contains__(self, char: str) -> bool:
        at = bisect_right(self.starts, ord(char)) - 1
        return at >= 0 and ord(char) <= self.ends[at]


def read_coverage(path: Path) -> Coverage:
    """Read a font file (of a collection, its first font). A broken file draws nothing."""
    try:
        with path.open("rb") as file:
            return _ranges(_cmap(file))
    except (OSError, struct.error, ValueError, OverflowError):
        return Coverage()


def _cmap(file: BinaryIO) -> bytes:
    base = 0
    if file.read(4) == b"ttcf":
        file.seek(12)
        (base,) = struct.unpack(">I", file.read(4))
    file.seek(base + 4)
    (count,) = struct.unpack(">H", file.read(2))
    file.seek(base + 12)
    directory = file.read(16 * count)
    for tag, _, offset, length in struct.iter_unpack(">4sIII", directory):
        if tag == b"cmap" and length <= _MAX_TABLE:
            file.seek(offset)
            return file.read(length)
    raise ValueError("no cmap table")


def _ranges(cmap: bytes) -> Coverage:
    (count,) = struct.unpack_from(">H", cmap, 2)
    tables = list(struct.iter_unpack(">HHI", cmap[4 : 4 + 8 * count]))
    rank, offset = max((_UNICODE.get((platform, encoding), 0), offset) for platform, encoding, offset in tables)
    (kind,) = struct.unpack_from(">H", cmap, offset)
    if rank and kind == 4:
        return _segments(cmap, offset)
    if rank and kind == 12:
        return _groups(cmap, offset)
    return Coverage()


def _segments(cmap: bytes, offset: int) -> Coverage:
    (doubled,) = struct.unpack_from(">H", cmap, offset + 6)
    form = f">{doubled // 2}H"
    ends = struct.unpack_from(form, cmap, offset + 14)
    starts = struct.unpack_from(form, cmap, offset + 16 + doubled)
    # the last segment is 0xFFFF alone and maps to nothing
    return Coverage(array("I", starts[:-1]), array("I", ends[:-1]))


def _groups(cmap: bytes, offset: int) -> Coverage:
    (count,) = struct.unpack_from(">I", cmap, offset + 12)
    groups = list(struct.iter_unpack(">III", cmap[offset + 16 : offset + 16 + 12 * count]))
    return Coverage(array("I", (g[0] for g in groups)), array("I", (g[1] for g in groups)))
