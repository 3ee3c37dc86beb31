"""One room: what is wrong and the remedy, how it has been, what it did, how it is set up, what it sent."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fleet.control import exports, layers
from fleet.store import browse, history
from fleet.store.audit import note
from fleet.web import series
from fleet.web.access.permissions import Action
from fleet.web.access.visitor import Visitor
from fleet.web.acting import in_words
from fleet.web.console import Console, console_of
from fleet.web.gate import Editing, Enrolling, NotThere, Seeing, allowed, require
from fleet.web.inputs import Before, Key, field
from fleet.web.pages.frame import page
from fleet.web.pages.rooms import PING_S, events_answer
from fleet.web.placing import Place, placed, renamed
from fleet.web.rooms_in import RELOAD, retire
from fleet.web.spans import AskedSpan, csv_answer
from fleet.web.told import health_of, info_of

router = APIRouter()
_DOWNLOAD = {"Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": "no-store"}


async def room_for(console: Console, visitor: Visitor, room_id: str) -> browse.RoomDetail:
    """Return a room that this visitor may see."""
    room = await browse.room(console.database, room_id)
    if room is None or not visitor.may(Action.SEE, room.line.site):
        raise NotThere("There is no such room, or it is at a site that you may not see.")
    return room


@router.get("/rooms/{room_id}")
async def show(request: Request, visitor: Seeing, room_id: str) -> Response:
    console = console_of(request)
    room = await room_for(console, visitor, room_id)
    key, database = room.line.key, console.database
    desired = await history.wanted(database, key, room.rev_desired)
    return page(
        request,
        visitor,
        "room.html",
        title=room.line.title,
        **_now(room),
        site=await _site(console, room),
        sites=await browse.all_sites(database, visitor.sites(Action.EDIT_ROOMS)),
        may_set=visitor.may(Action.EDIT_SETTINGS, room.line.site),
        may_edit=visitor.may(Action.EDIT_ROOMS, room.line.site),
        may_enrol=visitor.may(Action.ENROL, room.line.site),
        may_look=visitor.may(Action.LOOK, room.line.site),
        reload=RELOAD,
        may_run=visitor.may(Action.RUN_JOBS, room.line.site),
        events=await history.events(database, key),
        meetings=await history.meetings(database, key, limit=20),
        jobs=await history.jobs_of(database, key),
        files=await history.files(database, key),
        lines=history.compared(desired, room.reported),
        told=await layers.effective(database, database.dialect, key),
        waits=str((room.reported or {}).get("waits", "")),
    )


@router.get("/rooms/{room_id}/now")
async def now(request: Request, visitor: Seeing, room_id: str) -> Response:
    console = console_of(request)
    room = await room_for(console, visitor, room_id)
    return page(request, visitor, "part/room_now.html", **_now(room), site=await _site(console, room))


def _now(room: browse.RoomDetail) -> dict[str, Any]:
    return {"room": room, "health": health_of(room.health), "info": info_of(room.info)}


async def _site(console: Console, room: browse.RoomDetail) -> browse.Site | None:
    sites = await browse.all_sites(console.database)
    return next((site for site in sites if site.key == room.line.site), None)


@router.get("/rooms/{room_id}/live")
async def live(request: Request, visitor: Seeing, room_id: str) -> Response:
    console = console_of(request)
    room = await room_for(console, visitor, room_id)
    return events_answer(request, visitor, console.live.room(room.line.key, ping_s=PING_S))


@router.get("/rooms/{room_id}/series.json")
async def samples(
    request: Request, visitor: Seeing, room_id: str, span: Annotated[str, Query(pattern="^(24h|30d)$")] = "24h"
) -> Response:
    console = console_of(request)
    room = await room_for(console, visitor, room_id)
    return series.answer(await series.of_room(console.database, room.line.key, span, console.now()))


@router.get("/rooms/{room_id}/more-events")
async def more_events(request: Request, visitor: Seeing, room_id: str, before: Before) -> Response:
    console = console_of(request)
    room = await room_for(console, visitor, room_id)
    events = await history.events(console.database, room.line.key, before=before)
    return page(request, visitor, "part/events.html", room=room, events=events)


@router.get("/rooms/{room_id}/events.csv")
async def events_table(request: Request, visitor: Seeing, room_id: str, span: AskedSpan) -> Response:
    reader = console_of(request).database
    room = await room_for(console_of(request), visitor, room_id)
    text = await in_words(exports.events_csv(reader, room.line, span.from_at, span.until_at))
    return csv_answer(f"events-{room.line.id}", span, text)


@router.post("/rooms/{room_id}/place")
async def place(
    request: Request,
    visitor: Annotated[Visitor, Depends(allowed(Action.EDIT_ROOMS))],
    room_id: str,
    site: Annotated[str, field(64)] = "",
    floor: Annotated[str, field(40)] = "",
    capacity: Annotated[str, field(6)] = "",
    tags: Annotated[str, field(500)] = "",
) -> Response:
    console = console_of(request)
    room = await room_for(console, visitor, room_id)
    seats = int(capacity) if capacity.strip().isdecimal() else None
    await placed(console, visitor, room, Place(site, floor, seats, tuple(tags.split(","))))
    return RedirectResponse(f"/rooms/{room.line.id}", 303)


@router.post("/rooms/{room_id}/retire")
async def retired(request: Request, visitor: Enrolling, room_id: str) -> Response:
    await retire(console_of(request), visitor, room_id)
    return RedirectResponse(f"/rooms/{room_id}", 303)


@router.post("/rooms/{room_id}/name")
async def rename(
    request: Request,
    visitor: Editing,
    room_id: str,
    name: Annotated[str, field(60)] = "",
) -> Response:
    console = console_of(request)
    await renamed(console, visitor, await room_for(console, visitor, room_id), name)
    return RedirectResponse(f"/rooms/{room_id}", 303)


@router.get("/rooms/{room_id}/files/{key}")
async def file(request: Request, visitor: Seeing, room_id: str, key: Key) -> Response:
    return await file_answer(request, visitor, room_id, key)


async def file_answer(request: Request, visitor: Visitor, room_id: str, key: int) -> Response:
    """Return what a room sent, and note who looked. A room may send anything: only pictures are shown, never a page."""
    console = console_of(request)
    room = await room_for(console, visitor, room_id)
    require(visitor, Action.LOOK, room.line.site)
    found = await history.file_content(console.database, room.line.key, key)
    if found is None:
        raise NotThere("There is no such file, or parts of it have not arrived yet.")
    line, data = found
    await note(console.database, console.now(), visitor.actor, "looked at a file", f"room:{room_id}", name=line.name)
    kind = line.media_type if line.picture else "application/octet-stream"
    safe = "".join(char for char in line.name if char.isascii() and (char.isalnum() or char in "._-"))[:80] or "file"
    way = "inline" if line.picture else "attachment"
    return Response(data, media_type=kind, headers={**_DOWNLOAD, "Content-Disposition": f'{way}; filename="{safe}"'})
