"""Bringing rooms in: a code for `salon setup`, shown once."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fleet.store import codes
from fleet.store.browse import all_sites
from fleet.web.access.accounts import NotPossible
from fleet.web.access.permissions import Action
from fleet.web.access.secrets import hashed
from fleet.web.access.visitor import Visitor
from fleet.web.console import console_of
from fleet.web.gate import allowed, require
from fleet.web.inputs import field
from fleet.web.pages.frame import page
from fleet.web.placing import site_key

router = APIRouter()
Enrolling = Annotated[Visitor, Depends(allowed(Action.ENROL))]
_LIFE_MS = 24 * 3_600_000
# no letters that look alike
_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"


@router.get("/enrol")
async def enrol(request: Request, visitor: Enrolling) -> Response:
    return await _shown(request, visitor)


async def _shown(request: Request, visitor: Visitor, code: str = "") -> Response:
    console = console_of(request)
    sites = visitor.sites(Action.ENROL)
    every = await all_sites(console.database)
    return page(
        request,
        visitor,
        "enrol.html",
        title="Add rooms",
        codes=await codes.codes(console.database, sites),
        sites=[site for site in every if sites is None or site.key in sites],
        site_names={site.key: site.name for site in every},
        anywhere=sites is None,
        code=code,
        url=console.settings.url,
    )


@router.post("/enrol")
async def make(
    request: Request,
    visitor: Enrolling,
    name: Annotated[str, field(60)] = "",
    site: Annotated[str, field(64)] = "",
    floor: Annotated[str, field(40)] = "",
) -> Response:
    console = console_of(request)
    key = await site_key(console, site)
    require(visitor, Action.ENROL, key)
    code_id, secret = _word(6), _word(10)
    now = console.now()
    line = codes.CodeLine(code_id, name.strip(), key, floor.strip(), now, visitor.actor, now + _LIFE_MS, 0, None)
    async with console.database.transaction() as tx:
        await codes.add_code(tx, line, hashed(secret))
        await console.audit.note(tx, now, visitor.actor, "enrolment code made", f"code:{code_id}", site=site, name=name)
    return await _shown(request, visitor, f"{code_id}-{secret}")


@router.post("/enrol/{code_id}/withdraw")
async def withdraw(request: Request, visitor: Enrolling, code_id: str) -> Response:
    console = console_of(request)
    found = await codes.code(console.database, code_id)
    if found is None:
        raise NotPossible("There is no such code.")
    require(visitor, Action.ENROL, found.site)
    async with console.database.transaction() as tx:
        if not await codes.withdraw(tx, code_id):
            raise NotPossible("This code has been used: retire the room instead.")
        await console.audit.note(tx, console.now(), visitor.actor, "enrolment code withdrawn", f"code:{code_id}")
    return RedirectResponse("/enrol", 303)


def _word(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))
