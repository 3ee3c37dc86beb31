"""The microphone to Opus through the mute gate, and everybody's sound to the loudspeaker: one thread each."""

import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable

import numpy as np

from appliance.media.gate import MuteGate
from appliance.media.keeper import readings
from appliance.media.mixer import Mixer
from appliance.media.opus import BITRATE, OpusEncoder
from appliance.media.rtc.frames import AUDIO_CLOCK, EncodedFrame
from appliance.meetings.provider import Sent
from hardware.ports import MIC_BLOCK, SPEAKER_BLOCK, Microphone, Speaker

_REPORT_EVERY = 50
"""Packets between two looks at what the receiver reports: a second."""
_LOSS_WEIGHT = 0.3


class MicrophoneFeed:
    """What the microphone's thread does. While the gate is shut nothing is encoded, so nothing can leak."""

    def __init__(self, *, gate: MuteGate, loop: AbstractEventLoop) -> None:
        self._gate, self._loop = gate, loop
        self._out: Sent | None = None
        self._timestamp = 0
        self._bitrate, self._loss = BITRATE, 0.0
        self._sent = 0
        self.level = 0.0
        """RMS before the gate, 0 to 1."""

    def send_to(self, out: Sent | None) -> None:
        """Send to `out` from now on."""
        if self._out is not None:
            self._out.on_bitrate = None
        self._out = out
        self._bitrate, self._loss, self._sent = BITRATE, 0.0, 0
        if out is not None:
            out.on_bitrate = self.set_bitrate

    def set_bitrate(self, bits_per_s: int) -> None:
        """Spend this much on the sound, from the next packet on."""
        self._bitrate = bits_per_s

    def set_loss(self, fraction: float) -> None:
        """Expect this share of the packets to be lost, 0 to 1: more error correction, less of everything else."""
        self._loss = fraction

    def work(self, microphone: Microphone, works: Callable[[], None], stop: threading.Event) -> None:
        """Serve one opened microphone until `stop`."""
        encoder: OpusEncoder | None = None
        try:
            for block in readings(microphone, works, stop):
                self._timestamp = (self._timestamp + MIC_BLOCK) & 0xFFFFFFFF
                self.level = _rms(block.samples)
                if self._gate.mic_muted or self._out is None:
                    # what the encoder still holds from before is not for later
                    encoder = None
                    continue
                encoder = encoder or OpusEncoder()
                encoder.set_bitrate(self._bitrate)
                encoder.set_loss(self._loss)
                data = encoder.encode(block.samples)
                if data:
                    frame = EncodedFrame("opus", self._timestamp, AUDIO_CLOCK, data, level=_dbov(self.level))
                    self._loop.call_soon_threadsafe(self._send, frame)
        finally:
            self.level = 0.0

    def _send(self, frame: EncodedFrame) -> None:
        # the gate may have shut while the packet waited for the loop
        if self._out is None or self._gate.mic_muted:
            return
        self._out.send(frame)
        self._sent += 1
        if self._sent % _REPORT_EVERY == 0:
            # a single report covers few packets
            self.set_loss(self._loss + (self._out.stats().fraction_lost - self._loss) * _LOSS_WEIGHT)


class Loudspeaker:
    """What the loudspeaker's thread does: its clock drives the mixer."""

    def __init__(self, mixer: Mixer) -> None:
        self._mixer = mixer

    def work(self, speaker: Speaker, works: Callable[[], None], stop: threading.Event) -> None:
        """Serve one opened loudspeaker until `stop`."""
        speaker.write(self._mixer.pull(SPEAKER_BLOCK))
        works()
        while not stop.is_set():
            speaker.write(self._mixer.pull(SPEAKER_BLOCK))
        self._mixer.level = 0.0


def _rms(samples: bytes) -> float:
    return float(np.sqrt(np.mean(np.square(np.frombuffer(samples, "<i2").astype(np.float32))))) / 32768


def _dbov(level: float) -> int:
    """Return an RMS as RFC 6464 counts it: dB below full scale, 0 to 127."""
    return 127 if level <= 0 else min(127, round(-20 * np.log10(level)))
