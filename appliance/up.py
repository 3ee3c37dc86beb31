"""`salon up`: starts the room's programs on one machine and keeps them alive, as systemd does in a real room.

A program that crashes three times in five minutes is given up for a minute, and a fault note tells daemon and TV why.
While it is the display that rests, a plainer one shows the note.
"""

import asyncio
import contextlib
import logging
import os
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.link import faults
from appliance.service import utc_now
from appliance.settings import ENVIRONMENT

logger = logging.getLogger(__name__)
CRASHES = 3
WITHIN_S = 300.0
REST_S = 60.0
_RESTART_S = 0.2
_STOP_S = 5.0
_REMEDIES = {
    "media": "Check the camera and microphone in `salon doctor`.",
    "display": "Check the TV's cable and `salon doctor`.",
    "daemon": "Check the room's settings and disk with `salon doctor`.",
}


@dataclass(frozen=True, slots=True)
class Program:
    """One program of the room."""

    name: str
    arguments: tuple[str, ...]
    foreground: bool = False
    """It owns the terminal; when it ends by itself, everything ends."""
    safe_arguments: tuple[str, ...] = ()
    """What runs in its place while it rests."""


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
    ) -> None:
        self._programs = programs
        self._config = config
        self._runtime_dir = runtime_dir
        self._log_dir = log_dir
        self._rest_s = rest_s

    async def run(self) -> None:
        """Keep everything running."""
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
            status = await self._run_once(program)
            if program.foreground and status == 0:
                raise _ForegroundEnded
            crashes.append(clock())
            if len(crashes) == CRASHES and crashes[-1] - crashes[0] < WITHIN_S:
                self._give_up(program, status)
                crashes.clear()
                await self._rest(program)
            else:
                logger.warning("%s ended (%s); starting it again", program.name, _how(status))
                await asyncio.sleep(_RESTART_S)

    async def _rest(self, program: Program) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._rest_s):
                if program.safe_arguments:
                    await self._run(program, program.safe_arguments)
                await asyncio.get_running_loop().create_future()
        logger.info("%s has rested; trying it again", program.name)

    async def _run_once(self, program: Program) -> int:
        settled = asyncio.create_task(self._settle(program), name=f"{program.name} settling")
        try:
            return await self._run(program, program.arguments)
        finally:
            settled.cancel()

    async def _run(self, program: Program, arguments: Sequence[str]) -> int:
        with self._output(program) as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "appliance.cli", *arguments),
                stdin=None if program.foreground else asyncio.subprocess.DEVNULL,
                stdout=None if program.foreground else output,
                # the panel draws on standard output
                stderr=output,
                env=self._environment(),
            )
        logger.info("%s started (pid %s)", " ".join(arguments[:2]), process.pid)
        try:
            return await process.wait()
        finally:
            await _stop(process)

    async def _settle(self, program: Program) -> None:
        """Take the fault note away once the program has run for as long as it rested."""
        await asyncio.sleep(self._rest_s)
        faults.clear(self._runtime_dir, program.name)

    def _environment(self) -> dict[str, str]:
        told = {"SALON_PARENT": str(os.getpid())}
        if self._config is not None:
            told[ENVIRONMENT] = str(self._config)
        return {**os.environ, **told}

    @contextlib.contextmanager
    def _output(self, program: Program):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a file or None
        if self._log_dir is None:
            yield None
            return
        self._log_dir.mkdir(parents=True, exist_ok=True)
        with (self._log_dir / f"{program.name}.log").open("ab") as file:
            yield file

    def _give_up(self, program: Program, status: int) -> None:
        reason = (
            f"It ended {CRASHES} times in five minutes, last with {_how(status)}. {_REMEDIES.get(program.name, '')}"
        )
        logger.error("giving %s a rest: %s", program.name, reason)
        faults.record(self._runtime_dir, faults.Fault(program.name, reason.strip(), utc_now()))


class _ForegroundEnded(Exception):
    """The program that owns the terminal was closed by its user."""


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End a child: politely, then for sure."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        logger.warning("pid %s did not stop in %s s", process.pid, _STOP_S)
        process.kill()
        await process.wait()


def _how(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def room_programs(*, panel: Sequence[str], hub: bool, broker: bool) -> list[Program]:
    """Return what `salon up` runs, servers first; `panel` holds the panel's arguments, none for no panel."""
    terminal = list(panel) == ["panel"]
    programs = [
        *([Program("broker", ("broker",))] if broker else []),
        *([Program("hub", ("hub",))] if hub else []),
        Program("media", ("media",)),
        Program("display", ("display",), safe_arguments=("display", "--safe")),
        Program("daemon", ("daemon",)),
    ]
    return [*programs, Program("panel", tuple(panel), foreground=terminal)] if panel else programs
