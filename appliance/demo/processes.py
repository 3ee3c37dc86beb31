"""The demo's programs: started, ended, and looked for afterwards."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO

from appliance.errors import SalonError

_STOP_S = 15


@asynccontextmanager
async def program(
    *arguments: str, foreground: bool = False, output: IO[bytes] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run one of ours with these arguments until the block is left."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdin=None if foreground else asyncio.subprocess.DEVNULL,
        stderr=output,
        env={**os.environ, "SALON_PARENT": str(os.getpid())},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP_S):
                    await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()


async def answer_of(*arguments: str) -> str:
    """Run `salon` with these arguments and return what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "appliance.cli", *arguments), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise SalonError(f"`salon {' '.join(arguments)}` failed; the line above says why.")
    return out.decode().strip()


def still_running(folder: Path) -> list[int]:
    """Return which processes have to do with a folder: by their arguments, or by the settings they read."""
    ours = os.fsencode(folder)
    return [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit() and ours in _told(one)]


def _told(process: Path) -> bytes:
    told = b""
    # it may end meanwhile, or belong to somebody else
    with suppress(OSError):
        told = (process / "cmdline").read_bytes()
        told += (process / "environ").read_bytes()
    return told
