"""A thread for each direction of a sound device: it keeps the device's pace, whatever the program is doing.

The thread only carries blocks between the device and a short queue. What blocks in a driver or in PipeWire blocks this
thread and nobody else: opening, reading, writing and closing are bounded for the caller.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

import numpy as np

from hardware.audio.pcm import Pcm, Xrun
from hardware.ports import BACKLOG, BLOCK, BLOCK_NS, SAMPLE_BYTES, SAMPLE_RATE, AudioBlock, DeviceError

logger = logging.getLogger(__name__)
OPEN_S = 3.0
"""A device that takes longer to open has failed."""
FIRST_S = 3.0
"""A device that wakes up, or that PipeWire has yet to link, may take so long for its first block."""
STALLED_S = 1.0
"""A device that does nothing for so long has failed."""
_CLOSE_S = 1.0
_SLICE_S = 0.2
"""How soon the thread notices that it should stop."""
_MARGIN_S = 0.004
"""By so much silence goes to a loudspeaker before it would run dry."""
_JUMP_NS = 30_000_000
"""Blocks of a device that works lie closer together, also where they come in bursts."""
_MOST_STUCK = 8
_SECOND = SAMPLE_RATE // BLOCK
_SILENCE = bytes(BLOCK * SAMPLE_BYTES)


class _Worker(threading.Thread):
    """A stream's thread."""

    given_up = False
    """It hangs in a driver and is waited for no more."""


def stuck() -> int:
    """Return how many sound devices' threads this process has given up and that are still there."""
    return sum(isinstance(thread, _Worker) and thread.given_up for thread in threading.enumerate())


class Stream:
    """What both directions have in common."""

    def __init__(self, name: str, opened: Callable[[], Pcm]) -> None:
        """Use the device that `opened()` returns; `name` is for people."""
        self.name = name
        self.xruns = 0
        self._opened = opened
        self._changed = threading.Condition()
        self._ready = False
        self._stop = False
        self._error: DeviceError | OSError | None = None
        self._last_ns = 0
        self._count = 0
        self._second_at = 0.0
        self._thread = _Worker(target=self._run, name=f"sound {name}"[:60], daemon=True)

    def begin(self) -> None:
        """Open the device; raises `DeviceError`, also when so many hang that one more thread would not help."""
        if stuck() >= _MOST_STUCK:
            raise DeviceError(f"{self.name} hangs again and again: unplug it, and restart the room")
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._error, OPEN_S)
            if self._ready or self._error:
                self._raise_error()
                return
            self._stop = True
        self._give_up()
        raise DeviceError(f"{self.name} does not open: plug it in again, or restart PipeWire")

    def end(self) -> None:
        """Close the device."""
        with self._changed:
            self._stop = True
            self._changed.notify_all()
        self._thread.join(_CLOSE_S)
        if self._thread.is_alive():
            self._give_up()

    def _give_up(self) -> None:
        self._thread.given_up = True
        logger.warning("%s hangs and is left to itself; %d such in this process", self.name, stuck())

    def _run(self) -> None:
        try:
            self._serve()
        except (DeviceError, OSError) as err:
            with self._changed:
                self._error = err
                self._changed.notify_all()

    def _serve(self) -> None:
        pcm = self._opened()
        try:
            if self._stop:
                # too late: whoever wanted it has given it up
                return
            self._start(pcm)
            with self._changed:
                self._ready = True
                self._changed.notify_all()
            while not self._stop:
                try:
                    self._step(pcm)
                except Xrun:
                    self._restart(pcm)
        finally:
            pcm.close()

    def _restart(self, pcm: Pcm) -> None:
        self.xruns += 1
        self._last_ns = 0
        # some that are beyond help say at once that it happened again
        time.sleep(_MARGIN_S / 2)
        try:
            pcm.restart()
            self._start(pcm)
        except Xrun as err:
            raise DeviceError(f"{self.name} has stopped and does not go on: plug it in again") from err

    def _start(self, pcm: Pcm) -> None:
        raise NotImplementedError

    def _step(self, pcm: Pcm) -> None:
        raise NotImplementedError

    def _stamp(self, ns: int) -> int:
        """Return a block's time, later than the last one's; where it jumps, the device had stopped."""
        if self._last_ns and ns - self._last_ns > BLOCK_NS + _JUMP_NS:
            self.xruns += 1
        # a clock that is read in between may be a little early
        self._last_ns = max(ns, self._last_ns + 1)
        self._keep_pace()
        return self._last_ns

    def _keep_pace(self) -> None:
        """Raise `DeviceError` where a second takes less than half of one: that is no sound."""
        self._count += 1
        if self._count % _SECOND == 0:
            now = time.monotonic()
            if now - self._second_at < 0.5:
                raise DeviceError(f"{self.name} does not keep time: choose another device")
            self._second_at = now

    def _raise_error(self) -> None:
        if self._error:
            raise self._error


class Capture(Stream):
    """Listens; keeps the newest blocks for whoever reads."""

    def __init__(
        self,
        name: str,
        opened: Callable[[], Pcm],
        *,
        channels: int,
        order: Callable[[], tuple[int, ...]] | None = None,
    ) -> None:
        """Keep the first `channels` of those the device has.

        `order`, where given, tells once sound comes which of the stream's channels holds each of the device's. It is
        asked on a thread of its own, and nothing is kept before it has answered.
        """
        super().__init__(name, opened)
        self.dropped = 0
        self._channels = channels
        self._as_it_is = tuple(range(channels))
        self._order = order
        self._ordered: Future[tuple[int, ...]] | None = None
        self._blocks: deque[AudioBlock] = deque(maxlen=BACKLOG)
        self._due = time.monotonic() + OPEN_S + FIRST_S

    def read(self, timeout_s: float) -> AudioBlock | None:
        """Return the next block, or None after `timeout_s`; raises `DeviceError` when none has come for a second."""
        with self._changed:
            self._changed.wait_for(lambda: self._blocks or self._error, timeout_s)
            if self._blocks:
                return self._blocks.popleft()
            self._raise_error()
            if time.monotonic() > self._due:
                raise DeviceError(f"{self.name} gives no sound: check its cable and that no other program holds it")
            return None

    def begin(self) -> None:
        super().begin()
        self._due = time.monotonic() + FIRST_S

    def _start(self, pcm: Pcm) -> None:
        pcm.start()

    def _step(self, pcm: Pcm) -> None:
        if not pcm.wait(_SLICE_S):
            # whatever comes next may be linked anew
            self._ordered = None
            return
        if pcm.available() < BLOCK:
            # some devices wake too early: not to spin
            time.sleep(_MARGIN_S / 2)
            return
        samples = pcm.read()
        behind, at_ns = pcm.delay()
        captured_ns = self._stamp(at_ns - behind * 1_000_000_000 // SAMPLE_RATE)
        order = self._where()
        if order is not None:
            self._keep(AudioBlock(_picked(samples, pcm.channels, order), captured_ns, self._channels))

    def _where(self) -> tuple[int, ...] | None:
        """Return where the kept channels are; None as long as nobody knows."""
        if self._order is None:
            return self._as_it_is
        if self._ordered is None:
            self._ordered = Future()
            threading.Thread(target=_answer, args=(self._order, self._ordered), name="channels", daemon=True).start()
        return self._ordered.result()[: self._channels] if self._ordered.done() else None

    def _keep(self, block: AudioBlock) -> None:
        with self._changed:
            self.dropped += len(self._blocks) == BACKLOG
            self._blocks.append(block)
            self._due = time.monotonic() + STALLED_S
            self._changed.notify_all()


class Playback(Stream):
    """Plays; where nothing comes in time, silence."""

    def __init__(self, name: str, opened: Callable[[], Pcm], played: Callable[[AudioBlock], None]) -> None:
        """`played` hears every block on its way, on this stream's thread."""
        super().__init__(name, opened)
        self._played = played
        self._next: bytes | None = None
        self._dry = True
        self._patience_s = FIRST_S

    def write(self, samples: bytes) -> None:
        """Hand over a block, and wait until the next one may come; raises `DeviceError` after a second."""
        with self._changed:
            self._wait_until_taken()
            self._next = samples
            self._changed.notify_all()
            self._wait_until_taken()
            self._patience_s = STALLED_S

    def _wait_until_taken(self) -> None:
        taken = self._changed.wait_for(lambda: self._next is None or self._error, self._patience_s)
        self._raise_error()
        if not taken:
            raise DeviceError(f"{self.name} plays nothing: check its cable and that no other program holds it")

    def _start(self, pcm: Pcm) -> None:
        """Begin with a buffer full of silence, so that the first sound has time to come."""
        for _ in range(pcm.buffer // BLOCK):
            self._give(pcm, _SILENCE)
        pcm.start()

    def _step(self, pcm: Pcm) -> None:
        if not pcm.wait(_SLICE_S):
            return
        room = pcm.available()
        if room < BLOCK:
            time.sleep(_MARGIN_S / 2)
            return
        samples = self._take((pcm.buffer - room) / SAMPLE_RATE - _MARGIN_S)
        if samples is None and not self._dry:
            self.xruns += 1
        self._dry = samples is None
        self._give(pcm, samples or _SILENCE)

    def _take(self, timeout_s: float) -> bytes | None:
        """Return what is next, if it comes before the device runs dry."""
        with self._changed:
            self._changed.wait_for(lambda: self._next is not None or self._stop, max(0.0, timeout_s))
            samples, self._next = self._next, None
            self._changed.notify_all()
            return samples

    def _give(self, pcm: Pcm, samples: bytes) -> None:
        pcm.write(samples if pcm.channels == 1 else _on_all(samples, pcm.channels))
        ahead, at_ns = pcm.delay()
        self._played(AudioBlock(samples, self._stamp(at_ns + ahead * 1_000_000_000 // SAMPLE_RATE)))


def _on_all(samples: bytes, channels: int) -> bytes:
    return np.repeat(np.frombuffer(samples, "<i2"), channels).tobytes()


def _picked(samples: bytes, channels: int, order: tuple[int, ...]) -> bytes:
    if order == tuple(range(channels)):
        return samples
    return np.frombuffer(samples, "<i2").reshape(-1, channels)[:, order].tobytes()


def _answer(ask: Callable[[], tuple[int, ...]], future: "Future[tuple[int, ...]]") -> None:
    try:
        future.set_result(ask())
    except (DeviceError, OSError) as err:
        future.set_exception(err)
