"""The microphone to Opus through the mute gate, and everybody's sound to the loudspeaker: one thread each."""

import threading
import time
from asyncio import AbstractEventLoop
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from appliance.media.ear import Ear
from appliance.media.gate import MuteGate
from appliance.media.keeper import readings
from appliance.media.mixer import Mixer
from appliance.media.options import SoundSettings
from appliance.media.opus import BITRATE, OpusEncoder
from appliance.media.rtc.frames import AUDIO_CLOCK, EncodedFrame
from appliance.media.sound.chain import SoundChain
from appliance.meetings.provider import Sent
from appliance.state.sound import Hearing
from hardware.ports import BLOCK, AudioBlock, Microphone, Speaker

_REPORT_EVERY = 50
"""Packets between two looks at what the receiver reports: a second."""
_LOSS_WEIGHT = 0.3
_PACKET_BLOCKS = 2
"""Blocks of a microphone in one packet: 20 ms."""


class MicrophoneFeed:
    """What the microphone's thread does: the room's sound is processed on it, and on no other.

    While the gate is shut nothing is encoded, so nothing can leak.
    """

    def __init__(
        self,
        *,
        gate: MuteGate,
        loop: AbstractEventLoop,
        settings: SoundSettings = SoundSettings(),  # noqa: B008 - a frozen value
        heard: Callable[[Hearing], None] = lambda _: None,
        turned: Callable[[float | None, float], None] = lambda *_: None,
    ) -> None:
        """`heard` is called in the event loop; `turned` with the direction of the voice and the time, on our thread."""
        self._gate, self._loop, self._settings = gate, loop, settings
        self._heard, self._turned = heard, turned
        self._out: Sent | None = None
        self._timestamp = 0
        self._bitrate, self._loss = BITRATE, 0.0
        self._sent = 0
        self._chain: SoundChain | None = None
        self.speaker_id = ""
        """Of the device that plays, empty for none or one without."""
        self.level = 0.0
        """RMS before the gate, 0 to 1."""
        self.left_s: float | None = None
        """When a packet last left, monotonic."""
        self.record: Callable[[AudioBlock], None] | None = None
        self.recorded: Callable[[AudioBlock], None] | None = None
        """They hear each block as it was captured, and as it was played: for the sound check."""

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

    def played(self, block: AudioBlock) -> None:
        """Hear what leaves the loudspeaker, on its driver's thread: its echo is taken out of what the room says."""
        chain, recorded = self._chain, self.recorded
        if chain is not None:
            chain.played(block)
        if recorded is not None:
            recorded(block)

    def work(self, microphone: Microphone, works: Callable[[], None], stop: threading.Event) -> None:
        """Serve one opened microphone until `stop`."""
        speaker_id = self.speaker_id
        chain, ear = self._ears(microphone)
        encoder: OpusEncoder | None = None
        packet: list[bytes] = []
        try:
            for block in readings(microphone, works, stop):
                self._timestamp = (self._timestamp + BLOCK) & 0xFFFFFFFF
                if speaker_id != self.speaker_id:
                    speaker_id = self.speaker_id
                    ear.close()
                    chain, ear = self._ears(microphone)
                sound = self._process(chain, ear, block)
                if self._gate.mic_muted or self._out is None:
                    # what the encoder and an unfinished packet still hold from before is not for later
                    encoder = None
                    packet.clear()
                    continue
                packet.append(sound)
                if len(packet) == _PACKET_BLOCKS:
                    encoder = encoder or OpusEncoder()
                    self._encode(encoder, b"".join(packet))
                    packet.clear()
        finally:
            self._chain = None
            self.level = 0.0
            ear.close()
            self._turned(None, time.monotonic())

    def _ears(self, microphone: Microphone) -> tuple[SoundChain, Ear]:
        """Begin anew with a microphone and the loudspeaker of now."""
        array = microphone.array
        # a device takes out what it plays itself, and knows nothing of another's sound
        cleans = array.cleans and (microphone.simulated or (bool(microphone.id) and microphone.id == self.speaker_id))
        # a simulated voice needs no model to be told from noise
        settings = replace(self._settings, voice_model=self._settings.voice_model and not microphone.simulated)
        chain = self._chain = SoundChain(replace(array, cleans=cleans), settings)

        def heard(hearing: Hearing) -> None:
            self._loop.call_soon_threadsafe(self._heard, hearing)

        return chain, Ear(cleans=cleans, heard=heard)

    def _process(self, chain: SoundChain, ear: Ear, block: AudioBlock) -> bytes:
        """Return 10 ms of what may be sent."""
        now = time.monotonic()
        done = chain.process(block)
        # a block that is none has been refused
        if self.record is not None:
            self.record(block)
        self.level = done.level
        ear.take(done, now, muted=self._gate.mic_muted)
        self._turned(done.direction_deg if done.speech else None, now)
        return done.samples.astype("<i2").tobytes()

    def _encode(self, encoder: OpusEncoder, sound: bytes) -> None:
        encoder.set_bitrate(self._bitrate)
        encoder.set_loss(self._loss)
        data = encoder.encode(sound)
        if data:
            frame = EncodedFrame("opus", self._timestamp, AUDIO_CLOCK, data, level=_dbov(_rms(sound)))
            self._loop.call_soon_threadsafe(self._send, frame)

    def _send(self, frame: EncodedFrame) -> None:
        # the gate may have shut while the packet waited for the loop
        if self._out is None or self._gate.mic_muted:
            return
        self._out.send(frame)
        self.left_s = time.monotonic()
        self._sent += 1
        if self._sent % _REPORT_EVERY == 0:
            # a single report covers few packets
            self.set_loss(self._loss + (self._out.stats().fraction_lost - self._loss) * _LOSS_WEIGHT)


class Loudspeaker:
    """What the loudspeaker's thread does: its clock drives the mixer."""

    def __init__(self, mixer: Mixer, microphones: MicrophoneFeed) -> None:
        """`microphones` hear what leaves, on the driver's own thread: it is to be taken out of what they capture."""
        self._mixer, self._microphones = mixer, microphones

    def work(self, speaker: Speaker, works: Callable[[], None], stop: threading.Event) -> None:
        """Serve one opened loudspeaker until `stop`."""
        speaker.on_played = self._microphones.played
        self._microphones.speaker_id = speaker.id
        try:
            speaker.write(self._mixer.pull(BLOCK))
            works()
            while not stop.is_set():
                speaker.write(self._mixer.pull(BLOCK))
        finally:
            speaker.on_played = None
            self._microphones.speaker_id = ""
            self._mixer.level = 0.0


def _rms(samples: bytes) -> float:
    return float(np.sqrt(np.mean(np.square(np.frombuffer(samples, "<i2").astype(np.float32))))) / 32768


def _dbov(level: float) -> int:
    """Return an RMS as RFC 6464 counts it: dB below full scale, 0 to 127."""
    return 127 if level <= 0 else min(127, round(-20 * np.log10(level)))
