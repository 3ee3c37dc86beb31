"""The room's way out for sound, and nothing else of the room: `python -m benchmarks.mouth ORDER`, as JSON.

The drivers, the feed with the whole chain and the peer are those of a room; they send to `benchmarks.mouth_listener`, a
process of its own. The report says when the microphone's driver had each block, and what was in it.
"""

import asyncio
import base64
import json
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from appliance.media.audio import Loudspeaker, MicrophoneFeed
from appliance.media.gate import MuteGate
from appliance.media.keeper import DeviceKeeper
from appliance.media.mixer import Mixer
from appliance.media.rtc.frames import EncodedFrame
from appliance.media.rtc.peer import Peer
from appliance.service import run_program
from appliance.state.devices import DeviceKind
from benchmarks.sound_scene import VOICES, speech
from hardware import registry
from hardware.audio.pipewire import PipeWireMicrophone
from hardware.ports import AudioBlock
from hardware.uri import DeviceUri

LOOPBACK = ("127.0.0.1",)
_FAR_DBFS = -46.0
_CONNECT_S, _REPORT_S = 30.0, 20.0


@dataclass(frozen=True, slots=True)
class Order:
    """What to use, and for how long."""

    microphone: str
    """Of PipeWire: a node's name."""
    speaker: str
    seconds: float
    report: str
    """Path of an `.npz` file; the listener writes its own beside it."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Order":
        return cls(**json.loads(text))

    @property
    def sent(self) -> Path:
        """What was given to the peer, in the listener's format."""
        return Path(self.report).with_suffix(".sent")

    @property
    def heard(self) -> Path:
        """Where the listener writes."""
        return Path(self.report).with_suffix(".heard")


@dataclass
class Diary:
    """What the driver had and when, and what the chain took."""

    handed_ns: dict[int, int] = field(default_factory=dict)
    """When the driver's thread handed over a block, by the time at which it was captured."""
    taken: list[AudioBlock] = field(default_factory=list)
    """The n-th of them, from 1 on, has the feed's timestamp n * BLOCK; the wire's begin at random."""
    sent: list[EncodedFrame] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """A block that came before anybody looked has 0 for when it was handed over."""
        np.savez(
            path,
            captured_ns=np.array([block.captured_ns for block in self.taken]),
            handed_ns=np.array([self.handed_ns.get(block.captured_ns, 0) for block in self.taken]),
            samples=np.frombuffer(b"".join(block.samples for block in self.taken), "<i2"),
        )


class Watched(PipeWireMicrophone):
    """The room's driver; whatever its thread hands over is noted before anybody can take it."""

    def __init__(self, uri: str, diary: Diary) -> None:
        super().__init__(DeviceUri.parse(uri))
        self._diary = diary

    def __enter__(self) -> Self:
        super().__enter__()
        stream = self._stream
        assert stream is not None
        keep = stream._keep  # noqa: SLF001 - a public hook would be there for nobody but this

        def noted(block: AudioBlock) -> None:
            self._diary.handed_ns[block.captured_ns] = time.monotonic_ns()
            keep(block)

        stream._keep = noted  # type: ignore[method-assign]  # noqa: SLF001 - as above
        return self


async def send(order: Order) -> None:
    """Send what the microphone hears for as long as ordered, and write the report."""
    diary = Diary()
    with tempfile.TemporaryDirectory(prefix="salon-bench-") as folder:
        gate = MuteGate(Path(folder) / "gate")
        await asyncio.to_thread(gate.set, mic_muted=False, camera_off=True)
        feed = MicrophoneFeed(gate=gate, loop=asyncio.get_running_loop())
        feed.record = diary.taken.append
        async with Peer(name="mouth", addresses=lambda: LOOPBACK) as peer, _listener(order.heard) as listener:
            out = peer.add_out("audio", "opus", stream_id="bench", track_id="microphone")
            await _connect(peer, listener)
            send_on = out.send

            def noted(frame: EncodedFrame) -> None:
                diary.sent.append(frame._replace(received_ns=time.monotonic_ns()))
                send_on(frame)

            out.send = noted  # type: ignore[method-assign]
            feed.send_to(out)
            keepers = _devices(order, feed, diary)
            await asyncio.sleep(order.seconds)
            for keeper in keepers:
                await asyncio.to_thread(keeper.close)
    await asyncio.to_thread(diary.write, Path(order.report))
    await asyncio.to_thread(write_frames, order.sent, diary.sent)


def write_frames(path: Path, frames: Sequence[EncodedFrame]) -> None:
    """Write a line for each: its timestamp, when it was there (monotonic ns), and its payload in base64."""
    lines = [f"{frame.timestamp} {frame.received_ns} {base64.b64encode(frame.data).decode()}" for frame in frames]
    path.write_text("\n".join(lines))


def _devices(order: Order, feed: MicrophoneFeed, diary: Diary) -> list[DeviceKeeper[Any]]:
    """Open both; a quiet voice from afar is played, so that there is an echo to take out."""
    mixer = Mixer()
    mixer.play(speech(VOICES[1], order.seconds + 5, 1, _FAR_DBFS).astype(np.int16))

    def said(use: object) -> None:
        print(use, flush=True)

    speaker = DeviceKeeper(
        DeviceKind.SPEAKER, driver=registry.speaker, work=Loudspeaker(mixer, feed).work, changed=said
    )
    speaker.keep((f"pipewire:{order.speaker}",))
    microphone = DeviceKeeper(
        DeviceKind.MICROPHONE, driver=lambda uri: Watched(uri, diary), work=feed.work, changed=said
    )
    microphone.keep((f"pipewire:{order.microphone}",))
    return [speaker, microphone]


@asynccontextmanager
async def _listener(heard: Path) -> AsyncIterator[Process]:
    """Run it; it writes its report when its standard input ends."""
    words = (sys.executable, "-m", "benchmarks.mouth_listener", str(heard))
    process = await asyncio.create_subprocess_exec(*words, stdin=PIPE, stdout=PIPE)
    try:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(_REPORT_S):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _connect(peer: Peer, listener: Process) -> None:
    assert listener.stdin is not None
    assert listener.stdout is not None
    listener.stdin.write(json.dumps(await peer.offer()).encode() + b"\n")
    async with asyncio.timeout(_CONNECT_S):
        await peer.accept_answer(json.loads(await listener.stdout.readline()))
        while peer.state != "connected":
            await asyncio.sleep(0.02)


if __name__ == "__main__":
    sys.exit(run_program(lambda: send(Order.from_json(sys.argv[1]))))
