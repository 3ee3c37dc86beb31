"""The rows of sending a camera: our room against the bare encoder, and against Chromium at the same rate."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.chromium import HIDDEN, chromium, plays
from benchmarks.clip import raw_film
from benchmarks.cost import Receiver, cpu_seconds
from benchmarks.ours import room
from benchmarks.pairs import good_runs
from benchmarks.recorder import Recording, recorder
from benchmarks.rows import Row, Run
from benchmarks.seen import read_count
from benchmarks.settings import CAMERA_720P30, ENOUGH, PSNR_WITHIN_DB, RATE_WITHIN, WARM_UP_S, WINDOW_S
from benchmarks.stand import Stand, program, stand


@dataclass(frozen=True, slots=True)
class Sent:
    """What sending for a window cost, and what it was worth."""

    cores: float
    fps: float
    codec: str = "H264"
    kbps: float = 0.0
    psnr_db: float = 0.0
    size: tuple[int, int] = (CAMERA_720P30.width, CAMERA_720P30.height)

    @property
    def whole(self) -> bool:
        """Whether nothing was left out."""
        return self.fps >= ENOUGH * CAMERA_720P30.fps and self.size == (CAMERA_720P30.width, CAMERA_720P30.height)

    def is_like(self, other: "Sent") -> bool:
        """Whether it has the other's rate, and is not worse."""
        return (
            abs(self.kbps - other.kbps) <= RATE_WITHIN * other.kbps and self.psnr_db >= other.psnr_db - PSNR_WITHIN_DB
        )

    def __str__(self) -> str:
        size = f"{self.size[0]}x{self.size[1]}"
        worth = f", {self.codec} {size} {self.kbps:.0f} kb/s, {self.psnr_db:.2f} dB" if self.kbps else ""
        return f"{self.cores:.3f} cores, {self.fps:.1f} fps{worth}"


Other = Callable[[Stand, Path, Sent], Awaitable[Sent]]


async def paired(other: Other) -> list[Run]:
    """Let ours send, and then the other at the rate that ours had, again and again."""
    film = await asyncio.to_thread(raw_film, CAMERA_720P30)
    async with stand() as hub, room(hub, devices=f'camera = ["file:{film}?loop=1"]', sends=True) as ours:

        async def pair(_number: int) -> Run:
            async with ours.meeting(hub.ticket("room"), 0), recorder(hub.ticket("recorder")) as recording:
                sent = await _window(ours, recording)
            theirs = await other(hub, film, sent)
            good = sent.whole and theirs.whole and (not theirs.kbps or sent.is_like(theirs))
            print(f"  {sent}; peer {theirs}{'' if good else '; not counted'}", flush=True)
            return Run(sent.cores, theirs.cores, good)

        return await good_runs(pair)


async def _window(sender: Receiver, recording: Recording) -> Sent:
    await asyncio.sleep(WARM_UP_S)
    cpu, frames, began = cpu_seconds(sender.measured), len(recording.frames), time.monotonic_ns()
    await asyncio.sleep(WINDOW_S)
    spent, came, ended = cpu_seconds(sender.measured) - cpu, len(recording.frames) - frames, time.monotonic_ns()
    took = (ended - began) / 1e9
    psnr = await asyncio.to_thread(recording.psnr, began, ended)
    return Sent(spent / took, came / took, recording.codec, recording.kbps(began, ended), psnr, recording.size)


async def _bare(hub: Stand, film: Path, like: Sent) -> Sent:
    count = hub.file("count")
    words = ("benchmarks.bare_encode", f"file:{film}?loop=1", str(round(like.kbps)), str(count))
    async with program(hub.file("bare.log"), *words) as process:
        await asyncio.sleep(WARM_UP_S)
        cpu, frames, began = cpu_seconds([process]), read_count(count), time.monotonic()
        await asyncio.sleep(WINDOW_S)
        took = time.monotonic() - began
        return Sent((cpu_seconds([process]) - cpu) / took, (read_count(count) - frames) / took)


async def _chromium(hub: Stand, film: Path, like: Sent) -> Sent:
    async with chromium(hub.ticket("chromium"), 0, look=HIDDEN, flags=plays(film)) as sender:
        await sender.publish(replace(CAMERA_720P30, kbps=round(like.kbps), codec=like.codec), keeps_size=True)
        async with recorder(hub.ticket("recorder")) as recording:
            return await _window(sender, recording)


def _row(name: str, what: str, limit: str, peer: str, other: Other) -> Row:
    return Row(name, "cores", what, limit, lambda: asyncio.run(paired(other)), peer=peer)


SEND_ROWS = (
    _row(
        "send_720p30_vs_bare_encode", "CPU of sending 720p30", "1.35", "the same camera, only read and encoded", _bare
    ),
    _row("send_720p30_vs_chromium", "CPU of sending 720p30 at the same bitrate", "0.9", "Chromium", _chromium),
)
