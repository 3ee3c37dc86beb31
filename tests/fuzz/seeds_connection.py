"""Writes the first corpus of a whole connection: `python tests/fuzz/seeds_connection.py`; its finds lie beside it."""

from struct import pack

from targets import CONNECTION

_LINES, _SENDERS, _NO_MEMORY, _ABRUPT_END, _SLOW_READER, _PATIENT = 1, 2, 4, 8, 16, 32
_ALL = _LINES | _SENDERS
VP8, VP8_RTX, H264, H264_RTX, OPUS, _, STRANGE, _ = range(8)
MARKER, NEW_TIMES, NEW_SSRCS = 8, 16, 32
MID, RID, REPAIRED_RID, NUMBER, LEVEL = 1, 2, 4, 8, 16
KEY, DELTA = b"\x90\x80\x81\x00key", b"\x90\x80\x82\x01delta"
_NAMES = (
    "raw packets request time set_line drop_line set_sender drop_sender frame reflect take_events take_logs pace "
    "inject weather send"
)
_OPERATIONS = {name: number for number, name in enumerate(_NAMES.split())}


def op(name: str, *values: int, ms: int = 0, data: bytes | None = None) -> bytes:
    """One record of the script; above 127 ms in steps of 20."""
    time = ms if ms < 128 else min(128 + ms // 20, 255)
    body = b"" if data is None else pack("!H", len(data)) + data
    return bytes([_OPERATIONS[name], time, *values]) + body


def packets(
    kind: int, ssrc: int, first: int, data: bytes, *, times: int = 1, at: int = 0, extensions: int = 0, ms: int = 0
) -> bytes:
    """Packets in a row that say the same."""
    return op("packets", kind, ssrc, extensions, times - 1, first >> 8 & 255, first & 255, at, ms=ms, data=data)


def request(number: int, first: int, mask: int = 0, *, pairs: int = 1, ms: int = 0) -> bytes:
    """A NACK for what sender `number` sent: its numbers begin at 0x7FFE."""
    return op("request", number + 4 * pairs, first >> 8, first & 255, mask >> 8, mask & 255, ms=ms)


def frame(number: int, data: bytes, *, times: int = 0, ms: int = 33) -> bytes:
    return op("frame", number + 4 * times, ms=ms, data=data)


def nack(ssrc: int, *pairs: tuple[int, int]) -> bytes:
    body = pack("!LL", 1, ssrc) + b"".join(pack("!HH", *pair) for pair in pairs)
    return b"\x81\xcd" + pack("!H", len(body) // 4) + body


def _layers() -> bytes:
    script = op("set_line", 4)
    for index, rid in enumerate((0, 1 << 5, 1 << 6, 3 << 5)):
        script += packets(VP8 | MARKER, 50 + index, 10, KEY, extensions=RID | rid | NUMBER)
        script += packets(VP8_RTX | MARKER, 60 + index, 10, b"\x00\x09" + KEY, extensions=REPAIRED_RID | rid)
    return script + op("take_logs", ms=40)


def _conversation() -> bytes:
    script = b"".join(op("set_sender", n + 4 * codec + 16) for n, codec in ((0, 0), (2, 1)))
    nal = b"\x00\x00\x01\x67\x42\x00\x00\x01\x65\x88" + bytes(range(1, 200))
    for number in range(10):
        script += frame(0, b"\x00" if number == 0 else b"\x01" * 50, times=60) + frame(2, nal, times=20, ms=0)
        script += op("reflect", 1 << number % 8, ms=5) + op("time", ms=12) + op("reflect", 0, ms=20)
    return script + op("take_logs") + op("reflect", 0, ms=100)


def seeds() -> dict[str, bytes]:
    picture = packets(VP8 | MARKER, 0, 65_530, KEY) + packets(VP8 | MARKER | NEW_TIMES, 0, 65_531, DELTA, times=9, at=1)
    repair = packets(VP8_RTX | MARKER, 100, 5, b"\x00\x08" + DELTA, at=8, ms=30)
    sound = packets(OPUS | NEW_TIMES, 1, 65_530, b"sound", times=9, extensions=LEVEL | NUMBER)
    some_frames = frame(0, b"\x00key", times=60) + frame(1, b"sound", times=2, ms=5) + frame(0, b"\x01", times=60)
    compound = b"\x80\xc9\x00\x01\x00\x00\x00\x01" + nack(5000, (0x7FFE, 0xFFFF)) + b"\x8f\xcd\x00\x02" + bytes(8)
    quiet = op("take_logs", ms=20)
    return {
        "picture-and-sound": bytes([_ALL]) + picture + sound + op("take_events") + quiet,
        "patience": bytes([_LINES | _SLOW_READER | _PATIENT])
        + picture
        + packets(VP8 | MARKER | NEW_TIMES, 0, 4, DELTA, times=80, at=10)
        + op("drop_line", 0)
        + sound
        + op("take_events"),
        "hole-and-repair": bytes([_LINES]) + picture + packets(VP8 | MARKER, 0, 9, DELTA, at=9) + repair + quiet,
        "repair-of-nothing": bytes([_LINES]) + repair + packets(VP8_RTX, 100, 6, b"\x00") + picture + repair,
        "holes-of-several-layers": bytes([0])
        + _layers()
        + b"".join(packets(VP8, 50 + n, 40 + 60 * n, DELTA, at=9, extensions=MID | NUMBER) for n in range(4))
        + op("time", ms=200),
        "layers-without-names": bytes([_LINES]) + _layers() + packets(VP8 | MARKER, 70, 1, KEY, extensions=MID),
        "packets-before-their-line": bytes([0])
        + packets(VP8 | MARKER | NEW_TIMES, 7, 1, KEY, times=255)
        + packets(OPUS, 8, 1, b"sound", times=10)
        + op("set_line", 4, ms=20)
        + op("set_line", 1 + 8, ms=4000),
        "every-packet-another-ssrc": bytes([_LINES])
        + picture
        + packets(VP8 | MARKER | NEW_SSRCS, 0, 1, KEY, times=255, extensions=MID)
        + packets(VP8 | MARKER | NEW_SSRCS, 200, 1, KEY, times=255, extensions=MID)
        + quiet,
        "sound-with-holes": bytes([_LINES])
        + sound
        + b"".join(packets(OPUS, 1, n, b"sound", at=n % 200, ms=15) for n in (5, 7, 6, 9, 9, 40, 41, 39, 60))
        + packets(OPUS, 1, 70, b"sound", times=12)
        + packets(OPUS, 1, 90, b"", times=2, extensions=LEVEL)
        + packets(OPUS, 1, 40_000, b"sound", times=4)
        + op("time", ms=60),
        "more-ssrcs-than-places": bytes([_LINES])
        + picture
        + packets(VP8 | NEW_SSRCS, 0, 1, KEY, times=200, extensions=MID, ms=5)
        + packets(VP8, 0, 5, KEY, extensions=MID, ms=5)
        + packets(VP8 | NEW_SSRCS, 190, 1, KEY, times=255, extensions=MID, ms=5),
        "fragments": bytes([_LINES])
        + packets(H264, 0, 1, b"\x7c\x85\x88abc", extensions=MID)
        + packets(H264, 0, 2, b"\x7c\x05def")
        + packets(H264 | MARKER, 0, 3, b"\x7c\x45ghi")
        + packets(H264 | MARKER, 0, 4, b"\x78\x00\x02\x67\x42\x00\x00\x00\x02\x68\xce", at=1)
        + packets(H264 | MARKER, 0, 6, b"\x78\x00\x09\x41", at=2)
        + op("set_sender", 20)
        + frame(0, b"\x00\x00\x01\x65\x88" + bytes(range(2, 252)) * 8, times=3)
        + op("reflect", 2, ms=50),
        "raw-packets": bytes([_LINES])
        + op(
            "raw",
            data=b"\x90\x60\x00\x01" + bytes(8) + b"\x10\x00\x00\x02\x04\x010\x00\x01\x01\x8a\x00\x90\x80\x81\x00",
        )
        + op("raw", data=b"\xa0\xe0\x00\x02" + bytes(8) + b"\x10\x00abc\x04\x00\x00\x04")
        + op("raw", data=b"\xa0\xe0\x00\x03" + bytes(8) + b"\x10\xff")
        + op("raw", data=b"\x8f\xe0\x00\x04" + bytes(60)),
        "late-key-frame": bytes([_LINES])
        + packets(VP8 | MARKER, 0, 10, DELTA, at=1)
        + packets(VP8, 0, 13, b"\x90\x80\x83\x01", at=3)
        + packets(VP8, 0, 15, KEY, at=4)
        + packets(VP8 | MARKER, 0, 16, b"\x00tail", at=4)
        + op("time", ms=700)
        + packets(VP8 | MARKER, 0, 17, DELTA, at=5)
        + packets(VP8 | MARKER, 0, 19, KEY, at=6)
        + op("time", ms=400),
        "log-full": bytes([_LINES]) + packets(OPUS | NEW_TIMES, 1, 1, b"", times=255, extensions=NUMBER) * 17,
        "abrupt-end": bytes([_ALL | _ABRUPT_END])
        + picture
        + sound
        + packets(OPUS, 1, 11, b"sound")
        + packets(STRANGE, 9, 1, b"nobody's", times=3)
        + some_frames * 3,
        "starved-in-a-flood": bytes([_SLOW_READER]) + picture,
        "slow-reader": bytes([_LINES | _SLOW_READER])
        + picture
        + packets(VP8 | MARKER | NEW_TIMES, 0, 4, DELTA, times=150)
        + quiet,
        "events-flooded": bytes([_LINES])
        + b"".join(op("raw", data=nack(1, (1, 1))) for _ in range(20))
        + b"".join(request(1, 1) for _ in range(500))
        + picture
        + sound
        + packets(VP8 | MARKER | NEW_SSRCS, 0, 1, KEY, times=255, extensions=MID),
        "line-dropped-with-word-of-it-waiting": bytes([_LINES])
        + sound
        + op("drop_line", 1)
        + op("drop_line", 0)
        + op("set_line", 4)
        + picture,
        "mid-moves-an-ssrc": bytes([_LINES])
        + picture
        + packets(VP8 | MARKER, 0, 4, KEY, extensions=MID | 1 << 6)
        + packets(OPUS, 0, 5, b"sound", extensions=MID | 1 << 6)
        + packets(VP8 | MARKER, 0, 6, KEY, extensions=MID),
        "requests-answered": bytes([_ALL]) + some_frames + request(0, 0x7FFE, 0xFFFF, ms=40) + request(0, 0x7FFE, 3),
        "requests-without-repairs": bytes([_LINES])
        + op("set_sender", 0)
        + some_frames
        + request(0, 0x7FFE, 0xFFFF, ms=40)
        + request(0, 0x7FFE, 0xFFFF, ms=90),
        "more-than-can-leave": bytes([_ALL])
        + frame(0, bytes(600), times=60, ms=33)
        + b"".join(frame(0, bytes(600), times=60, ms=0) for _ in range(130))
        + request(0, 0x7FFE, 0xFFFF, pairs=20)
        + op("pace", 255, 1),
        "requests-without-end": bytes([_ALL]) + some_frames + request(0, 0x7FF0, 0xFFFF, pairs=60, ms=40) * 8,
        "requests-for-nothing": bytes([_ALL])
        + some_frames
        + request(3, 1)
        + request(1, 2, 9)
        + op("drop_sender", 0)
        + request(0, 0x7FFE, 0xFFFF, ms=40),
        "compound": bytes([_ALL]) + some_frames + op("raw", ms=40, data=compound) + op("raw", data=compound[:-3]),
        "compound-cut-off": bytes([_ALL]) + b"".join(op("raw", data=compound[:size]) for size in range(1, 44)),
        "conversation": bytes([_LINES]) + _conversation(),
        "probe": bytes([_ALL]) + some_frames + op("pace", 255, 30, ms=50) + op("reflect", 2, ms=50),
        "probe-with-nothing-to-pad": bytes([_ALL]) + op("pace", 255, 30) + op("time", ms=100) + some_frames,
        "narrow-way": bytes([_ALL]) + op("pace", 1, 1) + some_frames * 3 + op("pace", 1, 1) + op("time", ms=2000),
        "no-way": bytes([_ALL]) + op("weather", 2) + some_frames + op("weather", 1) + picture + some_frames,
        "not-media": bytes([_ALL])
        + op("raw", data=b"\x00\x01\x00\x00stun")
        + op("weather", 4)
        + op("raw", data=b"\x16dtls")
        + op("weather", 8)
        + op("weather", 0x44)
        + op("inject", data=b"\xffother")
        + op("send", data=compound)
        + op("send", data=b"\x80\x60")
        + op("inject", data=bytes([0x80, 96]) + bytes(10)),
        "codec-changes": bytes([_LINES])
        + picture
        + packets(H264 | MARKER, 0, 4, b"\x65\x88\x84", at=20)
        + packets(VP8 | MARKER, 0, 5, KEY, at=21)
        + packets(H264_RTX, 100, 5, b"\x00\x03\x65", at=20)
        + quiet,
        "outage": bytes([_LINES])
        + picture
        + packets(VP8 | MARKER | NEW_TIMES, 0, 1900, DELTA, times=9, ms=100)
        + quiet,
        "no-memory": bytes([_ALL | _NO_MEMORY, 60]) + picture + sound + some_frames + op("set_sender", 16) + quiet,
        "strange-line": bytes([0]) + op("set_line", 0x80) + b"\x01\x30\x10" + b"0" * 40 + picture + sound,
    }


if __name__ == "__main__":
    CONNECTION.corpus.mkdir(parents=True, exist_ok=True)
    for name, script in seeds().items():
        (CONNECTION.corpus / name).write_bytes(script)
