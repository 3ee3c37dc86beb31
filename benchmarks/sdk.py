"""LiveKit's official Python SDK as a receiver, in a process of its own."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from appliance.meetings.livekit_link import Ticket
from benchmarks.cost import Pictures
from benchmarks.seen import Seen, read_seen
from benchmarks.stand import Stand, program

_JOIN_S = 40.0


class Sdk:
    """A running receiver."""

    def __init__(self, process: psutil.Process, report: Path) -> None:
        self.measured = [process]
        self._report = report

    async def pictures(self) -> Pictures:
        """Count, as of its newest report."""
        said = self._said()
        return Pictures(said["at"], int(said["frames"]))

    def people(self) -> int:
        """Return of how many people pictures came."""
        return int(self._said().get("people", 0))

    def seen(self) -> list[Seen]:
        """Return the new pictures of one person so far."""
        return read_seen(self._report.with_suffix(".seen"))

    def _said(self) -> dict[str, float]:
        said: dict[str, float] = json.loads(self._report.read_text()) if self._report.exists() else {}
        return said


@asynccontextmanager
async def sdk(stand: Stand, ticket: Ticket, people: int, *, stamps: bool = False) -> AsyncIterator[Sdk]:
    """Be in the meeting; begins when a picture of everybody came."""
    report = stand.file("sdk.json")
    words = ("benchmarks.sdk_receiver", ticket.url, ticket.token, str(report), *(["--stamps"] if stamps else []))
    async with program(stand.file("sdk.log"), *words) as process:
        receiver = Sdk(process, report)
        async with asyncio.timeout(_JOIN_S):
            while receiver.people() < people:
                await asyncio.sleep(0.1)
        yield receiver
