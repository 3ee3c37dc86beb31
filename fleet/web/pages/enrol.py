"""Bringing rooms in: a code for `salon setup`, shown once."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fleet.store.browse import all_sites
from fleet.web.access.permissions import Action
from fleet.web.access.visitor import Visitor
from fleet.web.console import console_of
from fleet.web.gate import Enrolling
from fleet.web.inputs import field
from fleet.web.pages.frame import page
from fleet.web.rooms_in import NO_FLEET, CodeWish, listed_codes, make_code, withdraw_code

router = APIRouter()


@router.get("/enrol")
async def enrol(request: Request, visitor: Enrolling, room: Annotated[str, Query(max_length=36)] = "") -> Response:
    return await _shown(request, visitor, room=room)


async def _shown(request: Request, visitor: Visitor, code: str = "", until: int = 0, room: str = "") -> Response:
    console = console_of(request)
    sites = visitor.sites(Action.ENROL)
    every = await all_sites(console.database)
    return page(
        request,
        visitor,
        "enrol.html",
        title="Add rooms",
        codes=await listed_codes(console, visitor),
        sites=[site for site in every if sites is None or site.key in sites],
        site_names={site.key: site.name for site in every},
        anywhere=sites is None,
        code=code,
        until=until,
        room=room,
        trouble="" if console.fleet else NO_FLEET,
        url=console.settings.url,
    )


@router.post("/enrol")
async def make(
    request: Request,
    visitor: Enrolling,
    name: Annotated[str, field(60)] = "",
    site: Annotated[str, field(64)] = "",
    floor: Annotated[str, field(40)] = "",
    room: Annotated[str, field(36)] = "",
) -> Response:
    wish = CodeWish(name, site, floor, room)
    code, until = await make_code(console_of(request), visitor, wish)
    return await _shown(request, visitor, str(code), until)


@router.post("/enrol/{code_id}/withdraw")
async def withdraw(request: Request, visitor: Enrolling, code_id: str) -> Response:
    await withdraw_code(console_of(request), visitor, code_id)
    return RedirectResponse("/enrol", 303)
