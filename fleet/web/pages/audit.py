"""Who did what, and whether the log is whole."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from fleet.control import exports
from fleet.control.metrics import dropped
from fleet.store import audit
from fleet.web.acting import in_words
from fleet.web.console import console_of
from fleet.web.gate import Reading
from fleet.web.inputs import LARGEST
from fleet.web.pages.frame import page
from fleet.web.spans import AskedSpan, csv_answer

router = APIRouter()
_PAGE = 100


@router.get("/audit")
async def log(
    request: Request,
    visitor: Reading,
    before: Annotated[int, Query(ge=1, le=LARGEST)] = LARGEST,
    search: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    console = console_of(request)
    entries = await audit.entries(console.database, before=before, search=search, limit=_PAGE)
    older = entries[-1].n if len(entries) == _PAGE else None
    lost = await dropped(console.database, console.now())
    return page(
        request, visitor, "audit.html", title="Audit", entries=entries, search=search, older=older, dropped=lost
    )


@router.get("/audit.csv")
async def table(
    request: Request, _: Reading, span: AskedSpan, search: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    reader = console_of(request).database
    text = await in_words(exports.audit_csv(reader, span.from_at, span.until_at, search=search))
    return csv_answer("audit", span, text)


@router.get("/audit/verdict")
async def verdict(request: Request, visitor: Reading) -> Response:
    found = await audit.verify(console_of(request).database)
    return page(request, visitor, "part/verdict.html", found=found)
