"""The row of the way from the mouth to the network: real PipeWire, drivers, chain, Opus and peer, on loopback.

It has two parts. The transit is from where the driver's thread hands over the newest block of a packet to where the
kernel has the datagram. The delay is what filters hold back: a sample that came in is so much later in what the packets
decode to, found by correlation. What PipeWire holds before the driver has it is the quantum of its owner's choice; the
part `age_p50_ms` has it too, and the delay.
"""

import base64
import os
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.media.opus import opus_decoder
from benchmarks import mouth
from benchmarks.pairs import Steal, TooBusy
from benchmarks.pipewire_server import PipeWireServer, pipewire_server
from benchmarks.rows import Row, Run
from benchmarks.settings import MOUTH_S, MOUTH_WARM_UP_S, RUNS, TRIES
from benchmarks.sound_scene import VOICES, speech
from hardware.ports import BLOCK, SAMPLE_RATE

_LATEST = SAMPLE_RATE // 5
_WINDOW = 5 * SAMPLE_RATE
_SPOKEN = 300.0
"""RMS of a window in which somebody talks."""
_MS = 1e6
_MASK = 0xFFFFFFFF
Sound = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Packet:
    """As the listener had it."""

    timestamp: int
    at_ns: int
    data: bytes

    @property
    def newest(self) -> int:
        """The number of its newest block, from 0 on."""
        return self.timestamp // BLOCK - 1


@dataclass(frozen=True, slots=True)
class Blocks:
    """As the microphone's driver and the chain had them."""

    handed_ns: Sequence[int]
    captured_ns: Sequence[int]
    samples: Sound


def mouth_to_network() -> list[Run]:
    """One run a start of everything."""
    runs: list[Run] = []
    for _ in range(TRIES * RUNS):
        with Steal() as steal, tempfile.TemporaryDirectory(prefix="salon-bench-") as folder:
            blocks, packets = _measured(Path(folder))
        runs.append(run_of(blocks, packets, counted=steal.tolerable))
        print(f"  {runs[-1].ours:.1f} ms: {dict(runs[-1].parts)}{steal}", flush=True)
        if sum(run.counted for run in runs) == RUNS:
            return runs
    raise TooBusy(f"too few of {len(runs)} runs count: this machine has too much else to do")


def run_of(blocks: Blocks, packets: Sequence[Packet], *, counted: bool = True) -> Run:
    """Put the parts together; what came while all was starting is left out."""
    begin = blocks.handed_ns[-1] - int(MOUTH_S * 1e9)
    late = [packet for packet in packets if packet.at_ns > begin]
    transits, ages = (since_ms(late, stamps) for stamps in (blocks.handed_ns, blocks.captured_ns))
    delay = delay_ms(blocks.samples, decoded(packets, len(blocks.samples)))
    p50, p95, age = np.percentile(transits, 50), np.percentile(transits, 95), np.percentile(ages, 50)
    parts = {
        "transit_p50_ms": round(float(p50), 2),
        "transit_p95_ms": round(float(p95), 2),
        "delay_ms": round(delay, 2),
        "age_p50_ms": round(float(age) + delay, 2),
    }
    return Run(float(p50) + delay, counted=counted, parts=parts)


def as_fed(sent: Sequence[Packet], heard: Sequence[Packet]) -> list[Packet]:
    """Give what was heard the timestamps it was sent with: those on the wire begin at random (RFC 3550, 5.1)."""
    first = heard[0]
    origin = next(first.timestamp - packet.timestamp for packet in sent if packet.data == first.data)
    return [replace(packet, timestamp=(packet.timestamp - origin) & _MASK) for packet in heard]


def since_ms(packets: Sequence[Packet], stamps_ns: Sequence[int]) -> list[float]:
    """Return how long after its newest block's stamp each packet left; 0 is a stamp nobody took."""
    pairs = [(packet.at_ns, int(stamps_ns[packet.newest])) for packet in packets if packet.newest < len(stamps_ns)]
    return [(at - stamp) / _MS for at, stamp in pairs if stamp]


def decoded(packets: Sequence[Packet], count: int) -> Sound:
    """Return what the packets sound like, each where its blocks were; silence where none was sent."""
    decoder, out = opus_decoder(), np.zeros(count + 2 * BLOCK, np.int16)
    for packet in packets:
        sound, end = decoder.decode(packet.data), (packet.newest + 1) * BLOCK
        if sound is not None and len(sound) <= end <= len(out):
            out[end - len(sound) : end] = sound
    return out[:count]


def delay_ms(went_in: Sound, came_out: Sound) -> float:
    """Return by how much it came out later than it went in: the median of all windows in which somebody talks."""
    found = [
        _lag(went_in[at : at + _WINDOW], came_out[at : at + _WINDOW])
        for at in range(int(MOUTH_WARM_UP_S * SAMPLE_RATE), len(came_out) - _WINDOW + 1, _WINDOW)
        if np.sqrt(np.mean(came_out[at : at + _WINDOW].astype(float) ** 2)) > _SPOKEN
    ]
    if not found:
        raise TooBusy("nothing of what was said was sent")
    return float(np.median(found)) * 1000 / SAMPLE_RATE


def _lag(went_in: Sound, came_out: Sound) -> int:
    size = 1 << (2 * len(went_in)).bit_length()
    spectrum = np.fft.rfft(came_out.astype(float), size) * np.conj(np.fft.rfft(went_in.astype(float), size))
    return int(np.argmax(np.fft.irfft(spectrum, size)[:_LATEST]))


def _measured(folder: Path) -> tuple[Blocks, list[Packet]]:
    order = mouth.Order("ear", "room", MOUTH_WARM_UP_S + MOUTH_S, str(folder / "mouth.npz"))
    with pipewire_server() as server:
        for sink in ("mouth", "room"):
            server.sink(sink)
        server.source("ear")
        for sink in ("mouth", "room"):
            server.link(sink, "ear")
        with _talking(server, folder / "said.wav", order.seconds + 5):
            words = (sys.executable, "-m", "benchmarks.mouth", order.to_json())
            environment = server.environment | {"SALON_PARENT": str(os.getpid())}
            with (folder / "mouth.log").open("wb") as log:
                done = subprocess.run(
                    words, env=environment, stdout=log, stderr=log, timeout=order.seconds + 90, check=False
                )
    if done.returncode:
        raise RuntimeError(f"benchmarks.mouth: {(folder / 'mouth.log').read_text()[-2000:]}")
    return read_blocks(Path(order.report)), as_fed(read_packets(order.sent), read_packets(order.heard))


@contextmanager
def _talking(server: PipeWireServer, file: Path, seconds: float) -> Iterator[None]:
    """Let somebody talk into the microphone."""
    _write(file, speech(VOICES[0], seconds, 0).clip(-32768, 32767).astype(np.int16))
    server.start("pw-play", "pw-play", "--target", "mouth", str(file))
    try:
        yield
    finally:
        talker = server.processes.pop("pw-play")
        talker.kill()
        talker.wait()


def _write(file: Path, sound: Sound) -> None:
    with wave.open(str(file), "wb") as out:
        out.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        out.writeframes(sound.tobytes())


def read_blocks(report: Path) -> Blocks:
    """Return what `benchmarks.mouth` wrote."""
    with np.load(report) as kept:
        return Blocks(kept["handed_ns"].tolist(), kept["captured_ns"].tolist(), kept["samples"])


def read_packets(heard: Path) -> list[Packet]:
    """Return what `benchmarks.mouth_listener` wrote."""
    lines = [line.split(" ") for line in heard.read_text().splitlines()]
    return [Packet(int(timestamp), int(at), base64.b64decode(data)) for timestamp, at, data in lines]


MOUTH_ROWS = (
    Row(
        "mouth_to_network_ms",
        "ms",
        "from the microphone's driver to the socket, newest sample of a packet: median transit and the chain's delay",
        "40",
        mouth_to_network,
    ),
)
