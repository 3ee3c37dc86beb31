"""Times and tables that people ask for: a span of days until now or from one moment to another, and files of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from fleet.web.access.accounts import NotPossible
from fleet.web.console import console_of
from fleet.web.inputs import LARGEST

_DAY_MS = 86_400_000
Moment = Annotated[int | None, Query(ge=0, le=LARGEST, description="milliseconds since 1970")]


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to another, in milliseconds."""

    from_at: int
    until_at: int


async def _span(
    request: Request,
    days: Annotated[int, Query(ge=1, le=366)] = 30,
    from_at: Moment = None,
    until_at: Moment = None,
) -> Span:
    until = console_of(request).now() if until_at is None else until_at
    return Span(until - days * _DAY_MS if from_at is None else from_at, until)


AskedSpan = Annotated[Span, Depends(_span)]


def csv_answer(name: str, span: Span, text: str) -> Response:
    """Return a table as a file, named after its days."""
    days = "-".join(datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y%m%d") for ms in (span.from_at, span.until_at))
    return csv_file(f"{name}-{days}", text)


def csv_file(name: str, text: str) -> Response:
    """Return a table as a file to keep."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


def moment_ms(milliseconds: str, written: str) -> int | None:
    """Return a moment from a form: as the browser counted it in its own zone, or without scripts as UTC."""
    if milliseconds.isdecimal() and len(milliseconds) < 16:
        return int(milliseconds)
    if not written.strip():
        return None
    try:
        return int(datetime.fromisoformat(written.strip()).replace(tzinfo=UTC).timestamp() * 1000)
    except (ValueError, OverflowError) as err:
        raise NotPossible("A moment is written like 2026-11-23T18:30.") from err
