"""The rows of sending a camera: our room against the bare encoder, and against Chromium at the same rate."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.chromium import chromium, plays
from benchmarks.clip import raw_film
from benchmarks.cost import Receiver, cpu_seconds
from benchmarks.ours import room
from benchmarks.recorder import Recording, recorder
from benchmarks.rows import Row, Run
from benchmarks.settings import CAMERA_720P30, RUNS, SEND_WARM_UP_S, WINDOW_S
from benchmarks.stand import Stand, program, stand


@dataclass(frozen=True, slots=True)
class Sent:
    """What sending for a window cost, and what it was worth."""

    cores: float
    codec: str
    kbps: float
    psnr_db: float
    fps: float

    def __str__(self) -> str:
        return f"{self.cores:.3f} cores, {self.codec} {self.kbps:.0f} kb/s, {self.psnr_db:.2f} dB, {self.fps:.0f} fps"


Other = Callable[[Stand, Path, Sent], Awaitable[Sent]]


async def paired(other: Other) -> list[Run]:
    """Let ours send and then the other, again and again."""
    runs: list[Run] = []
    film = await asyncio.to_thread(raw_film, CAMERA_720P30)
    async with stand() as hub, room(hub, devices=f'camera = ["file:{film}?loop=1"]', sends=True) as ours:
        for _ in range(RUNS):
            async with ours.meeting(hub.ticket("room"), 0), recorder(hub.ticket("recorder")) as recording:
                sent = await _window(ours, recording)
            theirs = await other(hub, film, sent)
            print(f"  {sent}; peer {theirs}", flush=True)
            runs.append((sent.cores, theirs.cores))
    return runs


async def _window(sender: Receiver, recording: Recording) -> Sent:
    # a sender that feels its way up to its rate takes longer than one that receives
    await asyncio.sleep(SEND_WARM_UP_S)
    cpu, frames, began = cpu_seconds(sender.measured), len(recording.frames), time.monotonic_ns()
    await asyncio.sleep(WINDOW_S)
    spent, came, ended = cpu_seconds(sender.measured) - cpu, len(recording.frames) - frames, time.monotonic_ns()
    took = (ended - began) / 1e9
    psnr = await asyncio.to_thread(recording.psnr, began, ended)
    return Sent(spent / took, recording.codec, recording.kbps(began, ended), psnr, came / took)


async def _bare(hub: Stand, film: Path, like: Sent) -> Sent:
    stream = replace(CAMERA_720P30, codec=like.codec, kbps=round(like.kbps))
    words = ("benchmarks.bare_encode", f"file:{film}?loop=1", json.dumps(asdict(stream)))
    async with program(hub.file("bare.log"), *words, until="encoding") as process:
        await asyncio.sleep(SEND_WARM_UP_S)
        cpu, began = cpu_seconds([process]), time.monotonic()
        await asyncio.sleep(WINDOW_S)
        cores = (cpu_seconds([process]) - cpu) / (time.monotonic() - began)
    return replace(like, cores=cores)


async def _chromium(hub: Stand, film: Path, like: Sent) -> Sent:
    async with chromium(hub.ticket("chromium"), 0, shown=False, flags=plays(film)) as sender:
        await sender.publish(replace(CAMERA_720P30, kbps=round(like.kbps), codec=like.codec))
        async with recorder(hub.ticket("recorder")) as recording:
            return await _window(sender, recording)


def _row(name: str, what: str, limit: str, peer: str, other: Other) -> Row:
    return Row(name, "cores", what, limit, lambda: asyncio.run(paired(other)), peer=peer)


SEND_ROWS = (
    _row("send_720p30_vs_bare_encode", "CPU of sending 720p30", "1.35", "the same camera, only encoded", _bare),
    _row("send_720p30_vs_chromium", "CPU of sending 720p30 at the same bitrate", "0.9", "Chromium", _chromium),
)
