"""A room that only notes what must not be lost, numbered, with the real spool and the real agent: it may be killed.

How far it has come is remembered in the same transaction as the record, so that each number is written once.
"""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from appliance.state.commands import Ack
from appliance.state.room import Boot, RoomState, ServiceHealth
from appliance.telemetry.agent import MqttAgent, MqttSettings, Pace
from appliance.telemetry.courier import Courier
from appliance.telemetry.moments import Moment, machine_clock
from appliance.telemetry.protocol.records import Content, Happening, JobReport, JobState, Meeting, Outcome
from appliance.telemetry.sending import SendPace
from appliance.telemetry.spool import Spool

TYPE = "test.numbered"
KINDS = (TYPE, "job.succeeded", "meeting")
"""What a room notes, as the console calls it."""
_TICK_S = 0.05
_QUICK = SendPace(a_second=8, resend_s=3, longest_resend_s=6, backlog_within_s=1)


def now() -> datetime:
    return datetime.now(UTC)


def noted_as(number: int) -> str:
    """Return of which kind a record is: mostly events, and now and then what a job or a meeting came to."""
    return {0: KINDS[1], 5: KINDS[2]}.get(number % 10, TYPE)


def numbered(number: int) -> Content:
    """Return a record in which its number can be found again."""
    match noted_as(number):
        case "meeting":
            return Meeting(str(number), Outcome.HELD)
        case "job.succeeded":
            return JobReport(f"job-{number}", JobState.SUCCEEDED, detail=str(number))
        case _:
            return Happening(TYPE, text=str(number))


async def _done(*_asked) -> Ack:
    return Ack()


@asynccontextmanager
async def a_spool(folder: Path, boot: str, clock: Callable[[], Moment] | None = None) -> AsyncIterator[Spool]:
    path = folder / "records.db"
    async with Spool(path, boot=boot, clock=clock or machine_clock(now), on_health=lambda _: None) as spool:
        yield spool


@asynccontextmanager
async def connected(
    url: str,
    room: str,
    folder: Path,
    spool: Spool,
    boot: str,
    *,
    clock: Callable[[], datetime] = now,
    on_health: Callable[[ServiceHealth], None] = lambda _: None,
) -> AsyncIterator[None]:
    """Let an agent send what is in a spool."""

    async def states() -> AsyncIterator[RoomState]:
        yield RoomState(room, f"Room {room}", Boot(boot), now=clock())
        await asyncio.get_running_loop().create_future()

    agent = MqttAgent(
        MqttSettings(url),
        state_dir=folder,
        states=states,
        dispatch=_done,
        on_health=on_health,
        now=clock,
        courier=Courier(spool, on_health=lambda _: None, pace=_QUICK),
        pace=Pace(gap_s=0.2, first_retry_s=0.2, longest_retry_s=1),
    )
    task = asyncio.create_task(agent.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def live(url: str, room: str, folder: Path, total: int, a_second: int) -> None:
    """Note all that is left to note, and wait until the console has it."""
    boot = secrets.token_hex(8)
    async with a_spool(folder, boot) as spool, connected(url, room, folder, spool, boot):
        done = int(await spool.kept("done") or 0)
        while done < total:
            for number in range(done + 1, min(total, done + int(a_second * _TICK_S)) + 1):
                spool.note(numbered(number))
                spool.keep("done", str(number))
                done = number
            await asyncio.sleep(_TICK_S)
        while spool.waiting:
            await asyncio.sleep(0.2)
    sys.stdout.write("all acknowledged\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(live(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])))
