"""The rows of the fleet: ten thousand rooms at one console, what it costs, what is lost, how quick its pages are."""

import asyncio
import time
from dataclasses import dataclass
from functools import cache
from statistics import median

from benchmarks.cost import cpu_seconds, pss_mb
from benchmarks.fleet_console import ORG, Console, Onlooker, console, onlooker, until
from benchmarks.fleet_rooms import SimulatedFleet
from benchmarks.pictures import bars
from benchmarks.rows import Row, Run

_ROOMS = 10_000
_SPEAK_S, _SETTLE_S = 60.0, 20.0
_RUNS = 3
_LOADS = 5
_SMALLER = (100, 1000, 3000)
"""Fleets that are measured once each, for how the cost grows."""


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute of a fleet."""

    cores: dict[str, float]
    """By process."""
    pss_mb: float
    kbps: float
    """What the browser received, KB a second."""
    lost: int
    told: int
    page_s: tuple[float, ...]

    @property
    def console_cores(self) -> float:
        """Ingest, control and web together."""
        return sum(cores for name, cores in self.cores.items() if name != "broker")


async def _minute(rooms: int) -> Minute:
    async with console() as running, onlooker(running) as looking:
        fleet = SimulatedFleet(ORG, running.broker_port, rooms)
        await fleet.connect()
        await until(lambda: running.ask("SELECT count(*) FROM rooms WHERE health IS NOT NULL") == rooms)
        page_s = tuple([await looking.filtered_s(running.pages) for _ in range(_LOADS)])
        await fleet.speak(_SETTLE_S)
        minute = await _watched(running, looking, fleet)
        fleet.close()
        return Minute(*minute, page_s)


async def _watched(
    running: Console, looking: Onlooker, fleet: SimulatedFleet
) -> tuple[dict[str, float], float, float, int, int]:
    processes = {**running.parts, "broker": running.broker}
    before = {name: cpu_seconds([process]) for name, process in processes.items()}
    received, began = looking.received, time.monotonic()
    await fleet.speak(_SPEAK_S)
    took = time.monotonic() - began
    cores = {name: (cpu_seconds([process]) - before[name]) / took for name, process in processes.items()}
    kbps = (looking.received - received) / took / 1000
    memory = pss_mb(list(running.parts.values()))
    told = fleet.tally.records + fleet.tally.health
    await asyncio.sleep(3)
    lost = fleet.tally.records - running.records()
    return cores, memory, kbps, lost, told


@cache
def _minutes(rooms: int = _ROOMS) -> tuple[Minute, ...]:
    """Measure once for all rows that tell of it."""
    found = []
    for number in range(_RUNS if rooms == _ROOMS else 1):
        minute = asyncio.run(_minute(rooms))
        found.append(minute)
        cores = ", ".join(f"{name} {value:.4f}" for name, value in minute.cores.items())
        print(
            f"  {number + 1}: {rooms} rooms, {minute.console_cores:.4f} cores ({cores}), {minute.pss_mb:.0f} MB, "
            f"{minute.kbps:.1f} KB/s, lost {minute.lost} of {minute.told}, page {min(minute.page_s):.2f} s",
            flush=True,
        )
    return tuple(found)


def lost() -> list[Run]:
    """Records that rooms sent and the console has not stored once, three seconds after the minute."""
    return [Run(minute.lost, parts={"told_messages": minute.told}) for minute in _minutes()]


def cpu() -> list[Run]:
    """What the console costs in that minute."""
    return [
        Run(
            minute.console_cores,
            parts={**{f"{name}_cores": value for name, value in minute.cores.items()}, "pss_mb": minute.pss_mb},
        )
        for minute in _minutes()
    ]


def page() -> list[Run]:
    """Five loads in each of the three consoles, while nobody else speaks."""
    return [Run(seconds) for minute in _minutes() for seconds in minute.page_s]


def delta() -> list[Run]:
    """What the one browser received in that minute."""
    return [Run(minute.kbps) for minute in _minutes()]


def memory() -> list[Run]:
    """What ingest, control and web hold at the end of that minute; pages they share are divided among them."""
    return [Run(minute.pss_mb) for minute in _minutes()]


def _grown() -> dict[int, tuple[float, float]]:
    """Return cores and memory by the number of rooms."""
    sizes = {rooms: _minutes(rooms) for rooms in _SMALLER} | {_ROOMS: _minutes()}
    return {
        rooms: (median(one.console_cores for one in minutes), median(one.pss_mb for one in minutes))
        for rooms, minutes in sizes.items()
    }


def growth() -> list[Run]:
    """What a room costs among ten thousand, over what it costs among a thousand."""
    each = {rooms: cores / rooms * 1e6 for rooms, (cores, _) in _grown().items()}
    return [Run(each[_ROOMS] / each[1000], parts={f"us_a_second_of_{rooms}": us for rooms, us in each.items()})]


def _growth_picture() -> str:
    grown = {f"{rooms:,} rooms": measured for rooms, measured in _grown().items()}
    each = {name: cores / rooms * 1e6 for rooms, (name, (cores, _)) in zip(_grown(), grown.items(), strict=True)}
    return bars(
        "What a fleet costs its console",
        {
            "CPU for each room: microseconds a second": each,
            "CPU in all: cores": {name: cores for name, (cores, _) in grown.items()},
            "Memory: MB": {name: mb for name, (_, mb) in grown.items()},
        },
    )


FLEET_ROWS = (
    Row("fleet_10k_lost", "records", "10,000 rooms on mosquitto for 60 s: records sent and not stored", "0", lost),
    Row(
        "fleet_10k_console_cpu_cores",
        "cores",
        "CPU of ingest, control and web in that minute, one browser open",
        "0.05",
        cpu,
    ),
    Row(
        "fleet_10k_console_mb",
        "MB",
        "memory of ingest, control and web with 10,000 rooms (proportional set size)",
        "",
        memory,
    ),
    Row(
        "fleet_growth",
        "times",
        "CPU for each of 10,000 rooms, over that for each of 1,000; one run of each smaller fleet",
        "1.0",
        growth,
        picture=_growth_picture,
    ),
    Row("fleet_delta_kb", "KB/s", "what the browser receives in that minute", "20", delta),
    Row(
        "fleet_page_10k_s",
        "s",
        "page of 10,000 rooms: from the start of navigation until a filter click has changed the grid",
        "1.0",
        page,
    ),
)
