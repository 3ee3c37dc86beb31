"""PipeWire's echo canceller on our recordings: a real PipeWire of the benchmark's own, without sound cards.

What was played and what was captured go in as two channels of one file, linked to the module's two ends, so both run on
one graph's clock and stay as far apart as they are in the recording: no loop through a simulated room is needed. What
went in is recorded beside what came out; a run in which the graph missed a cycle is told by that and not counted.
"""

import os
import shutil
import subprocess
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.sound_scene import BLOCK, RATE, Recording, Samples

_QUANTUM = 4 * BLOCK
"""Samples the graph does at a time. Whole blocks of the canceller's 10 ms: with others its output has gaps."""
_WHOLE = 0.99
_CONFIG = f"""
context.properties = {{
  default.clock.rate = {RATE} default.clock.quantum = {_QUANTUM}
  default.clock.min-quantum = {_QUANTUM} default.clock.max-quantum = {_QUANTUM}
}}
context.modules = [ {{ name = libpipewire-module-echo-cancel args = {{
  library.name = aec/libspa-aec-webrtc
  node.latency = {_QUANTUM}/{RATE}
  audio.rate = {RATE} audio.channels = 1 audio.position = [ MONO ]
  aec.args = {{
    webrtc.noise_suppression = true webrtc.high_pass_filter = true webrtc.gain_control = false
    webrtc.extended_filter = true webrtc.delay_agnostic = true
  }}
  capture.props = {{ node.name = "aec.capture" node.autoconnect = false }}
  source.props = {{ node.name = "aec.source" }}
  sink.props = {{ node.name = "aec.sink" }}
  playback.props = {{ node.name = "aec.playback" node.autoconnect = false }}
}} }} ]
context.objects = [
  {{ factory = adapter args = {{ factory.name = support.null-audio-sink node.name = "both" media.class = Audio/Sink
     audio.position = [ FL FR ] object.linger = true monitor.channel-volumes = false }} }}
  {{ factory = adapter args = {{ factory.name = support.null-audio-sink node.name = "speaker" media.class = Audio/Sink
     audio.position = [ MONO ] object.linger = true }} }}
]
"""
_LINKS = (
    ("both:monitor_FL", "aec.sink:playback_MONO"),
    ("both:monitor_FR", "aec.capture:input_MONO"),
    ("aec.playback:output_MONO", "speaker:playback_MONO"),
)
_TAPS = (("both:monitor_FR", "input_FL"), ("aec.source:capture_MONO", "input_FR"))


class Gap(Exception):
    """The machine was too busy for PipeWire to play without a gap."""


@contextmanager
def pipewire() -> Iterator["PipeWire"]:
    """Run one for one recording: a canceller that has heard nothing yet."""
    folder = Path(tempfile.mkdtemp(prefix="salon-aec-", dir="/tmp"))  # sockets have short names
    server = PipeWire(folder)
    try:
        server.start_up()
        yield server
    finally:
        server.end()
        shutil.rmtree(folder)


class PipeWire:
    """Its processes, all in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIPEWIRE_", "PULSE_", "XDG_"))}
        homes = {f"XDG_{name}": str(folder) for name in ("RUNTIME_DIR", "CONFIG_HOME", "STATE_HOME")}
        # as a room's PipeWire has it from rtkit: sound before all else, if we may
        first = ("chrt", "--fifo", "20")
        self._first = (
            first if subprocess.run([*first, "true"], capture_output=True, check=False).returncode == 0 else ()
        )
        self._environment = kept | homes | {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus"}
        self._processes: list[subprocess.Popen[bytes]] = []

    def start_up(self) -> None:
        """Start it, with the module linked to where recordings are played."""
        config = self._folder / "pipewire" / "pipewire.conf.d"
        config.mkdir(parents=True)
        (config / "aec.conf").write_text(_CONFIG)
        self._start("dbus-daemon", "--session", "--nofork", f"--address=unix:path={self._folder}/bus")
        _until((self._folder / "bus").exists, "the bus")
        self._start("pipewire")
        _until((self._folder / "pipewire-0").exists, "PipeWire")
        self._start("wireplumber")
        wanted = {port for link in _LINKS for port in link} | {"aec.source:capture_MONO"}
        _until(lambda: wanted <= self._ports(), "PipeWire's ports")
        for out, into in _LINKS:
            self._run("pw-link", out, into)

    def end(self) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.wait()

    def process(self, recording: Recording) -> Samples:
        """Return what the module makes of it, from the first captured sample on; raise Gap. Takes as long as it is."""
        count = min(len(recording.played), len(recording.captured)) // BLOCK * BLOCK
        captured = recording.captured[:count, 0]
        played, recorded = self._folder / "in.wav", self._folder / "out.wav"
        _write(played, np.stack((recording.played[:count], captured), axis=1))
        recorder = self._start("pw-record", "--target", "0", "--channels", "2", "--format", "s16", str(recorded))
        _until(lambda: {"pw-record:input_FL", "pw-record:input_FR"} <= self._ports(), "pw-record's ports")
        for out, into in _TAPS:
            self._run("pw-link", out, f"pw-record:{into}")
        self._run("pw-play", "--target", "both", str(played))
        # what has left the player is not recorded yet
        time.sleep(0.5)
        recorder.terminate()
        recorder.wait()
        heard, out = _read(recorded).astype(float).T
        begin = _later(heard, captured.astype(float))
        same = np.abs(np.pad(heard, (0, count))[begin : begin + count] - captured) <= 1
        if begin + count > len(heard) or np.mean(same) < _WHOLE:
            raise Gap(f"only {np.mean(same):.1%} of what was played went through")
        return np.asarray(out[begin : begin + count], np.float64)

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{command[0]}.log").open("wb") as log:
            process = subprocess.Popen(
                (*self._first, *command), env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        self._processes.append(process)
        return process

    def _run(self, *command: str) -> str:
        whole = (*self._first, *command)
        done = subprocess.run(whole, env=self._environment, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout

    def _ports(self) -> set[str]:
        listed = subprocess.run(["pw-link", "-io"], env=self._environment, capture_output=True, text=True, check=False)
        return set(listed.stdout.split())


def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.05)


def _later(whole: Samples, part: Samples) -> int:
    size = 1 << (len(whole) + len(part)).bit_length()
    matching = np.fft.irfft(np.fft.rfft(whole, size) * np.conj(np.fft.rfft(part, size)), size)
    return int(np.argmax(matching[: len(whole)]))


def _write(path: Path, samples: NDArray[np.int16]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())


def _read(path: Path) -> NDArray[np.int16]:
    # a recorder that is told to end leaves a header that may promise more or less than there is
    raw = path.read_bytes()[44:]
    return np.frombuffer(raw[: len(raw) // 4 * 4], "<i2").reshape(-1, 2)
