"""The Python and the C assembler, given the same, say the same."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from cores import NativeAssembler, PythonAudio, PythonVideo, Wire
from hypothesis import given, settings
from hypothesis import strategies as st

_MS = 1000


class Both:
    """Two assemblers of one stream, one clock, and a question after every step: are you still the same?"""

    def __init__(self, core, codec: str) -> None:
        self.python = PythonVideo(codec)
        self.native = NativeAssembler(core, codec)
        self.now = 1_000_000
        self.shown = 0

    def push(self, packet: Wire) -> None:
        self._compare(self.python.push(packet, self._s), self.native.push(packet, self._s))

    def tick(self) -> None:
        self._compare(self.python.tick(self._s), self.native.tick(self._s))

    def requests(self) -> list[int]:
        ours, theirs = self.python.requests(self._s), self.native.requests(self._s)
        assert ours == theirs
        return ours

    @property
    def _s(self) -> float:
        return self.now / 1_000_000

    def _compare(self, ours: list, theirs: list) -> None:
        assert ours == theirs
        self.shown += len(ours)
        python, native, counters = self.python, self.native, self.native.counters
        assert (python.needs_key, python.waiting) == (native.needs_key, native.waiting)
        assert (python.lost, python.skips) == (counters.lost, counters.skips)
        assert python._missing.hold == counters.hold_us


@dataclass
class Sender:
    """Makes packets of frames, remembers them, and goes where the script sends it."""

    codec: str
    sequence: int
    timestamp: int = 0
    sent: list[Wire] = field(default_factory=list)

    def frame(self, size: int, *, key: bool, marker: bool = True) -> Iterator[Wire]:
        self.timestamp = (self.timestamp + 3000) & 0xFFFFFFFF
        for i in range(size):
            yield self.packet(self._payload(i, key=key), marker=marker and i == size - 1)

    def packet(self, payload: bytes, *, marker: bool) -> Wire:
        self.sent.append(Wire(self.sequence, self.timestamp, marker, payload))
        self.sequence = (self.sequence + 1) & 0xFFFF
        return self.sent[-1]

    def answer(self, sequence: int) -> Wire | None:
        return next((p for p in reversed(self.sent[-3000:]) if p.sequence == sequence), None)

    def _payload(self, index: int, *, key: bool) -> bytes:
        stamp = self.sequence.to_bytes(2, "big")
        if self.codec == "VP8":
            return (b"\x00" if index else b"\x10") + (b"\x00" if key else b"\x01") + stamp
        if index == 0 and key:
            return b"\x78\x00\x02\x67\x42\x00\x02\x68\xce" if self.sequence % 2 else b"\x65\x88" + stamp
        head = b"\x7c\x85" if key else b"\x5c\x81"
        return (head if index == 0 else head[:1] + bytes([head[1] & 0x7F])) + b"\x88" + stamp


_ms = st.integers(0, 700)
_steps = st.one_of(
    st.tuples(st.just("frame"), st.integers(1, 6), st.booleans(), st.booleans(), st.integers(0, 63)),
    st.tuples(st.just("wait"), _ms),
    st.tuples(st.just("tick"), st.integers(0, 130)),
    st.tuples(st.just("ask"), st.integers(0, 300), st.integers(0, 7), st.booleans()),
    st.tuples(st.just("old"), st.integers(1, 40), st.booleans()),
    st.tuples(st.just("jump"), st.sampled_from([1, 5, 499, 501, 520, 1999, 2000, 2001, 30_000, 65_000])),
    st.tuples(st.just("junk"), st.binary(max_size=12), st.booleans()),
)


class Story:
    """Carries out steps, each a method and its arguments."""

    def __init__(self, core, codec: str, sequence: int) -> None:
        self.both, self.sender = Both(core, codec), Sender(codec, sequence)

    def tell(self, *steps: tuple) -> None:
        for name, *arguments in steps:
            getattr(self, name)(*arguments)

    def frame(self, size: int, key: bool, marker: bool, lost: int) -> None:
        for i, packet in enumerate(self.sender.frame(size, key=key, marker=marker)):
            if not lost >> i & 1:
                self.both.push(packet)

    def wait(self, ms: int) -> None:
        self.both.now += ms * _MS

    def tick(self, ms: int) -> None:
        self.wait(ms)
        self.both.tick()

    def ask(self, ms: int, lost: int, recovered: bool) -> None:
        asked = self.both.requests()
        self.wait(ms)
        for i, number in enumerate(asked):
            packet = self.sender.answer(number)
            if packet is not None and not lost >> i % 3 & 1:
                self.both.push(replace(packet, recovered=recovered))

    def old(self, back: int, recovered: bool) -> None:
        for packet in self.sender.sent[-back:][:3]:
            self.both.push(replace(packet, recovered=recovered))

    def jump(self, by: int) -> None:
        self.sender.sequence = (self.sender.sequence + by) & 0xFFFF

    def junk(self, payload: bytes, marker: bool) -> None:
        self.both.push(self.sender.packet(payload, marker=marker))


@settings(max_examples=150, deadline=None)
@given(
    codec=st.sampled_from(["VP8", "H264"]),
    sequence=st.sampled_from([0, 20, 65_530, 30_000]),
    steps=st.lists(_steps, max_size=60),
)
def test_any_story_of_packets_is_told_alike(core, codec, sequence, steps):
    Story(core, codec, sequence).tell(*steps)


@pytest.mark.parametrize("codec", ["VP8", "H264"])
@pytest.mark.parametrize("seed", range(4))
def test_a_long_bad_call_is_told_alike(core, seed, codec):
    """Long enough that the window slides, old holes are forgotten and whole outages happen."""
    chance = random.Random(seed)
    story = Story(core, codec, 65_000)
    for index in range(1000):
        lost = sum((chance.random() < 0.1) << i for i in range(6))
        key = index % 100 == 0 or chance.random() < 0.01
        story.tell(("frame", chance.randint(1, 6), key, True, lost), ("tick", 33))
        if chance.random() < 0.5:
            story.ask(chance.choice([0, 5, 40]), chance.choice([0, 0, 1, 7]), seed % 2 == 0)
        if chance.random() < 0.01:
            story.jump(chance.choice([3, 300, 520, 1800]))
        if chance.random() < 0.02:
            story.old(chance.randint(1, 900), chance.random() < 0.5)
        if index % 500 > 490:  # nobody answers, nothing leads on: the buffer fills up
            story.tell(("frame", 1, False, True, 1), *[("frame", 6, False, True, 0)] * 60)
    assert story.both.shown > 300


@settings(max_examples=150, deadline=None)
@given(numbers=st.lists(st.tuples(st.integers(-30, 30), st.integers(0, 80)), max_size=80), jump=st.integers(0, 65_535))
def test_any_order_of_sound_is_told_alike(core, numbers, jump):
    python, native = PythonAudio(), NativeAssembler(core, "opus")
    now, sequence = 64.0, 65_500
    for index, (offset, wait) in enumerate(numbers):
        now += wait / 1024  # exact in both clocks
        sequence += jump if index == 50 else 1
        packet = Wire((sequence + (offset if abs(offset) < 15 else 0)) & 0xFFFF, index, False, bytes([index]))
        assert python.push(packet, now) == native.push(packet, now)
        assert python.tick(now + 1 / 1024) == native.tick(now + 1 / 1024)
        assert (python.lost, python.waiting) == (native.lost, native.waiting)
