"""Runs a short program without ever waiting longer than allowed for it, for its output or for its end."""

import asyncio
import contextlib
import logging
import os
import signal

from hardware.ports import DeviceError, DeviceMissing

logger = logging.getLogger(__name__)
_LARGEST_OUTPUT = 65_536
_LAST_WAIT_S = 1.0


class CommandStalled(DeviceError, TimeoutError):
    """A program did not end in time and was killed."""


async def run(*command: str, timeout_s: float) -> str:
    """Return what a program writes, errors included. Its exit status says nothing: cec-ctl's is 0 for most failures."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "LC_ALL": "C"},
        )
    except FileNotFoundError as err:
        raise DeviceMissing(f"{command[0]} is not installed") from err
    except OSError as err:
        raise DeviceError(f"{command[0]} cannot be started ({err.strerror})") from err
    try:
        async with asyncio.timeout(timeout_s):
            output = await _output(process)
            await process.wait()
    except TimeoutError as err:
        raise CommandStalled(f"{command[0]} did not end within {timeout_s:g} s") from err
    finally:
        await _end(process)
    return output


async def _output(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    pieces: list[bytes] = []
    while piece := await process.stdout.read(_LARGEST_OUTPUT):
        pieces.append(piece)
        if sum(map(len, pieces)) > _LARGEST_OUTPUT:
            raise DeviceError("a program that should say little does not stop writing")
    return b"".join(pieces).decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill it and whatever it started; one that hangs in its driver is left to the system."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.returncode is None:
        try:
            async with asyncio.timeout(_LAST_WAIT_S):
                await process.wait()
        except TimeoutError:
            logger.warning("process %d cannot be killed: its driver hangs", process.pid)
    # the pipe would else be closed by the garbage collector, which warns
    process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001 - asyncio has no public way
