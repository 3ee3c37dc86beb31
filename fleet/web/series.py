"""A room's measurements over time, as the columns that the charts draw."""

from dataclasses import dataclass

import msgspec
from starlette.responses import Response

from fleet.store.database import Database
from fleet.store.series import COLUMNS, read

_HOUR_MS = 3_600_000
_SPANS = {"24h": (24 * _HOUR_MS, 300), "30d": (30 * 24 * _HOUR_MS, 3600)}
"""How long, and of how many seconds one point is."""


@dataclass(frozen=True, slots=True)
class Series:
    """Columns of the same length; null where nothing was measured."""

    since: int
    until: int
    step_s: int
    at: list[int]
    columns: dict[str, list[float | None]]


async def of_room(database: Database, room: int, span: str, now: int) -> Series:
    """Return a room's last 24 hours or 30 days."""
    length, step = _SPANS[span]
    rows = await read(database, room, now - length, now, step)
    columns = {name: [row[name] for row in rows] for name in COLUMNS}
    return Series(now - length, now, step, [row["at"] for row in rows], columns)


def answer(series: Series) -> Response:
    """Return it as JSON; not by FastAPI, which looks at each number."""
    return Response(msgspec.json.encode(series), media_type="application/json")
