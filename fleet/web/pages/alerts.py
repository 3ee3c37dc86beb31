"""What needs somebody now, and what did."""

from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fleet.control import exports
from fleet.store import worklists
from fleet.web import acting
from fleet.web.acting import in_words
from fleet.web.console import console_of
from fleet.web.gate import Seeing
from fleet.web.inputs import Key
from fleet.web.pages.frame import page
from fleet.web.spans import AskedSpan, csv_answer

router = APIRouter()


@router.get("/alerts")
async def alerts(
    request: Request, visitor: Seeing, state: Annotated[str, Query(pattern="^(firing|resolved)$")] = "firing"
) -> Response:
    listed = await worklists.alerts(console_of(request).database, visitor.sites(), state=state)
    name = "part/alerts.html" if request.headers.get("HX-Target") == "alerts" else "alerts.html"
    return page(request, visitor, name, title="Alerts", alerts=listed, state=state)


@router.get("/alerts.csv")
async def table(request: Request, visitor: Seeing, span: AskedSpan) -> Response:
    reader = console_of(request).database
    text = await in_words(exports.alerts_csv(reader, span.from_at, span.until_at, sites=visitor.sites()))
    return csv_answer("alerts", span, text)


@router.post("/alerts/{key}/acknowledge")
async def acknowledge(request: Request, visitor: Seeing, key: Key) -> Response:
    await acting.acknowledge(console_of(request), visitor, key)
    return RedirectResponse("/alerts", 303)


@router.post("/alerts/{key}/snooze")
async def snooze(
    request: Request, visitor: Seeing, key: Key, hours: Annotated[int, Form(ge=1, le=720)] = 4
) -> Response:
    await acting.snooze(console_of(request), visitor, key, hours)
    return RedirectResponse("/alerts", 303)
