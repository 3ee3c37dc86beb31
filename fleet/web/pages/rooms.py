"""The rooms at a glance, their saved views, and the stream that keeps them up to date."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from fleet.store import views
from fleet.web import viewing
from fleet.web.access.visitor import Visitor
from fleet.web.console import console_of
from fleet.web.finding import RoomsWanted, rooms_table
from fleet.web.gate import Seeing, visitor_of
from fleet.web.inputs import Key, field
from fleet.web.pages.frame import page

router = APIRouter()
PING_S = 15.0
_STREAM = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.get("/rooms")
async def rooms(request: Request, visitor: Seeing) -> Response:
    saved = await views.views_of(console_of(request).database, visitor.user)
    return page(request, visitor, "rooms.html", title="Rooms", views=saved)


@router.get("/rooms.csv")
async def table(request: Request, visitor: Seeing, asked: Annotated[RoomsWanted, Query()]) -> Response:
    return await rooms_table(request, visitor, asked)


@router.get("/live/rooms.json")
async def snapshot(request: Request, visitor: Seeing) -> Response:
    packed = await console_of(request).live.snapshot(visitor.sites())
    return Response(packed, media_type="application/json", headers={"Content-Encoding": "gzip"})


@router.get("/live/rooms")
async def stream(request: Request, visitor: Seeing, since: int = 0) -> Response:
    last = request.headers.get("Last-Event-ID", "")
    known = int(last) if last.isdecimal() and len(last) < 19 else since
    events = console_of(request).live.stream(known, visitor.sites(), ping_s=PING_S)
    return events_answer(request, visitor, events)


def events_answer(request: Request, visitor: Visitor, events: AsyncIterator[bytes]) -> Response:
    """Return a stream of events that ends when its reader may not see them any more."""
    return StreamingResponse(_guarded(request, visitor, events), media_type="text/event-stream", headers=_STREAM)


async def _guarded(request: Request, visitor: Visitor, events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    now = console_of(request).now
    checked = now()
    async for event in events:
        if now() - checked > PING_S * 1000:
            checked = now()
            still = await visitor_of(request)
            if still is None or still.grants != visitor.grants:
                yield b"event: over\ndata: {}\n\n"
                return
        yield event


@router.post("/views")
async def save_view(
    request: Request,
    visitor: Seeing,
    name: Annotated[str, field(60)] = "",
    query: Annotated[str, field(1000)] = "",
    shared: Annotated[str, Form()] = "",
) -> Response:
    await viewing.save_view(console_of(request), visitor, name, query, shared=bool(shared))
    return RedirectResponse(f"/rooms?{query.lstrip('?')}", 303)


@router.post("/views/{key}/remove")
async def remove_view(request: Request, visitor: Seeing, key: Key) -> Response:
    await viewing.remove_view(console_of(request), visitor, key)
    return RedirectResponse("/rooms", 303)
