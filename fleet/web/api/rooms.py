"""Rooms and sites."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field, StringConstraints
from pydantic.dataclasses import dataclass
from starlette.requests import Request
from starlette.responses import Response

from fleet.control import layers
from fleet.control.merge import Value
from fleet.store import browse, history, views
from fleet.web import series, viewing
from fleet.web.access.permissions import Action
from fleet.web.access.visitor import Visitor
from fleet.web.api.common import ERRORS
from fleet.web.console import console_of
from fleet.web.finding import RoomsQuery, RoomsWanted, filter_of, rooms_table
from fleet.web.gate import Seeing, allowed
from fleet.web.inputs import LARGEST, Before, Key, Limit, Text
from fleet.web.pages.room import events_table, file_answer, room_for
from fleet.web.placing import Place, placed, renamed
from fleet.web.sites import SiteWish, save_site
from fleet.web.spans import AskedSpan

router = APIRouter(tags=["rooms"], responses=ERRORS)
Number = Annotated[int | None, Field(ge=0, le=10_000)]


@dataclass(frozen=True)
class PlaceBody:
    """Where a room is."""

    site: Text = ""
    """A site's id; empty for none."""
    floor: Text = ""
    capacity: int | None = None
    tags: tuple[Text, ...] = ()


@dataclass(frozen=True)
class SiteBody:
    """A site's name and time zone; and, where not null, for how many days what its rooms tell is kept (measurements as
    they came, their five-minute and hourly values, events and meetings) and when its rooms may be booked."""

    name: Text
    timezone: Text = "UTC"
    keep_raw_days: Number = None
    keep_5min_days: Number = None
    keep_hours_days: Number = None
    keep_events_days: Number = None
    open_days: Text | None = None
    """Digits from 1, Monday, to 7."""
    open_from: Number = None
    """In minutes of the day."""
    open_until: Number = None


@dataclass(frozen=True)
class NameBody:
    """What a room is called."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\x00]*$")]


@dataclass(frozen=True)
class ViewBody:
    """A query of the rooms' page with a name."""

    name: Annotated[str, StringConstraints(max_length=60, pattern=r"^[^\x00]*$")]
    query: Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")] = ""
    """As in the page's address, such as status=broken&site=berlin."""
    shared: bool = False


@router.get("/sites")
async def sites(request: Request, visitor: Seeing) -> list[browse.Site]:
    """List the sites you may see."""
    return await browse.all_sites(console_of(request).database, visitor.sites())


@router.put("/sites/{site_id}")
async def put_site(
    request: Request,
    visitor: Annotated[Visitor, Depends(allowed(Action.EDIT_SITES, everywhere=True))],
    site_id: str,
    body: SiteBody,
) -> browse.Site:
    """Add a site, or change it."""
    return await save_site(console_of(request), visitor, SiteWish(site_id, **dataclasses.asdict(body)))


@router.get("/rooms")
async def rooms(request: Request, visitor: Seeing, asked: Annotated[RoomsQuery, Query()]) -> list[browse.RoomLine]:
    """List rooms by id, a page at a time."""
    console = console_of(request)
    wanted = await filter_of(console, visitor, asked)
    return await browse.find_rooms(console.database, visitor.sites(), wanted, after=asked.after, limit=asked.limit)


@router.get("/rooms.csv", response_class=Response)
async def rooms_csv(request: Request, visitor: Seeing, asked: Annotated[RoomsWanted, Query()]) -> Response:
    """Give the same rooms as CSV, all at once."""
    return await rooms_table(request, visitor, asked)


@router.get("/rooms/{room_id}")
async def room(request: Request, visitor: Seeing, room_id: str) -> browse.RoomDetail:
    """Tell all that is known of a room now."""
    return await room_for(console_of(request), visitor, room_id)


@router.put("/rooms/{room_id}/place")
async def place(
    request: Request,
    visitor: Annotated[Visitor, Depends(allowed(Action.EDIT_ROOMS))],
    room_id: str,
    body: PlaceBody,
) -> browse.RoomDetail:
    """Say where a room is."""
    console = console_of(request)
    found = await room_for(console, visitor, room_id)
    await placed(console, visitor, found, Place(body.site, body.floor, body.capacity, body.tags))
    return await room_for(console, visitor, room_id)


@router.put("/rooms/{room_id}/name", status_code=204)
async def rename(request: Request, visitor: Seeing, room_id: str, body: NameBody) -> None:
    """Give a room another name: it is told, as a setting of its own."""
    console = console_of(request)
    await renamed(console, visitor, await room_for(console, visitor, room_id), body.name)


@router.get("/views")
async def saved_views(request: Request, visitor: Seeing) -> list[views.View]:
    """List your saved views of the rooms, and those that others share."""
    return await views.views_of(console_of(request).database, visitor.user)


@router.post("/views", status_code=204)
async def save_view(request: Request, visitor: Seeing, body: ViewBody) -> None:
    """Save a view; yours of the same name is replaced."""
    await viewing.save_view(console_of(request), visitor, body.name, body.query, shared=body.shared)


@router.delete("/views/{key}", status_code=204)
async def remove_view(request: Request, visitor: Seeing, key: Key) -> None:
    """Forget one of your views."""
    await viewing.remove_view(console_of(request), visitor, key)


@router.get("/rooms/{room_id}/events")
async def events(
    request: Request, visitor: Seeing, room_id: str, before: Before = LARGEST, limit: Limit = 100
) -> list[history.Event]:
    """List what happened in a room, the newest first."""
    console = console_of(request)
    found = await room_for(console, visitor, room_id)
    return await history.events(console.database, found.line.key, before=before, limit=limit)


@router.get("/rooms/{room_id}/events.csv", response_class=Response)
async def events_csv(request: Request, visitor: Seeing, room_id: str, span: AskedSpan) -> Response:
    """Give what happened in a room in a time as CSV."""
    return await events_table(request, visitor, room_id, span)


@router.get("/rooms/{room_id}/meetings")
async def meetings(
    request: Request, visitor: Seeing, room_id: str, before: Before = LARGEST, limit: Limit = 100
) -> list[history.MeetingLine]:
    """List a room's meetings, the newest first."""
    console = console_of(request)
    found = await room_for(console, visitor, room_id)
    return await history.meetings(console.database, found.line.key, before=before, limit=limit)


@router.get("/rooms/{room_id}/series", response_model=series.Series)
async def samples(
    request: Request, visitor: Seeing, room_id: str, span: Annotated[str, Query(pattern="^(24h|30d)$")] = "24h"
) -> Response:
    """Give a room's measurements as columns: 24h of 5 minutes, or 30d of hours."""
    console = console_of(request)
    found = await room_for(console, visitor, room_id)
    return series.answer(await series.of_room(console.database, found.line.key, span, console.now()))


@router.get("/rooms/{room_id}/configuration")
async def configuration(request: Request, visitor: Seeing, room_id: str) -> list[history.KeyLine]:
    """Compare what a room should be set to with what is in force."""
    console = console_of(request)
    found = await room_for(console, visitor, room_id)
    desired = await history.wanted(console.database, found.line.key, found.rev_desired)
    return history.compared(desired, found.reported)


@router.get("/rooms/{room_id}/settings")
async def told(request: Request, visitor: Seeing, room_id: str) -> Mapping[str, Value]:
    """Tell key by key what a room is told, which scope says so, whether it is locked, and who wants otherwise."""
    console = console_of(request)
    found = await room_for(console, visitor, room_id)
    return await layers.effective(console.database, console.database.dialect, found.line.key)


@router.get("/rooms/{room_id}/jobs")
async def jobs(request: Request, visitor: Seeing, room_id: str, limit: Limit = 100) -> list[history.Execution]:
    """List what a room was told to do."""
    console = console_of(request)
    found = await room_for(console, visitor, room_id)
    return await history.jobs_of(console.database, found.line.key, limit=limit)


@router.get("/rooms/{room_id}/files")
async def files(request: Request, visitor: Seeing, room_id: str, limit: Limit = 100) -> list[history.FileLine]:
    """List the screenshots and logs that a room sent."""
    console = console_of(request)
    found = await room_for(console, visitor, room_id)
    return await history.files(console.database, found.line.key, limit=limit)


@router.get("/rooms/{room_id}/files/{key}", response_class=Response)
async def file(request: Request, visitor: Seeing, room_id: str, key: Key) -> Response:
    """Get a file; the audit log notes that you did."""
    return await file_answer(request, visitor, room_id, key)
