"""Without CEC: take the picture away, and most TVs go to sleep. Done by sway, which owns the outputs.

Sway's IPC is i3's (sway-ipc(7)): a magic word, two 32-bit numbers in the machine's byte order (length and type), JSON.
"""

import asyncio
import json
import os
import re
import struct
from pathlib import Path
from typing import Any

from hardware.ports import DeviceError, DeviceMissing
from hardware.tv.power import Power

_MAGIC = b"i3-ipc"
_HEAD = struct.Struct("=6sII")
_RUN_COMMAND, _GET_OUTPUTS = 0, 3
_LARGEST_ANSWER = 4 << 20
_NO_SWAY = "sway does not run here, so the TV's picture cannot be switched off"


def sway_socket(runtime_dir: Path | None = None) -> Path | None:
    """Return the socket of the sway that runs here: the one it names itself, else the newest it left."""
    if named := os.environ.get("SWAYSOCK", ""):
        return Path(named)
    folder = runtime_dir or Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    try:
        return max(folder.glob("sway-ipc.*.sock"), key=lambda path: path.stat().st_mtime, default=None)
    except OSError:
        return None


class SwayOutputs:
    """Switches outputs of sway. Every call ends within `timeout_s`."""

    def __init__(self, socket: Path | None = None, *, timeout_s: float = 2.0) -> None:
        """Use this socket, or the one that is there when it is needed: sway may start after us."""
        self._socket = socket
        self._timeout_s = timeout_s

    async def power(self, output: str) -> Power:
        """Return whether an output sends a picture; unknown when sway has no such output."""
        return _lit(await self._output(output))

    async def switch(self, output: str, *, on: bool) -> None:
        """Send a picture, or none, and see that it is so: sway says "success" also for what its driver cannot do."""
        word = "on" if on else "off"
        found = await self._output(output)
        if found is None:
            raise DeviceMissing(f"sway has no output {output!r}")
        # sway before 1.8 knows it as dpms
        results = await self._ask(_RUN_COMMAND, f"output {output} {'power' if 'power' in found else 'dpms'} {word}")
        reason = _refusal(results)
        if reason:
            raise DeviceError(f"sway did not switch {output} {word}: {reason}")
        if await self.power(output) is not (Power.ON if on else Power.OFF):
            raise DeviceError(f"sway did not switch {output} {word}: its driver cannot")

    async def _output(self, name: str) -> dict[str, Any] | None:
        if not re.fullmatch(r"[\w-]+", name):
            raise DeviceError(f"{name!r} is no name of an output")
        return next((output for output in await self._outputs() if output.get("name") == name), None)

    async def _outputs(self) -> list[dict[str, Any]]:
        answer = await self._ask(_GET_OUTPUTS, "")
        if not isinstance(answer, list):
            raise DeviceError("sway answers with something that is no list of outputs")
        return [output for output in answer if isinstance(output, dict)]

    async def _ask(self, kind: int, payload: str) -> Any:
        socket = self._socket or await asyncio.to_thread(sway_socket)
        if socket is None:
            raise DeviceMissing(_NO_SWAY)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await _exchange(socket, kind, payload.encode())
        except TimeoutError as err:
            raise DeviceError(f"sway did not answer within {self._timeout_s:g} s") from err
        except (FileNotFoundError, ConnectionRefusedError) as err:
            raise DeviceMissing(_NO_SWAY) from err
        except PermissionError as err:
            raise DeviceError(f"{socket} may not be opened: sway belongs to another user") from err
        except (OSError, EOFError, ValueError, RecursionError) as err:
            raise DeviceError(f"sway cannot be talked to ({type(err).__name__})") from err


def _lit(output: dict[str, Any] | None) -> Power:
    lit = output.get("power", output.get("dpms")) if output else None
    return Power.UNKNOWN if not isinstance(lit, bool) else Power.ON if lit else Power.OFF


def _refusal(results: Any) -> str:
    """Return why sway did not do as it was told; empty when it says it did."""
    for result in results if isinstance(results, list) and results else [None]:
        if not isinstance(result, dict):
            return "it does not say why"
        if result.get("success") is not True:
            return str(result.get("error", "it does not say why"))[:120]
    return ""


async def _exchange(socket: Path, kind: int, payload: bytes) -> Any:
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        writer.write(_HEAD.pack(_MAGIC, len(payload), kind) + payload)
        await writer.drain()
        magic, size, answered = _HEAD.unpack(await reader.readexactly(_HEAD.size))
        if magic != _MAGIC or answered != kind or size > _LARGEST_ANSWER:
            raise ValueError("not an answer of sway's")
        return json.loads(await reader.readexactly(size))
    finally:
        writer.close()
