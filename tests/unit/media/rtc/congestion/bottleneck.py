"""A bottleneck link in simulated time: a queue of a limited length, loss, delay; several senders share it."""

import random
from collections import deque
from dataclasses import dataclass, field

from appliance.media.rtc.congestion.arrivals import ArrivalLog
from appliance.media.rtc.congestion.controller import Controller
from appliance.media.rtc.congestion.pacer import FALLEN_PACING, PACING, Pacer, Urgency

MS = 1000
SOUND_EVERY, SOUND_BYTES = 20, 130
PACKET = 1100
AHEAD = 77_000_000
"""The receivers' clock, by which nobody may be led astray."""


@dataclass
class Flow:
    """A sender of sound and video with a receiver that sends feedback."""

    controller: Controller
    begins_ms: int = 0
    use: float = 1.0
    """Share of its budget that the encoder makes use of."""
    sends: bool = True
    sequence: int = 65_000
    pacer: Pacer = field(default_factory=lambda: Pacer(750_000))
    arrivals: ArrivalLog = field(default_factory=ArrivalLog)
    received: list[tuple[int, int]] = field(default_factory=list)
    """(ms, bytes) of what arrived."""
    sounds: list[tuple[int, int]] = field(default_factory=list)
    """(ms sent, ms arrived) of each sound packet."""
    sent_bytes: list[tuple[int, int]] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    """Each millisecond's."""
    frames_dropped: int = 0

    def rate(self, first_ms, last_ms):
        return sum(size for at, size in self.received if first_ms <= at < last_ms) * 8000 / (last_ms - first_ms)

    def sending_rate(self, first_ms, last_ms):
        return sum(size for at, size in self.sent_bytes if first_ms <= at < last_ms) * 8000 / (last_ms - first_ms)


@dataclass
class Link:
    rate: object
    """Milliseconds to bits per second."""
    queue_ms: int = 300
    delay_ms: int = 25
    loss: float = 0.0
    feedback_loss: float = 0.0
    seed: int = 0
    delays: list[int] = field(default_factory=list)
    """What the queue added to a packet that left in each millisecond, in ms."""

    def run(self, flows, seconds):
        self._dice = random.Random(self.seed)
        self._queue, self._queued, self._credit = deque(), 0, 0.0
        self._arriving, self._returning = deque(), deque()
        for ms in range(seconds * 1000):
            for flow in flows:
                if ms >= flow.begins_ms:
                    self._enqueue(flow, ms)
            self._carry(ms)
            self._arrive(ms)
            for flow in flows:
                for fci in flow.arrivals.take(ms * MS + AHEAD):
                    if self._dice.random() >= self.feedback_loss:
                        self._returning.append((ms + self.delay_ms, flow, fci))
            self._return(ms)

    def _enqueue(self, flow, ms):
        for sequence, size, kind in self._sent(flow, ms, self._dice):
            if self._queued * 8000 / self.rate(ms) <= self.queue_ms and self._dice.random() >= self.loss:
                self._queue.append((flow, ms, sequence, size, kind))
                self._queued += size

    def _carry(self, ms):
        step = self.rate(ms) / 8000
        self._credit = min(self._credit + step, max(step, 1500)) if self._queue else 0.0
        delay = self.delays[-1] if self.delays else 0
        while self._queue and self._queue[0][3] <= self._credit:
            flow, at, sequence, size, kind = self._queue.popleft()
            self._credit -= size
            self._queued -= size
            delay = ms - at
            self._arriving.append((ms + self.delay_ms, flow, at, sequence, size, kind))
        self.delays.append(delay if self._queue else 0)

    def _arrive(self, ms):
        while self._arriving and self._arriving[0][0] <= ms:
            _, flow, at, sequence, size, kind = self._arriving.popleft()
            flow.arrivals.add(sequence, ms * MS + AHEAD)
            flow.received.append((ms, size))
            if kind is Urgency.SOUND:
                flow.sounds.append((at, ms))

    def _return(self, ms):
        while self._returning and self._returning[0][0] <= ms:
            _, flow, fci = self._returning.popleft()
            assert flow.controller.feedback(fci, ms * MS)
            probe = flow.controller.probe(ms * MS)
            if probe is not None:
                flow.pacer.start_probe(probe, ms * MS)

    def _sent(self, flow, ms, dice):
        now = ms * MS
        flow.controller.tick(now)
        target = flow.controller.target
        flow.targets.append(target)
        flow.pacer.set_rate(int(target * (FALLEN_PACING if flow.controller.collapsed(now) else PACING)))
        age = ms - flow.begins_ms
        if age % SOUND_EVERY == 0:
            flow.pacer.push((SOUND_BYTES, Urgency.SOUND), SOUND_BYTES, Urgency.SOUND)
        if flow.sends and age % 100 in {0, 33, 67}:
            self._shoot(flow, target, age, dice)
        rows = []
        ready = flow.pacer.due(now)
        while (padding := flow.pacer.padding(now)) > 0:
            size = min(padding, PACKET)
            flow.pacer.push((size, Urgency.REPAIR), size, Urgency.REPAIR)
            ready += flow.pacer.due(now)
        for size, kind in ready:
            rows.append((flow.sequence, size, kind))
            flow.controller.sent([(flow.sequence, now, size)])
            flow.sequence = (flow.sequence + 1) & 0xFFFF
            flow.sent_bytes.append((ms, size))
        return rows

    def _shoot(self, flow, target, age, dice):
        if flow.pacer.video_waits:
            flow.frames_dropped += 1
            return
        budget = max(target - 52_000, 0) * flow.use
        size = int(budget / 30 / 8 * dice.uniform(0.7, 1.3) * (3 if age == 0 else 1))
        while size > 0:
            packet = min(size, PACKET)
            flow.pacer.push((packet, Urgency.VIDEO), packet, Urgency.VIDEO)
            size -= packet
