"""The row of the ingest: what storing a message costs it, against what receiving it costs who does nothing with it."""

import asyncio
import os
import subprocess
import threading
from contextlib import suppress

from appliance.telemetry.protocol.topics import every_room
from benchmarks.cost import cpu_seconds
from benchmarks.fleet_console import ORG, Console, console, until
from benchmarks.fleet_rooms import SimulatedFleet
from benchmarks.pairs import good_runs
from benchmarks.rows import Row, Run

_ROOMS, _INTRODUCTION = 1000, 3
_MESSAGES, _PER_S = 40_000, 2000.0
"""As many a second as two hundred thousand rooms say."""
_PATIENCE_S = 20.0
_STORED = (
    "SELECT sum(json_extract(detail, '$.messages')) - coalesce(sum((SELECT sum(value) FROM "
    "json_each(json_extract(detail, '$.refused')))), 0) FROM pulses"
)


async def _pair(number: int) -> Run:
    """Let both hear the same messages of the same broker at the same time."""
    async with console(["ingest"]) as running:
        fleet = SimulatedFleet(ORG, running.broker_port, _ROOMS)
        introduced = _INTRODUCTION * _ROOMS
        with _listener(running.broker_port, introduced + _MESSAGES) as other:
            await fleet.connect()
            await until(lambda: _stored(running) == introduced)
            before = cpu_seconds([running.parts["ingest"]])
            await fleet.hurry(_MESSAGES, _PER_S)
            # what a busy machine did not let one of them take is said again by real rooms, but not by these
            with suppress(TimeoutError):
                await until(lambda: _stored(running) == introduced + _MESSAGES, _PATIENCE_S)
            stored = _stored(running) - introduced
            ours = stored / (cpu_seconds([running.parts["ingest"]]) - before)
            spent = await asyncio.to_thread(_spent, other)
        fleet.close()
    theirs = (introduced + _MESSAGES) / spent if spent else 0.0
    whole = stored == _MESSAGES and theirs > 0
    print(f"  {number + 1}: {ours:.0f} stored, {theirs:.0f} received{'' if whole else ': not all'}", flush=True)
    return Run(ours, theirs, counted=whole)


def _listener(port: int, messages: int) -> subprocess.Popen[bytes]:
    """Run mosquitto_sub, which ends when it has received so many."""
    words = ["mosquitto_sub", "-p", str(port), "-t", every_room(ORG), "-C", str(messages)]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL)


def _spent(process: subprocess.Popen[bytes]) -> float | None:
    """Return its CPU seconds; None when it has not received everything."""
    ended = threading.Timer(_PATIENCE_S, process.kill)
    ended.start()
    _, status, usage = os.wait4(process.pid, 0)
    ended.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return None if process.returncode else usage.ru_utime + usage.ru_stime


def _stored(running: Console) -> int:
    """Return what the ingest says it has stored; it says so each five seconds."""
    return running.ask(_STORED)


def per_cpu_second() -> list[Run]:
    """Measure both."""
    return asyncio.run(good_runs(_pair))


INGEST_ROWS = (
    Row(
        "ingest_vs_mosquitto_sub",
        "messages per CPU-second",
        "messages of rooms stored, against received by mosquitto_sub and written into nothing",
        "",
        per_cpu_second,
        peer="mosquitto_sub",
        more=True,
    ),
)
