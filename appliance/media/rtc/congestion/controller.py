"""The sender's estimate of one transport: what it may send in all, in bits per second, whoever does the sending.

Rows of the send log go in by `sent`, feedback by `feedback` (transport-wide), `remb` and `report` (receiver reports).
A pacer asks for `target` and `probe`; nothing here knows packets, sockets or streams.
"""

from collections.abc import Iterable

from appliance.media.rtc.congestion import wire
from appliance.media.rtc.congestion.delay import DelayDetector, Usage
from appliance.media.rtc.congestion.loss import LossRate
from appliance.media.rtc.congestion.probing import Probe, Prober
from appliance.media.rtc.congestion.rates import DelayRate
from appliance.media.rtc.congestion.sendlog import Delivered, Outcome, Row, SendLog
from appliance.media.rtc.congestion.throughput import Throughput, probed

START = 600_000
LEAST = 40_000
"""Sound alone must always fit, if not at its best."""
MOST = 3_000_000
_FIRST_RTT_US = 100_000
_MOST_RTT_US = 2_000_000
_SILENCE_US = 1_000_000
_SILENT_STEP_US = 500_000
_SILENT_CUT = 0.7
_PROBE_SHARE = 0.8
_FULL_US = 1_000_000
_COLLAPSE = 0.6
_FULL_LOSS = 0.2
"""Fewer losses without a queue are a bad network, and sending less does not make it better."""


class Controller:
    """One for each transport that sends."""

    def __init__(self, *, start: int = START, least: int = LEAST, most: int = MOST) -> None:
        self._least, self._most = least, most
        self._log = SendLog()
        self._detector = DelayDetector()
        self._throughput = Throughput()
        self._delay_rate = DelayRate(start=start, least=least, most=most)
        self._loss = LossRate(least=least)
        self._remb: int | None = None
        self._prober = Prober()
        self._probe: Probe | None = None
        self._probe_packets: list[Delivered] = []
        self._unheard_since: int | None = None
        self._heard = False
        self._fell_at: int | None = None
        self._collapsed_at: int | None = None
        self.rtt_us = _FIRST_RTT_US

    @property
    def target(self) -> int:
        """What may be sent now, sound and retransmissions included."""
        limits = [limit for limit in (self._loss.limit, self._remb) if limit is not None]
        return max(min([self._delay_rate.rate, *limits]), self._least)

    @property
    def loss(self) -> float:
        """Share of packets lost lately."""
        return self._loss.fraction

    @property
    def heard(self) -> bool:
        """Whether the other side sends transport-wide feedback at all."""
        return self._heard

    @property
    def bounded(self) -> bool:
        """Whether the receiver sends an estimate of its own."""
        return self._remb is not None

    def full(self, now: int) -> bool:
        """Tell whether more was sent a moment ago than the network carries: a queue grew, or very much was lost."""
        return self._fell_at is not None and now - self._fell_at < _FULL_US

    def collapsed(self, now: int) -> bool:
        """Tell whether the network became much narrower a moment ago: what it holds already must leave it first."""
        return self._collapsed_at is not None and now - self._collapsed_at < _FULL_US

    def want(self, most: int) -> None:
        """Learn how much the streams can use; nothing beyond is tried."""
        self._most = max(most, self._least)
        self._delay_rate.limit(self._most)

    def sent(self, rows: Iterable[Row]) -> None:
        """Note packets, in the order they were sent; those of a probe are the first after `probe` returned it."""
        for row in rows:
            self._log.add((row,))
            if self._unheard_since is None:
                self._unheard_since = row[1]

    def feedback(self, fci: bytes, now: int) -> bool:
        """Take transport-wide feedback as it came; False if it makes no sense."""
        try:
            outcome = self._log.settle(wire.parse(fci))
        except wire.BadFeedback:
            return False
        if outcome.delivered:
            self._heard = True
            self._unheard_since = None
            self._note_rtt(outcome, now)
        self._adapt(outcome, now)
        return True

    def remb(self, rate: int) -> None:
        """Take the receiver's own estimate as an upper bound."""
        self._remb = max(rate, self._least)

    def report(self, lost: float, *, rtt_us: int | None, now: int) -> None:
        """Take a receiver report, for servers that send no transport-wide feedback: only losses can be learnt of."""
        if self._heard:
            return
        if rtt_us is not None:
            # measured with a clock that may be set meanwhile, and with what the receiver says
            self.rtt_us = min(max(rtt_us, 0), _MOST_RTT_US)
        self._loss.update(round(100 * (1 - lost)), round(100 * lost), rate=self.target, rtt_us=self.rtt_us, now=now)

    def tick(self, now: int) -> None:
        """Let time pass: with no word from the receiver its network may be gone."""
        since = self._unheard_since
        if not self._heard or since is None or now - since < _SILENCE_US + self.rtt_us:
            return
        self._unheard_since = now - _SILENCE_US - self.rtt_us + _SILENT_STEP_US
        self._delay_rate.jump(int(self.target * _SILENT_CUT))

    def probe(self, now: int) -> Probe | None:
        """Return a probe to be sent at once, before anything else."""
        if not self._heard:
            return None
        probe = self._prober.next(now, target=self.target, most=self._most)
        if probe is not None:
            self._probe, self._probe_packets = probe, []
            self._log.mark(probe.size)
        return probe

    def _adapt(self, outcome: Outcome, now: int) -> None:
        before = self.target
        usage = self._detector.update(outcome.delivered)
        arriving = self._throughput.update(outcome.delivered)
        fell = self._delay_rate.update(usage, arriving=arriving, rtt_us=self.rtt_us, now=now)
        self._loss.update(len(outcome.delivered), outcome.lost, rate=before, rtt_us=self.rtt_us, now=now)
        self._judge_probe(outcome, usage, before, now)
        if fell or self.loss > _FULL_LOSS:
            self._fell_at = now
        if fell and self.target < _COLLAPSE * before:
            self._collapsed_at = now
        if fell or self.target < before:
            self._prober.fell(before, self.target, now)

    def _judge_probe(self, outcome: Outcome, usage: Usage, before: int, now: int) -> None:
        if self._probe is None:
            return
        self._probe_packets += [packet for packet in outcome.delivered if packet.probe]
        if sum(packet.size for packet in self._probe_packets) < _PROBE_SHARE * self._probe.size:
            return
        result = probed(self._probe_packets)
        self._probe = None
        if result is not None and result.carried > before and usage is not Usage.OVER:
            self._delay_rate.jump(result.carried)
            self._loss.lift()
        self._prober.done(result, target=before, now=now)

    def _note_rtt(self, outcome: Outcome, now: int) -> None:
        newest = max(packet.sent_us for packet in outcome.delivered)
        self.rtt_us += (min(max(now - newest, 0), _MOST_RTT_US) - self.rtt_us) // 8
