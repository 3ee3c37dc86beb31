"""The kernel's CEC, from vivid's HDMI output to its input, where v4l-utils' cec-follower is the TV."""

# limit: 240

import asyncio
import contextlib
import os
import re
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from check import figure, say, step

from appliance.lifecycle.television import TvHours
from appliance.state.events import CountdownChanged
from appliance.state.room import Boot, Countdown, MeetingKey, RoomState
from appliance.state.store import RoomStore
from appliance.state.television import Television
from appliance.tv import TvService, TvSettings
from hardware.tv.cec import Adapter, Cec, Fate
from hardware.tv.connector import connectors
from hardware.tv.learned import Learned
from hardware.tv.power import Method, Power
from hardware.tv.television import TvSet

PLUG = "hdmi_000_0_is_connected_to"
OUTPUT, NOTHING = 2, 1
TV = "/dev/cec0"


def told(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def plug(what: int) -> None:
    """Connect vivid's HDMI input, which is the TV, to its output, which is the room."""
    told("v4l2-ctl", "--device=/dev/video0", f"--set-ctrl={PLUG}={what}")


def tree(root: Path, edid: bytes) -> None:
    """Show a connector with the EDID that vivid's TV really has: vivid has a CEC line but no DRM connector."""
    folder = root / "sys/class/drm/card0-HDMI-A-1"
    folder.mkdir(parents=True)
    (folder / "edid").write_bytes(edid)
    for name, text in {"status": "connected", "enabled": "enabled", "modes": "3840x2160", "dpms": "On"}.items():
        (folder / name).write_text(f"{text}\n")
    (root / "dev").mkdir()
    for device in ("cec0", "cec1"):
        (root / "dev" / device).touch()


@contextlib.contextmanager
def follower(*options: str) -> Iterator[None]:
    """Let a TV be there; it starts in standby."""
    process = subprocess.Popen(
        ["cec-follower", f"--device={TV}", "--standby", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        # it answers once it follows; until then the kernel refuses for it
        yield
    finally:
        process.terminate()
        process.wait(10)


async def until(limit_s: float, what: str, look: Callable[[], Awaitable[bool]]) -> float:
    """Wait for it; return how many seconds that took."""
    began = time.monotonic()
    while not await look():
        assert time.monotonic() - began < limit_s, f"waited {limit_s:.0f} s for {what}"
        await asyncio.sleep(0.2)
    return time.monotonic() - began


class Room:
    """The daemon's own TV service, with nothing of it replaced."""

    def __init__(self, root: Path) -> None:
        self.store = RoomStore(RoomState("r1", "Aquarium", Boot("b1")), now=lambda: datetime.now(UTC))
        self.seen: list[Television] = []
        self.learned = root / "state" / "tv.json"
        self.service = TvService(
            TvSettings(TvHours(ZoneInfo("UTC"))),
            TvSet(Cec(root=root, name="Aquarium"), None),
            Learned(self.learned),
            states=self.store.watch,
            on_television=self.seen.append,
            now=lambda: datetime.now(UTC),
            root=root,
        )

    def counts_down(self, name: str) -> None:
        now = datetime.now(UTC)
        self.store.apply(CountdownChanged(Countdown(MeetingKey(name), name, now, now)))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.service.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def is_on(self) -> bool:
        return bool(self.seen) and self.seen[-1].power == "on"


async def by_hand(cec: Cec, adapter: Adapter) -> None:
    async def is_(power: Power) -> bool:
        return await cec.power(adapter) is power

    with follower(), step("a TV in standby is asked, woken, and put to sleep"):
        await until(20, "standby", lambda: is_(Power.OFF))
        began = time.monotonic()
        assert await cec.use(Method.IMAGE_VIEW_ON, adapter) is Fate.HEARD
        await until(40, "the TV to be on", lambda: is_(Power.ON))
        figure("on after", time.monotonic() - began, "s")
        assert await cec.use(Method.STANDBY, adapter) is Fate.HEARD
        await until(40, "standby", lambda: is_(Power.OFF))
        for method in (Method.POWER_ON_KEY, Method.POWER_OFF_KEY):
            assert await cec.use(method, adapter) is Fate.HEARD
    with follower("--ignore=all,0x8f"), step("a TV that does not answer is unknown, and heard what it was told"):
        await until(20, "its silence", lambda: is_(Power.UNKNOWN))
        assert await cec.use(Method.IMAGE_VIEW_ON, adapter) is Fate.HEARD
    with step("no TV at the other end hears anything"):
        told("cec-ctl", f"--device={TV}", "--clear")
        assert await cec.use(Method.IMAGE_VIEW_ON, adapter) is Fate.UNHEARD
        assert await cec.power(adapter) is Power.UNKNOWN
    with step("a pulled cable has no address, and waking over it says so"):
        plug(NOTHING)
        found = await cec.find(None)
        assert found is not None
        assert (found.device, found.physical_address, found.claimed) == (adapter.device, "f.f.f.f", False)
        assert await cec.power(adapter) is Power.UNKNOWN
        assert await cec.use(Method.IMAGE_VIEW_ON, adapter) is not Fate.HEARD
        assert await cec.use(Method.ACTIVE_SOURCE, adapter) is Fate.UNCONFIGURED
        plug(OUTPUT)
        told("cec-ctl", f"--device={TV}", "--tv")


async def by_the_room(root: Path) -> None:
    with follower("--ignore=all,0x04"):
        room = Room(root)
        async with room.running():
            with step("a TV that ignores image-view-on is brought on by another way"):
                room.counts_down("monday")
                figure("on by the second way after", await until(90, "the TV to be on", room.is_on), "s")
        assert room.seen[-1].method == Method.TEXT_VIEW_ON, room.seen[-1]
        assert Method.TEXT_VIEW_ON in room.learned.read_text()
        assert room.seen[-1].name == "vivid"
    with follower("--ignore=all,0x04"):
        room = Room(root)
        async with room.running():
            with step("after a restart that way is taken at once"):
                room.counts_down("tuesday")
                figure("on by the way it learned after", await until(60, "the TV to be on", room.is_on), "s")
        assert room.seen[-1].method == Method.TEXT_VIEW_ON
    line = told("cec-ctl", "--device=/dev/cec1")
    assert "OSD Name                   : 'Aquarium'" in line, line


async def main() -> None:
    with step("vivid is loaded"):
        told("modprobe", "vivid", "n_devs=1", "num_inputs=1", "input_types=3", "num_outputs=1", "output_types=1")
        await until(10, "two CEC adapters", lambda: asyncio.sleep(0, all(map(os.path.exists, (TV, "/dev/cec1")))))
        plug(OUTPUT)
        told("cec-ctl", f"--device={TV}", "--tv")
        # as it is seen at the output's end of the cable
        lines = re.findall(r"^([0-9a-f ]{47})\s*$", told("v4l2-ctl", "-d1", "--get-edid=format=hex"), re.MULTILINE)
        edid = bytes.fromhex("".join(lines))
    try:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            tree(root, edid)
            (connector,) = connectors(root)
            assert connector.edid.physical_address == "1.0.0.0", connector.edid
            cec = Cec(root=root)
            adapter = await cec.find(connector)
            assert adapter is not None
            assert adapter.device == "/dev/cec1", adapter
            assert not adapter.claimed
            say(f"the room's adapter is {adapter.name} at {adapter.physical_address}")
            await by_hand(cec, adapter)
            await by_the_room(root)
    finally:
        told("modprobe", "--remove", "vivid")


asyncio.run(main())
