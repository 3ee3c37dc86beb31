"""The rows of browsing: what the pages and the API read of a month of ten thousand rooms, by their own functions."""

import asyncio
import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from statistics import median

from benchmarks.fleet_filled import CLOSELY, ROOMS, fill
from benchmarks.rows import Row, Run
from fleet.control import metrics, use
from fleet.store import audit, browse, history, samples, worklists
from fleet.store.database import Database
from fleet.store.opening import open_database
from fleet.store.rooms import next_version
from fleet.store.samples import DAY
from fleet.web import series
from fleet.web.live import Live

_TIMES, _RUNS = 15, 5
"""Each query is asked so often a run, of other rooms each time, and once before that."""
_SERVER = Path(__file__).parents[1] / "tests" / "fleet" / "postgres_server.py"
Query = Callable[[], Awaitable[object]]


def _queries(database: Database, now: int) -> Mapping[str, Query]:
    """Return what a person's clicks ask, each as the page or the API does."""

    def some() -> int:
        return random.randint(1, ROOMS)

    def close() -> int:
        return random.randint(1, CLOSELY)

    live = Live(database)
    return {
        "grid": lambda: _grid(database, live, some()),
        "list": lambda: browse.find_rooms(database, None),
        "list_next": lambda: browse.find_rooms(database, None, after=f"room-{some():05}"),
        "list_status": lambda: browse.find_rooms(database, None, browse.Filter(["broken", "warning"])),
        "list_site": lambda: browse.find_rooms(database, None, browse.Filter(site="site-7", tag="board")),
        "list_search": lambda: browse.find_rooms(database, None, browse.Filter(search=f"room {some()}")),
        "room": lambda: browse.room(database, f"room-{some():05}"),
        "room_settings": lambda: history.wanted(database, some(), 3),
        "chart_24h": lambda: series.of_room(database, close(), "24h", now),
        "chart_30d": lambda: series.of_room(database, some(), "30d", now),
        "raw_24h": lambda: samples.series(database, close(), "samples", now - DAY, now),
        "timeline": lambda: history.events(database, some()),
        "timeline_older": lambda: history.events(database, some(), before=now - 10 * DAY),
        "meetings": lambda: history.meetings(database, some(), limit=20),
        "room_jobs": lambda: history.jobs_of(database, some()),
        "room_files": lambda: history.files(database, some()),
        "room_alerts": lambda: worklists.alerts_of(database, some()),
        "alerts": lambda: worklists.alerts(database, None),
        "alerts_over": lambda: worklists.alerts(database, None, state="resolved"),
        "jobs": lambda: worklists.jobs(database, None),
        "jobs_of_sites": lambda: worklists.jobs(database, frozenset({3, 4})),
        "job_waves": lambda: worklists.waves(database, "job-200", None),
        "job_rooms": lambda: history.executions(database, "job-200", None),
        "settings": lambda: worklists.layers(database, None),
        "audit": lambda: audit.entries(database, before=now, search="", limit=100),
        "metrics": lambda: metrics.metrics(database, now),
    }


async def _grid(database: Database, live: Live, room: int) -> None:
    """Ask for all rooms, one of which has just changed, as the page does it."""
    async with database.transaction() as tx:
        await tx.execute("UPDATE rooms SET version = $1 WHERE key = $2", await next_version(tx), room)
    await live.snapshot(None)


@asynccontextmanager
async def _sqlite() -> AsyncIterator[Database]:
    folder = Path(tempfile.mkdtemp(prefix="salon-bench-"))
    database = await open_database(f"sqlite:{folder}/fleet.db")
    try:
        yield database
    finally:
        await database.close()
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def _postgresql() -> AsyncIterator[Database]:
    """Have the tests' server run."""
    spec = spec_from_file_location("postgres_server", _SERVER)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.postgres_server() as server:
        database = await open_database(server.url)
        try:
            yield database
        finally:
            await database.close()


async def _timed(query: Query) -> float:
    began = time.perf_counter()
    await query()
    return (time.perf_counter() - began) * 1000


async def _often(query: Query) -> float:
    await query()
    return median([await _timed(query) for _ in range(_TIMES)])


async def _browsed(opened: AbstractAsyncContextManager[Database]) -> tuple[list[Run], list[Run]]:
    """Return a run each of all queries, and of the report of use."""
    clicks, reports = [], []
    async with opened as database:
        now, began = time.time_ns() // 1_000_000, time.monotonic()
        await fill(database, now)
        print(f"  filled in {time.monotonic() - began:.0f} s", flush=True)
        for number in range(_RUNS):
            took = {name: await _often(query) for name, query in _queries(database, now).items()}
            slowest = max(took, key=lambda name: took[name])
            middle = median(took.values())
            print(f"  {number + 1}: {took[slowest]:.1f} ms for {slowest}, median {middle:.1f} ms", flush=True)
            clicks.append(Run(took[slowest], parts={"median": middle, **took}))
            reports.append(Run(await _timed(lambda: use.report(database, now - 30 * DAY, now)) / 1000))
    return clicks, reports


@cache
def _of(dialect: str) -> tuple[list[Run], list[Run]]:
    """Fill once for all rows that tell of it."""
    return asyncio.run(_browsed(_sqlite() if dialect == "sqlite" else _postgresql()))


_WHAT = (
    "what pages and API read of a month of 10,000 rooms, on {}: the slowest of all queries, each the median of 15; "
    "and each by itself, in ms"
)
BROWSE_ROWS = (
    Row("fleet_browse_ms", "ms", _WHAT.format("SQLite"), "50", lambda: _of("sqlite")[0]),
    Row("fleet_browse_postgresql_ms", "ms", _WHAT.format("PostgreSQL"), "50", lambda: _of("postgresql")[0]),
    Row(
        "fleet_use_report_s",
        "s",
        "the report of how 10,000 rooms were used in a month, of some 150,000 meetings, on SQLite",
        "",
        lambda: _of("sqlite")[1],
    ),
)
