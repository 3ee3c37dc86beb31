"""A whole fleet on one machine: a console of real processes, and real rooms on simulated devices, at a real broker."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from mqtt_parts import ROOT, Broker, free_port, running

from appliance.up import LOGS

PARTS = ("ingest", "control", "web")
_SAYS = {"ingest": "Listening to the rooms", "control": "looks after alerts", "web": "pages are at"}
_STOP_S = 20


class WholeRoom:
    """A room: `salon up` with daemon, media and display."""

    def __init__(self, folder: Path, name: str, broker: str) -> None:
        self.name = name
        self.devices = folder / "devices"
        self.camera = self.devices / "camera-Left"
        self.devices.mkdir(parents=True)
        self.camera.touch()
        self._state = folder / "state"
        self.log = folder / "up.log"
        """What its programs say, and what it sends when it is asked for logs."""
        self.config = folder / "room.toml"
        text = json.dumps  # TOML's basic strings are JSON's
        self.config.write_text(f"""\
[room]
name = {text(name)}
[paths]
state = {text(str(self._state))}
runtime = {text(str(folder / "run"))}
[devices]
camera = [{text(f"sim:pattern?size=320x180&plug={self.camera}")}]
microphone = ["sim:tone"]
speaker = ["sim:sink"]
watch = {text(f"sim:{self.devices}")}
[display]
screen = "null:"
width = 640
height = 360
[mqtt]
url = {text(broker)}
""")

    @property
    def id(self) -> str:
        """The id it has given itself."""
        return (self._state / "room-id").read_text().strip()


class WholeFleet:
    """A console and its rooms."""

    def __init__(self, folder: Path, broker: Broker, names: tuple[str, ...]) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.broker = broker
        self.config = folder / "console.toml"
        self.rooms = [WholeRoom(folder / f"r{n}", name, broker.url) for n, name in enumerate(names)]
        self.config.write_text(
            f'[console]\nstate = "{folder}/console"\n[mqtt]\nurl = "{broker.url}"\n[web]\nport = {port}\n'
        )
        (folder / "console").mkdir(mode=0o700)

    async def console(self, *words: str) -> str:
        """Run a one-shot command of the console and return what it prints."""
        process = await _salon("console", *words, "--config", str(self.config), stdout=asyncio.subprocess.PIPE)
        said, _ = await process.communicate()
        assert process.returncode == 0
        return said.decode().strip()


@asynccontextmanager
async def whole_fleet(folder: Path, *names: str) -> AsyncIterator[WholeFleet]:
    """Run a console, and a room of each name; yields when all programs run, which is before the rooms are ready."""
    async with running(Broker("mosquitto", folder)) as broker, AsyncExitStack() as stack:
        fleet = WholeFleet(folder, broker, names)
        for part in PARTS:
            await stack.enter_async_context(_program(_SAYS[part], "console", part, "--config", str(fleet.config)))
        for room in fleet.rooms:
            words = ("--config", str(room.config), "up", "--panel", "none")
            await stack.enter_async_context(_program("is ready", *words, log=room.log))
        yield fleet


async def _salon(*words: str, logs: str = "", **pipes: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "appliance.cli", *words),
        env={**os.environ, "PYTHONPATH": str(ROOT), LOGS: logs},
        stdin=asyncio.subprocess.DEVNULL,
        **pipes,
    )


def _keep(log: Path, line: str) -> None:
    with log.open("a") as file:
        file.write(line)


@asynccontextmanager
async def _program(says: str, *words: str, log: Path | None = None) -> AsyncIterator[None]:
    """Run a program from when it has said something until the end; it must not have crashed at any time."""
    logs = "" if log is None else str(log.parent)
    process = await _salon(*words, logs=logs, stderr=asyncio.subprocess.PIPE)
    heard: list[str] = []
    begun = asyncio.Event()

    async def listen() -> None:
        while line := (await process.stderr.readline()).decode(errors="replace"):
            heard.append(line)
            if log is not None:
                _keep(log, line)
            if says in line:
                begun.set()

    listening = asyncio.create_task(listen(), name=f"{words[0]} speaking")
    try:
        async with asyncio.timeout(60):
            await begun.wait()
        yield
    except TimeoutError as err:
        raise AssertionError("".join(heard[-30:])) from err
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(_STOP_S):
            await process.wait()
        await listening
    broken = [line for line in heard if "Traceback" in line or "starting it again" in line]
    assert not broken, "".join(heard[-60:])
