"""`salon up`: starts the room's programs on one machine and keeps them alive, as systemd does in a real room.

A program that crashes three times in five minutes is given up for a minute, and a fault note tells daemon and TV why.
While it is the display that rests, a plainer one shows the note.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import re
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from appliance.children import send
from appliance.errors import SalonError
from appliance.link import faults
from appliance.redact import without_secrets
from appliance.restarting import AGAIN
from appliance.service import utc_now
from appliance.settings import ENVIRONMENT

logger = logging.getLogger(__name__)
LOGS = "SALON_LOGS"
"""The environment variable that tells the programs where their logs are."""
CRASHES = 3
WITHIN_S = 300.0
REST_S = 60.0
_RESTART_S = 0.2
_STOP_S = 5.0
_LAST_WORDS_S = 0.5
_REMEDY = "`salon doctor` and its log may say why."
_TOLD = re.compile(r"^(\d\d:\d\d:\d\d )?[DIW] \S+: |^\s|^Traceback|^$")
"""What a program says that is not why it ended: its lesser log lines, and a traceback's inside."""
_LONGEST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Program:
    """One program of the room."""

    name: str
    arguments: tuple[str, ...]
    foreground: bool = False
    """It owns the terminal; when it ends by itself, everything ends."""
    safe_arguments: tuple[str, ...] = ()
    """What runs in its place while it rests."""
    after: tuple[str, ...] = ()
    """What runs for a moment each time it has ended."""


class _Voice:
    """Passes on what a program says on standard error, and keeps the last thing that may be why it ended."""

    def __init__(self) -> None:
        self.last = ""

    async def listen(self, lines: asyncio.StreamReader, output: BinaryIO) -> None:
        """Pass on until the program's end."""
        while line := await _line(lines):
            await asyncio.to_thread(_pass_on, line, output)
            text = line.decode(errors="replace").rstrip()
            if not _TOLD.search(text):
                self.last = without_secrets(text.removeprefix("salon: "))[:_LONGEST_WORDS]


def _pass_on(line: bytes, output: BinaryIO) -> None:
    output.write(line)
    output.flush()


async def _line(lines: asyncio.StreamReader) -> bytes:
    try:
        return await lines.readline()
    except ValueError:
        # longer than anybody wants to read, and gone
        return b"\n"


class RunsAlready(SalonError):
    """Another `salon up` runs the same room, or another `salon console` the same console."""


@dataclass(frozen=True, slots=True)
class Whole:
    """What the programs make up together."""

    config_as: str = ENVIRONMENT
    """The environment variable that tells the programs which settings to read."""
    already: str = (
        "`salon up` runs this room already (its folder is {folder}). End that one first, "
        "or give another room a paths.runtime and a paths.state of its own."
    )


@contextlib.contextmanager
def _alone(runtime_dir: Path, already: str) -> Iterator[None]:
    """Hold the folder's lock, which ends with the process that has it."""
    file = runtime_dir / "up.lock"
    try:
        opened = file.open("a")
    except OSError as err:
        raise SalonError(f"{file} cannot be written ({err.strerror}); set [paths] in the settings.") from err
    with opened as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise RunsAlready(already.format(folder=runtime_dir)) from err
        yield


class Supervisor:
    """Runs programs as child processes until cancelled; none outlives it."""

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        config: Path | None,
        runtime_dir: Path,
        log_dir: Path | None,
        rest_s: float = REST_S,
        whole: Whole = Whole(),
    ) -> None:
        self._programs = programs
        self._config = config
        self._runtime_dir = runtime_dir
        self._log_dir = log_dir
        self._rest_s = rest_s
        self._whole = whole
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._asked: set[str] = set()
        """Programs that end because somebody asked for a fresh start: no crashes."""

    async def run(self) -> None:
        """Keep everything running, or raise `RunsAlready`."""
        loop = asyncio.get_running_loop()
        with _alone(self._runtime_dir, self._whole.already):
            loop.add_signal_handler(AGAIN, self._begin_anew)
            try:
                await self._keep_all()
            finally:
                loop.remove_signal_handler(AGAIN)

    def _begin_anew(self) -> None:
        logger.info("asked to start all programs anew")
        for name, process in self._running.items():
            self._asked.add(name)
            send(process, signal.SIGTERM)

    async def _keep_all(self) -> None:
        for program in self._programs:
            faults.clear(self._runtime_dir, program.name)
        with contextlib.suppress(_ForegroundEnded):
            try:
                async with asyncio.TaskGroup() as tasks:
                    for program in self._programs:
                        tasks.create_task(self._keep(program), name=program.name)
            except* _ForegroundEnded:
                logger.info("the panel was closed; stopping the room")

    async def _keep(self, program: Program) -> None:
        crashes: deque[float] = deque(maxlen=CRASHES)
        clock = asyncio.get_running_loop().time
        while True:
            voice = _Voice()
            status = await self._run_once(program, voice)
            if program.name in self._asked:
                self._asked.discard(program.name)
                continue
            if program.foreground and status == 0:
                raise _ForegroundEnded
            crashes.append(clock())
            if len(crashes) == CRASHES and crashes[-1] - crashes[0] < WITHIN_S:
                await self._give_up(program, status, voice.last)
                crashes.clear()
                await self._rest(program)
            else:
                logger.warning("%s ended (%s); starting it again", program.name, _how(status))
                await asyncio.sleep(_RESTART_S)

    async def _rest(self, program: Program) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._rest_s):
                if program.safe_arguments:
                    await self._run(program, program.safe_arguments, _Voice())
                await asyncio.get_running_loop().create_future()
        logger.info("%s has rested; trying it again", program.name)

    async def _run_once(self, program: Program, voice: _Voice) -> int:
        settled = asyncio.create_task(self._settle(program), name=f"{program.name} settling")
        try:
            return await self._run(program, program.arguments, voice)
        finally:
            settled.cancel()
            if program.after:
                await self._run(program, program.after, _Voice())

    async def _run(self, program: Program, arguments: Sequence[str], voice: _Voice) -> int:
        with self._output(program) as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "appliance.cli", *arguments),
                stdin=None if program.foreground else asyncio.subprocess.DEVNULL,
                stdout=None if program.foreground or self._log_dir is None else output,
                # the panel draws on standard output
                stderr=asyncio.subprocess.PIPE,
                env=self._environment(),
            )
            logger.info("%s started (pid %s)", " ".join(arguments[:2]), process.pid)
            async with _hearing(process, voice, output):
                self._running[program.name] = process
                try:
                    return await process.wait()
                finally:
                    del self._running[program.name]
                    await _stop(process)

    async def _settle(self, program: Program) -> None:
        """Take the fault note away once the program has run for as long as it rested."""
        await asyncio.sleep(self._rest_s)
        faults.clear(self._runtime_dir, program.name)

    def _environment(self) -> dict[str, str]:
        told = {"SALON_PARENT": str(os.getpid())}
        if self._config is not None:
            told[self._whole.config_as] = str(self._config)
        if self._log_dir is not None:
            told[LOGS] = str(self._log_dir)
        return {**os.environ, **told}

    @contextlib.contextmanager
    def _output(self, program: Program) -> Iterator[BinaryIO]:
        if self._log_dir is None:
            yield sys.stderr.buffer
            return
        self._log_dir.mkdir(parents=True, exist_ok=True)
        with (self._log_dir / f"{program.name}.log").open("ab") as file:
            yield file

    async def _give_up(self, program: Program, status: int, words: str) -> None:
        why = f"Its last words: {words}" if words else _REMEDY
        reason = f"It ended {CRASHES} times in five minutes, last with {_how(status)}. {why}"
        logger.error("giving %s a rest: %s", program.name, reason)
        fault = faults.Fault(program.name, reason, utc_now())
        await asyncio.to_thread(faults.record, self._runtime_dir, fault)


class _ForegroundEnded(Exception):
    """The program that owns the terminal was closed by its user."""


@contextlib.asynccontextmanager
async def _hearing(process: asyncio.subprocess.Process, voice: _Voice, output: BinaryIO) -> AsyncIterator[None]:
    """Listen to a child until it has ended; not longer, because a child of its own may hold the line."""
    said = cast("asyncio.StreamReader", process.stderr)
    listening = asyncio.create_task(voice.listen(said, output), name=f"pid {process.pid} speaking")
    try:
        yield
    finally:
        await asyncio.wait([listening], timeout=_LAST_WORDS_S)
        listening.cancel()


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End a child: politely, then for sure."""
    if process.returncode is not None:
        return
    send(process, signal.SIGTERM)
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        logger.warning("pid %s did not stop in %s s", process.pid, _STOP_S)
        send(process, signal.SIGKILL)
        await process.wait()


def _how(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def room_programs(*, panel: Sequence[str], hub: bool, broker: bool, lights: bool = False) -> list[Program]:
    """Return what `salon up` runs, servers first; `panel` holds the panel's arguments, none for no panel.

    With `lights` the mute light is made red whenever media has ended.
    """
    terminal = list(panel) == ["panel"]
    programs = [
        *([Program("broker", ("broker",))] if broker else []),
        *([Program("hub", ("hub",))] if hub else []),
        Program("media", ("media",), after=("lights", "--red") if lights else ()),
        Program("display", ("display",), safe_arguments=("display", "--safe")),
        Program("daemon", ("daemon",)),
    ]
    return [*programs, Program("panel", tuple(panel), foreground=terminal)] if panel else programs
