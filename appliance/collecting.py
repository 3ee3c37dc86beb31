"""Collects the room's logs for its console: the newest of each program, without secrets, packed."""

import asyncio
import gzip
import signal
from collections.abc import Iterator
from pathlib import Path

from appliance.children import send
from appliance.errors import SalonError
from appliance.redact import without_secrets

_NEWEST = 512 * 1024
"""Bytes of each log."""
_MOST = 2 * 1024 * 1024
"""Of all together, before they are packed."""
_JOURNAL = ("journalctl", "--unit=salon-*", "--since=-2days", "--no-pager", "--output=short-iso", "--quiet")
_ANSWER_S = 30


class NoLogs(SalonError):
    """There is nothing to collect; says where it would be."""


async def logs(folders: tuple[Path, ...], *, journal: bool) -> bytes:
    """Return all logs as one packed text, or raise `NoLogs`."""
    parts = await asyncio.to_thread(lambda: list(_files(folders)))
    if journal:
        parts.append(("journal", await _journal()))
    text = "\n".join(f"==> {name} <==\n{without_secrets(part)}" for name, part in parts if part.strip())
    if not text:
        raise NoLogs(
            "There are no logs: `salon up` writes them with --logs FOLDER, an installed room into the journal."
        )
    return await asyncio.to_thread(gzip.compress, text.encode()[-_MOST:])


def _files(folders: tuple[Path, ...]) -> Iterator[tuple[str, str]]:
    for folder in folders:
        for path in sorted(folder.glob("*.log")):
            with path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - _NEWEST))
                yield path.name, file.read(_NEWEST).decode(errors="replace")


async def _journal() -> str:
    nowhere = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(*_JOURNAL, stdout=asyncio.subprocess.PIPE, stderr=nowhere)
    except OSError:
        return ""
    try:
        async with asyncio.timeout(_ANSWER_S):
            said, _ = await process.communicate()
    except TimeoutError:
        send(process, signal.SIGKILL)
        await process.wait()
        return ""
    return said[-_MOST:].decode(errors="replace")
