"""A room's measurements over time, as the columns that the charts draw."""

from dataclasses import dataclass

import msgspec
from starlette.responses import Response

from fleet.store import samples
from fleet.store.database import Database

_HOUR_MS = 3_600_000
_SPANS: dict[str, tuple[int, samples.Kind]] = {
    "24h": (24 * _HOUR_MS, "samples5"),
    "30d": (30 * 24 * _HOUR_MS, "samples60"),
}


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
    length, kind = _SPANS[span]
    found = await samples.series(database, room, kind, now - length, now)
    columns = {name: column for name, column in found.columns.items() if name != "at"}
    return Series(now - length, now, found.every_s, found.columns["at"], columns)


def answer(series: Series) -> Response:
    """Return it as JSON; not by FastAPI, which looks at each number."""
    return Response(msgspec.json.encode(series), media_type="application/json")
