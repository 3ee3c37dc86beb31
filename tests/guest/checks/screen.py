"""A screen that the kernel takes away without an event: the room says "display lost", and takes it back."""

import asyncio
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from check import figure, read, say, step, write

from appliance.lifecycle.television import TvHours
from appliance.state.room import Boot, RoomState
from appliance.state.store import RoomStore
from appliance.state.television import Television
from appliance.tv import TvService, TvSettings
from hardware.tv.connector import POLL_S, Connector, choose, connectors
from hardware.tv.learned import Learned
from hardware.tv.television import TvSet

DRIVERS = ("virtio-gpu", "bochs")


def screen() -> Connector:
    found = choose(connectors())
    assert found is not None
    return found


async def until(limit_s: float, what: str, seen: list[Television], *, connected: bool) -> float:
    began = time.monotonic()
    while not seen or seen[-1].connected is not connected:
        assert time.monotonic() - began < limit_s, f"waited {limit_s:.0f} s for {what}; {seen[-1:]}"
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def main() -> None:
    with step("graphics drivers are loaded"):
        for driver in DRIVERS:
            await asyncio.to_thread(subprocess.run, ["modprobe", driver], check=True)
        began = time.monotonic()
        while not any(connector.connected for connector in connectors()):
            assert time.monotonic() - began < 20, connectors()
            await asyncio.sleep(0.1)
    tv = screen()
    say(f"the screen is {tv.edid.name} at {tv.name}, {tv.edid.preferred}")
    assert (tv.edid.manufacturer, tv.edid.name, tv.edid.faults) == ("RHT", "QEMU Monitor", ())
    assert tv.edid.preferred is not None
    assert tv.modes[0] == f"{tv.edid.preferred.width}x{tv.edid.preferred.height}", "the kernel reads the same EDID"
    assert tv.number == int(read(f"/sys/class/drm/{tv.name}/connector_id"))
    assert not tv.trouble
    status = Path("/sys/class/drm") / tv.name / "status"
    seen: list[Television] = []
    with tempfile.TemporaryDirectory() as folder:
        service = TvService(
            TvSettings(TvHours(ZoneInfo("UTC")), connector=tv.output),
            TvSet(None, None),
            Learned(Path(folder) / "tv.json"),
            states=RoomStore(RoomState("r1", "Aquarium", Boot("b1")), now=lambda: datetime.now(UTC)).watch,
            on_television=seen.append,
            now=lambda: datetime.now(UTC),
        )
        running = asyncio.create_task(service.run())
        try:
            await until(10, "the screen", seen, connected=True)
            with step("the kernel takes the screen away and says nothing"):
                write(status, "off")
                figure("lost after", await until(POLL_S + 8, "the loss", seen, connected=False), "s")
            assert seen[-1].trouble.startswith(f"display lost: nothing answers at {tv.output}"), seen[-1]
            with step("and gives it back"):
                write(status, "detect")
                figure("found after", await until(POLL_S + 8, "the screen", seen, connected=True), "s")
            # of its name nothing is asserted: virtio-gpu shows an empty EDID from now on
            assert not seen[-1].trouble, (seen[-1], screen())
        finally:
            write(status, "detect")
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


asyncio.run(main())
