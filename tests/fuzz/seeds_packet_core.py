"""Writes the first corpus of the packet core: `python tests/fuzz/seeds_packet_core.py`; its finds lie beside it."""

import random
from struct import pack

from targets import PACKET_CORE

_VP8, _H264, _OPUS, _RECOVERED, _NO_MEMORY = 0, 1, 2, 4, 8
_LEVEL = 1 << 4


def packet(
    sequence: int, timestamp: int, payload: bytes, *, marker: bool = False, ms: int = 0, flags: int = 0x80
) -> bytes:
    """One datagram, as a record of the script."""
    data = pack("!BBHLL", flags, 96 | marker << 7, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, 7) + payload
    return pack("!BBH", 0, ms // 4, len(data)) + data


def tick(ms: int) -> bytes:
    return pack("!BB", 1, ms // 4)


def frame(data: bytes, *, times: int = 0, ms: int = 32) -> bytes:
    """One frame for the packetiser, repeated to become large."""
    return pack("!BBH", 2 + 3 * times, ms // 4, len(data)) + data


def vp8(first: int, *, frames: int, size: int = 3, lose: tuple[int, ...] = (), every: int = 1000) -> bytes:
    script, number = b"", 0
    for index in range(frames):
        for part in range(size):
            payload = (b"\x00" if part else b"\x90\x80\x81") + bytes([index % every > 0, part])
            if number not in lose:
                script += packet(first + number, index * 3000, payload, marker=part == size - 1)
            number += 1
        script += tick(32)
    return script


def h264(first: int) -> bytes:
    payloads = [
        (0, b"\x78\x00\x02\x67\x42\x00\x02\x68\xce", False),
        (0, b"\x7c\x85\x88abc", False),
        (0, b"\x7c\x05def", False),
        (0, b"\x7c\x45ghi", True),
        (3000, b"\x41\x9a\x00", True),
        (6000, b"\x65\x88\x84", True),
    ]
    return b"".join(packet(first + i, ts, payload, marker=last) for i, (ts, payload, last) in enumerate(payloads))


def opus(order: list[int]) -> bytes:
    level = b"\xbe\xde\x00\x01\x10\x8a\x00\x00"
    return b"".join(packet(n, n * 960, level + b"sound", flags=0x90, ms=20) + tick(20) for n in order)


def seeds() -> dict[str, bytes]:
    chance = random.Random(1)
    annex_b = b"\x00\x00\x00\x01\x67\x42\x00\x00\x01\x68\xce\x00\x00\x01\x65\x88" + bytes(range(1, 90))
    holes = tuple(chance.randrange(120) for _ in range(12))
    outage = vp8(10, frames=2) + vp8(1500, frames=2) + vp8(30_000, frames=3)
    return {
        "vp8-clean": bytes([_VP8]) + vp8(65_530, frames=6),
        "vp8-holes": bytes([_VP8]) + vp8(65_500, frames=40, lose=holes, every=15),
        "vp8-late-start": bytes([_VP8]) + vp8(100, frames=8, lose=(0, 1)) + vp8(100, frames=1),
        "vp8-outage": bytes([_VP8]) + outage,
        "vp8-repairs": bytes([_VP8 | _RECOVERED]) + vp8(7, frames=8, lose=(4, 10)) + tick(60) + vp8(7, frames=4),
        "vp8-no-memory": bytes([_VP8 | _NO_MEMORY, 20]) + vp8(7, frames=8),
        "vp8-frames": bytes([_VP8]) + frame(b"\x00key", times=80) + frame(b"\x01delta", times=60) + tick(8),
        "h264-clean": bytes([_H264]) + h264(65_533) + tick(20),
        "h264-frames": bytes([_H264]) + frame(annex_b) + frame(annex_b, times=40) + tick(8),
        "opus-order": bytes([_OPUS | _LEVEL]) + opus([1, 2, 4, 3, 3, 9, 8, 30, 31, 60_000, 60_001, 60_002]),
        "padding": bytes([_VP8]) + packet(1, 0, b"\x10\x00abc\x04\x00\x00\x04", marker=True, flags=0xA0),
        "two-byte-extension": bytes([_OPUS | _LEVEL])
        + packet(1, 0, b"\x10\x00\x00\x02\x05\x02ab\x00\x01\x01\x8asound", flags=0x90),
    }


if __name__ == "__main__":
    PACKET_CORE.corpus.mkdir(parents=True, exist_ok=True)
    for name, script in seeds().items():
        (PACKET_CORE.corpus / name).write_bytes(script)
