"""One's own account: tokens for programs, and what one may do."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fleet.store import people
from fleet.store.browse import all_sites
from fleet.web.access.permissions import Role
from fleet.web.access.visitor import Visitor
from fleet.web.console import console_of
from fleet.web.gate import NotAllowed, signed_in
from fleet.web.inputs import Key, field
from fleet.web.pages.frame import page
from fleet.web.placing import site_key

router = APIRouter()


async def in_person(visitor: Annotated[Visitor, Depends(signed_in)]) -> Visitor:
    """Refuse programs: a token makes no tokens."""
    if visitor.session is None:
        raise NotAllowed("Only a person who has signed in manages tokens.")
    return visitor


InPerson = Annotated[Visitor, Depends(in_person)]


@router.get("/account")
async def account(request: Request, visitor: InPerson) -> Response:
    return await _shown(request, visitor)


async def _shown(request: Request, visitor: Visitor, secret: str = "") -> Response:
    database = console_of(request).database
    tokens = await people.tokens_of(database, visitor.user)
    sites = await all_sites(database, visitor.sites())
    names = {site.key: site.name for site in sites}
    return page(
        request,
        visitor,
        "account.html",
        title="Your account",
        tokens=tokens,
        secret=secret,
        roles=list(Role),
        sites=sites,
        site_names=names,
    )


@router.post("/account/tokens")
async def make_token(
    request: Request,
    visitor: InPerson,
    role: Annotated[Role, Form()],
    name: Annotated[str, field(100)] = "",
    site: Annotated[str, field(64)] = "",
    days: Annotated[int, Form()] = 90,
) -> Response:
    console = console_of(request)
    _, secret = await console.accounts.make_token(visitor, name, role, await site_key(console, site), days)
    return await _shown(request, visitor, secret)


@router.post("/account/tokens/{key}/remove")
async def remove_token(request: Request, visitor: InPerson, key: Key) -> Response:
    await console_of(request).accounts.remove_token(visitor, key)
    return RedirectResponse("/account", 303)
