"""`salon media` alone, with a benchmark in the daemon's seat: joins and leaves as fast as media can."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from appliance.link.frame_socket import FrameClient
from appliance.link.messages import new_boot
from appliance.link.server import LinkServer, Peer
from appliance.state.layout import Layout, PersonId, Source, gallery
from appliance.state.room import MeetingKey, Phase
from appliance.state.wire import from_json, to_json
from appliance.state.wishes import CallWish, MediaReport, MediaWish
from benchmarks.stand import Stand, program

_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Held:
    """What the program holds on to."""

    rss_mb: float
    descriptors: int
    threads: int
    tasks: int


class LoneMedia:
    """The daemon's end of media's link; everybody's picture has its tile from the start."""

    def __init__(self, folder: Path, people: tuple[str, ...]) -> None:
        self._person = PersonId(people[0])
        tiles = gallery([(PersonId(person), Source.CAMERA) for person in people])
        self._wish = MediaWish(new_boot(), 1, layout=Layout(1, tiles=tiles))
        self._report: MediaReport | None = None
        self._peer: Peer | None = None
        self._log = folder / "media.log"
        self.link = LinkServer(folder / "media.sock", "media", boot=self._wish.boot, handler=self._serve)
        self.frames = FrameClient(folder / "frames.sock", on_frame=lambda: None)

    async def join(self, url: str) -> None:
        """Be in the meeting, and see somebody."""
        seen = self._number()
        self._want(CallWish(MeetingKey(str(self._wish.rev)), "Bench", url, "Bench"))
        await self._until(lambda: self._phase() is Phase.LIVE and self._number() > seen)

    async def leave(self) -> None:
        """Be in no meeting."""
        self._want(None)
        await self._until(lambda: self._phase() is Phase.IDLE)

    async def held(self, process: psutil.Process) -> Held:
        """Ask the program what it holds."""
        answers = self._log.read_text().count("tasks:")
        process.send_signal(signal.SIGUSR1)
        await self._until(lambda: self._log.read_text().count("tasks:") > answers)
        tasks = int(self._log.read_text().rpartition("tasks: ")[2].partition(".")[0])
        return Held(process.memory_info().rss / 1e6, process.num_fds(), process.num_threads(), tasks)

    async def ready(self) -> None:
        """Wait until media has reported."""
        await self._until(lambda: self._report is not None)

    def _want(self, call: CallWish | None) -> None:
        self._wish = replace(self._wish, rev=self._wish.rev + 1, call=call, warm=True)
        if self._peer is not None:
            self._peer.offer("wish", to_json(self._wish))

    def _phase(self) -> Phase | None:
        report = self._report
        return report.call.phase if report and report.applied and report.applied.rev == self._wish.rev else None

    def _number(self) -> int:
        ring = self.frames.ring
        newest = None if ring is None else ring.newest(self._person, Source.CAMERA)
        return 0 if newest is None else newest.number

    async def _serve(self, peer: Peer) -> None:
        self._peer = peer
        async for message in peer.messages():
            self._report = from_json(MediaReport, message.body)

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            while not condition():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def lone_media(stand: Stand, people: tuple[str, ...]) -> AsyncIterator[tuple[LoneMedia, psutil.Process]]:
    """Run media until the block ends."""
    folder = stand.file("media")
    folder.mkdir()
    config = folder / "room.toml"
    config.write_text(f'[paths]\nstate = "{folder}"\nruntime = "{folder}"\n')
    alone = LoneMedia(folder, people)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run, name="media's link") for run in (alone.link.run(), alone.frames.run())]
        words = ("benchmarks.media", "--config", str(config), "media")
        async with program(folder / "media.log", *words) as process:
            await alone.ready()
            yield alone, process
        for task in tasks:
            task.cancel()
