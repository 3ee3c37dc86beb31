"""The microphone's thread and the mute gate in front of the encoder; the loudspeaker's thread behind the mixer."""

import asyncio
import itertools
import threading
import wave

import numpy as np

from appliance.media import audio
from appliance.media.audio import Loudspeaker, MicrophoneFeed
from appliance.media.gate import MuteGate
from appliance.media.mixer import Mixer
from appliance.media.opus import OpusEncoder, opus_decoder
from appliance.media.rtc.frames import OutStats
from hardware import registry


class Line:
    """Collects what is sent."""

    on_keyframe_request = None
    fraction_lost = 0.0

    def __init__(self):
        self.sent = []
        self.news = asyncio.Event()

    def send(self, frame):
        self.sent.append(frame)
        self.news.set()

    def stats(self):
        return OutStats(fraction_lost=self.fraction_lost)

    async def more(self, count):
        wanted = len(self.sent) + count
        async with asyncio.timeout(10):
            while len(self.sent) < wanted:
                self.news.clear()
                await self.news.wait()


class Studio:
    def __init__(self, tmp_path):
        self.path = tmp_path / "gate.json"
        self.stop = threading.Event()
        self.line = Line()

    async def unmute(self):
        await asyncio.to_thread(self.gate.set, mic_muted=False, camera_off=True)

    async def __aenter__(self):
        self.gate = await asyncio.to_thread(MuteGate, self.path)
        self.feed = MicrophoneFeed(gate=self.gate, loop=asyncio.get_running_loop())
        self.thread = asyncio.create_task(asyncio.to_thread(self._listen), name="microphone")
        return self

    async def __aexit__(self, *_):
        self.stop.set()
        await self.thread

    def _listen(self):
        with registry.microphone("sim:tone?hz=500") as microphone:
            self.feed.work(microphone, lambda: None, self.stop)


async def test_an_open_gate_sends_packets_of_20_ms(tmp_path):
    async with Studio(tmp_path) as studio:
        await studio.unmute()
        studio.feed.send_to(studio.line)
        await studio.line.more(30)
        stamps = [frame.timestamp for frame in studio.line.sent]
        assert {b - a for a, b in itertools.pairwise(stamps)} == {960}
        decoder = opus_decoder()
        sound = np.concatenate([decoder.decode(frame.data) for frame in studio.line.sent])
        spectrum = np.abs(np.fft.rfft(sound))
        assert abs(np.argmax(spectrum) * 48000 / len(sound) - 500) < 10
        assert min(frame.level for frame in studio.line.sent) < 30


async def test_a_shut_gate_lets_nothing_out_and_shuts_within_one_packet(tmp_path):
    async with Studio(tmp_path) as studio:
        await studio.unmute()
        studio.feed.send_to(studio.line)
        await studio.line.more(5)
        studio.gate.close_at_once(mic_muted=True, camera_off=True)
        sent = len(studio.line.sent)
        await asyncio.sleep(0.3)
        # not even the packet that was already on its way to the loop
        assert len(studio.line.sent) == sent


async def test_what_the_receiver_loses_and_the_budget_reach_the_encoder(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(OpusEncoder, "set_loss", lambda _, fraction: told.append(("loss", round(fraction, 3))))
    monkeypatch.setattr(OpusEncoder, "set_bitrate", lambda _, bitrate: told.append(("bitrate", bitrate)))
    async with Studio(tmp_path) as studio:
        studio.line.fraction_lost = 0.2
        await studio.unmute()
        studio.feed.send_to(studio.line)
        studio.line.on_bitrate(20_000)
        await studio.line.more(55)
    assert told[:2] == [("bitrate", 20_000), ("loss", 0.0)]
    assert told[-1] == ("loss", 0.06)


async def test_the_level_is_measured_while_muted(tmp_path):
    async with Studio(tmp_path) as studio:
        studio.feed.send_to(studio.line)
        async with asyncio.timeout(10):
            while studio.feed.level < 0.02:
                await asyncio.sleep(0.02)
        assert studio.line.sent == []
    assert studio.feed.level == 0


async def test_time_goes_on_while_muted(tmp_path):
    async with Studio(tmp_path) as studio:
        await studio.unmute()
        studio.feed.send_to(studio.line)
        await studio.line.more(2)
        before = studio.line.sent[-1].timestamp
        studio.gate.close_at_once(mic_muted=True, camera_off=True)
        await asyncio.sleep(0.2)
        await studio.unmute()
        await studio.line.more(1)
        assert studio.line.sent[-1].timestamp - before > 960 * 3


async def test_the_loudspeaker_plays_the_mix(tmp_path):
    mixer, stop, path = Mixer(), threading.Event(), tmp_path / "played.wav"
    gate = await asyncio.to_thread(MuteGate, tmp_path / "gate.json")
    microphones = MicrophoneFeed(gate=gate, loop=asyncio.get_running_loop())
    mixer.volume = 100
    mixer.ring()

    def play():
        with registry.speaker(f"sim:sink?record={path}") as speaker:
            Loudspeaker(mixer, microphones).work(speaker, lambda: None, stop)

    thread = asyncio.create_task(asyncio.to_thread(play), name="speaker")
    async with asyncio.timeout(10):
        while mixer.ringing:
            await asyncio.sleep(0.02)
    stop.set()
    await thread
    played = await asyncio.to_thread(_recorded, path)
    assert len(played) > 48000
    assert np.abs(played).max() > 3000


def _recorded(path):
    with wave.open(str(path)) as recording:
        return np.frombuffer(recording.readframes(10**7), "<i2")


async def test_what_was_amiss_is_taken_back_when_another_loudspeaker_comes(tmp_path, monkeypatch):
    """The ears begin anew then, and know nothing of what the old ones said."""
    heard, told = [], asyncio.Event()
    monkeypatch.setattr(audio.Ear, "close", lambda _: (heard.append("closed"), loop.call_soon_threadsafe(told.set)))
    loop = asyncio.get_running_loop()
    async with Studio(tmp_path) as studio:
        async with asyncio.timeout(10):
            while studio.feed.level == 0:
                await asyncio.sleep(0.01)
        assert heard == []
        studio.feed.speaker_id = "usb:1:2"
        async with asyncio.timeout(10):
            await told.wait()
