"""One person's sound, from packets as the network brings them to samples as the loudspeaker takes them.

A jitter buffer in time, not in packets: how late each sample is played against the quickest packet is steered to what
`TargetDelay` asks for, by stretching the sound. That also follows the drift of the sender's clock against ours.
"""

from dataclasses import dataclass

import numpy as np

from appliance.media.delay import TargetDelay
from appliance.media.libopus import Samples, whole_steps
from appliance.media.opus import Decoder, is_silence, opus_decoder
from appliance.media.rtc.frames import AUDIO_CLOCK, EncodedFrame
from appliance.media.stretch import LEAST, LONGEST, lengthened, shortened

MOST_MS = 500.0
"""Sound that would be played later than this is skipped."""
_UNITS = AUDIO_CLOCK / 1000
"""Samples in a millisecond."""
_WAIT = AUDIO_CLOCK // 100
_FADE_AFTER = AUDIO_CLOCK * 60 // 1000
_MOST_WAITED = AUDIO_CLOCK * 120 // 1000
"""For this long a missing packet is bridged; then it is a pause."""
_RESTART = AUDIO_CLOCK * 3
"""A jump this far is another stream."""
_MOST_PACKETS = 250
"""Packets kept while nobody pulls: a loudspeaker that is gone for hours must not fill the memory."""
_SMOOTH = 0.05
"""Weight of each packet's delay: a loudspeaker that takes lumps is no reason to stretch."""
_TOO_LONG_MS = _TOO_SHORT_MS = 10.0
_FAR_MS = 60.0
"""So far off that sound without a period is stretched as well."""
_EVERY_SHORTER, _EVERY_LONGER = 5, 2
"""Packets from one period left out, or repeated, to the next: at most a tenth faster, a quarter slower."""
_NOTHING: Samples = np.zeros(0, np.int16)


@dataclass(frozen=True, slots=True)
class PlayoutStats:
    """How one stream sounded since it began."""

    delay_ms: float = 0.0
    """From the earliest possible arrival of a sample to the loudspeaker's pull."""
    target_ms: float = 0.0
    played_s: float = 0.0
    concealed_s: float = 0.0
    """Of that, invented because nothing had come."""
    lost: int = 0
    """Packets that were not there when it was their time."""
    recovered: int = 0
    """Of those, brought by the packet after them."""
    late: int = 0
    dropped: int = 0
    """Packets skipped because the sound was too far behind."""

    @property
    def concealed(self) -> float:
        """The invented share, 0 to 1."""
        return self.concealed_s / self.played_s if self.played_s else 0.0


class Playout:
    """Orders, waits, conceals and stretches. Not thread-safe; time comes with every call."""

    def __init__(self, decoder: Decoder | None = None) -> None:
        self.target = TargetDelay()
        self.heard: tuple[int, float] | None = None
        """A timestamp, and the time in milliseconds at which its sound left or leaves."""
        self._decoder = opus_decoder() if decoder is None else decoder
        self._packets: dict[int, bytes] = {}
        self._begun = False
        self._newest = 0
        self._next = 0
        """Position of the next packet to play; in a pause, of the earliest that may still come."""
        self._pausing = True
        self._silent = False
        """The sender said that it sends nothing for a while."""
        self._length = AUDIO_CLOCK // 50
        self._left = self._past = _NOTHING
        self._waited = 0
        self._gain = 0.0
        self._delay_ms = 0.0
        self._unchanged = 0
        self._played = self._concealed = 0
        self._lost = self._recovered = self._late = self._dropped = 0

    def push(self, frame: EncodedFrame, now_ns: int) -> None:
        """Take a packet from the network, in whatever order they come."""
        now = now_ns / 1e6
        position = self._unwrapped(frame.timestamp)
        if not self._begun or abs(position - self._newest) > _RESTART:
            self._restart(position)
        if position in self._packets:
            return
        self.target.arrived(position / _UNITS, now)
        if position < self._next:
            self._late += 1
            self.target.was_late(self._delay_of(position, now), now)
            return
        self._packets[position] = frame.data
        self._newest = max(position, self._newest)
        if len(self._packets) > _MOST_PACKETS:
            del self._packets[min(self._packets)]
            self._dropped += 1

    def pull(self, count: int, now_ns: int) -> Samples | None:
        """Return the next `count` samples, None for silence."""
        now = now_ns / 1e6
        self._drop_stale(now)
        while len(self._left) < count:
            block = self._more(now)
            if block is None:
                break
            self._left = np.concatenate((self._left, block)) if len(self._left) else block
        if not len(self._left):
            return None
        out, self._left = self._left[:count], self._left[count:]
        return out if len(out) == count else np.pad(out, (0, count - len(out)))

    def rest(self, now_ns: int) -> None:
        """Let what is due pass by unheard, and undecoded."""
        now = now_ns / 1e6
        target = self.target.at(now)
        due = [position for position in self._packets if self._delay_of(position, now) >= target]
        for position in due:
            del self._packets[position]
        self._next = max(self._next, max(due, default=self._next - self._length) + self._length)
        self._pausing, self._waited, self._gain, self._left = True, 0, 0.0, _NOTHING

    @property
    def delay_ms(self) -> float:
        """From the earliest possible arrival of a sample to the loudspeaker's pull."""
        return self._delay_ms

    def stats(self, now_ns: int) -> PlayoutStats:
        """Return the counters."""
        return PlayoutStats(
            delay_ms=self._delay_ms,
            target_ms=self.target.at(now_ns / 1e6),
            played_s=self._played / AUDIO_CLOCK,
            concealed_s=self._concealed / AUDIO_CLOCK,
            lost=self._lost,
            recovered=self._recovered,
            late=self._late,
            dropped=self._dropped,
        )

    def _unwrapped(self, timestamp: int) -> int:
        """Return a position without the 32-bit wrap."""
        return self._newest + (timestamp - self._newest + 0x80000000) % 0x100000000 - 0x80000000

    def _restart(self, position: int) -> None:
        self._packets.clear()
        self.target.forget_clock()
        self._begun, self._pausing, self._silent = True, True, False
        self._waited, self._gain = 0, 0.0
        # packets that the first one overtook are welcome
        self._newest, self._next = position, position - _RESTART

    def _delay_of(self, position: int, now: float) -> float:
        return self.target.of(position / _UNITS, now)

    def _more(self, now: float) -> Samples | None:
        """Return what comes next, however long; None in a pause."""
        if self._pausing and not self._resumed(now):
            return None
        samples = self._following(now)
        if samples is not None and len(samples):
            self._played += len(samples)
            enough = len(samples) >= LONGEST
            self._past = (samples if enough else np.concatenate((self._past, samples)))[-LONGEST:]
        return samples

    def _following(self, now: float) -> Samples | None:
        packet = self._packets.pop(self._next, None)
        if packet is not None:
            return self._decoded(packet, now)
        return self._bridged(min(self._packets)) if self._packets else self._awaited()

    def _resumed(self, now: float) -> bool:
        """End a pause when the first packet after it has waited as long as it should."""
        first = min(self._packets, default=None)
        if first is None or self._delay_of(first, now) < self.target.at(now):
            return False
        self._delay_ms = self._delay_of(first, now)
        if first != self._next:
            self._waited = 0
        self._pausing, self._next = False, first
        return True

    def _decoded(self, packet: bytes, now: float) -> Samples:
        delay = self._delay_of(self._next, now)
        self._delay_ms += (delay - self._delay_ms) * (1.0 if self._waited else _SMOOTH)
        if self._waited:
            self.target.was_late(delay, now)
        self._waited = 0
        self.heard = self._next & 0xFFFFFFFF, now + len(self._left) / _UNITS
        samples = self._opened(packet)
        while len(samples) < LEAST and (packet := self._packets.pop(self._next, b"")):
            samples = np.concatenate((samples, self._opened(packet)))
        return self._faded(self._fitted(samples, now), 1.0)

    def _opened(self, packet: bytes) -> Samples:
        samples = self._decoder.decode(packet)
        self.target.played(lost=samples is None)
        self._silent = is_silence(packet)
        if samples is None:
            self._lost += 1
            samples = self._concealment(self._length)
        self._length = len(samples)
        self._next += len(samples)
        return samples

    def _bridged(self, first: int) -> Samples | None:
        """Fill the hole before packet `first`, one packet's length at a time."""
        hole = first - self._next
        if self._silent or hole > _MOST_WAITED:
            return self._pause()
        step = min(hole, self._length)
        self._lost += 1
        self.target.played(lost=True)
        samples = self._decoder.recover(self._packets[first], step) if hole == step else None
        if samples is None:
            samples = self._concealment(whole_steps(max(step - self._waited, 0)))
        else:
            self._recovered += 1
        self._next += step
        self._waited = 0
        return self._faded(samples, 1.0)

    def _awaited(self) -> Samples | None:
        """Bridge the time until the next packet comes; the place of the sound in time is kept for it."""
        if self._silent or self._waited >= _MOST_WAITED:
            return self._pause()
        self._waited += _WAIT
        fading = (self._waited - _FADE_AFTER) / (_MOST_WAITED - _FADE_AFTER)
        return self._faded(self._concealment(_WAIT), min(self._gain, 1.0 - max(fading, 0.0)))

    def _pause(self) -> Samples | None:
        self._pausing = True
        return None if self._gain == 0.0 else self._faded(self._decoder.conceal(_WAIT), 0.0)

    def _concealment(self, count: int) -> Samples:
        self._concealed += count
        return self._decoder.conceal(count) if count else _NOTHING

    def _faded(self, samples: Samples, gain: float) -> Samples:
        """Glide from the gain of before to this one."""
        before, self._gain = self._gain, gain if len(samples) else self._gain
        if before == gain == 1.0 or not len(samples):
            return samples
        glide = np.full(len(samples), gain, np.float32)
        ramp = min(len(samples), _WAIT)
        glide[:ramp] = np.linspace(before, gain, ramp, dtype=np.float32)
        return (samples * glide).astype(np.int16)

    def _fitted(self, samples: Samples, now: float) -> Samples:
        """Make the samples a little longer or shorter when the delay is not what it should be."""
        excess = self._delay_ms - self.target.at(now)
        self._unchanged += 1
        force = abs(excess) > _FAR_MS
        if excess > _TOO_LONG_MS and (force or self._unchanged >= _EVERY_SHORTER):
            fitted = shortened(samples, force=force)
        elif excess < -_TOO_SHORT_MS and self._unchanged >= _EVERY_LONGER:
            fitted = lengthened(self._past, samples, force=force)
        else:
            return samples
        if len(fitted) != len(samples):
            self._unchanged = 0
            self._delay_ms += (len(fitted) - len(samples)) / _UNITS
        return fitted

    def _drop_stale(self, now: float) -> None:
        """After a long standstill, go on with the newest sound and not with all that was missed."""
        if not self._packets or self._delay_of(min(self._packets), now) <= MOST_MS:
            return
        target = self.target.at(now)
        kept = {at: data for at, data in self._packets.items() if self._delay_of(at, now) <= target}
        self._dropped += len(self._packets) - len(kept)
        self._packets = kept
        self._next = min(kept, default=self._newest + self._length)
        self._pausing, self._waited, self._gain = True, 0, 0.0
