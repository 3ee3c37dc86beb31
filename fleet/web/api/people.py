"""Who you are, users, tokens and the audit log."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic.dataclasses import dataclass
from starlette.requests import Request
from starlette.responses import Response

from fleet.control import metrics
from fleet.store import audit, people
from fleet.store.browse import all_sites
from fleet.web.access.permissions import Role
from fleet.web.access.visitor import Visitor
from fleet.web.api.common import ERRORS
from fleet.web.console import Console, console_of
from fleet.web.gate import Managing, NotAllowed, Reading, signed_in
from fleet.web.inputs import LARGEST, Key, Limit, Text
from fleet.web.pages.audit import table
from fleet.web.placing import site_key
from fleet.web.spans import AskedSpan

router = APIRouter(tags=["people"], responses=ERRORS)


@dataclass(frozen=True)
class GrantBody:
    """A role, everywhere or at a site."""

    role: Role
    site: Text = ""
    """A site's id; empty for everywhere."""


@dataclass(frozen=True)
class UserBody:
    """Somebody: never their password."""

    key: int
    name: str
    full_name: str
    elsewhere: bool
    """Comes by the sign-in service."""
    disabled: bool
    seen_at: int | None
    grants: list[GrantBody]


@dataclass(frozen=True)
class InvitationBody:
    """Whom to let in, and as what."""

    name: Text
    grants: list[GrantBody]
    full_name: Text = ""


@dataclass(frozen=True)
class Invited:
    """The new user, and the link by which they choose a password: it works once."""

    key: int
    link: str


@dataclass(frozen=True)
class LinkBody:
    """A link, told this once: it works once, within a week."""

    link: str


@dataclass(frozen=True)
class ChangeBody:
    """What is to be another; null leaves it."""

    grants: list[GrantBody] | None = None
    disabled: bool | None = None


@dataclass(frozen=True)
class Me:
    """You."""

    name: str
    token: str
    grants: list[GrantBody]


async def _site_ids(console: Console) -> dict[int | None, str]:
    return {None: "", **{site.key: site.id for site in await all_sites(console.database)}}


@router.get("/me")
async def me(request: Request, visitor: Annotated[Visitor, Depends(signed_in)]) -> Me:
    """Tell who you are and what you may do."""
    ids = await _site_ids(console_of(request))
    return Me(visitor.name, visitor.token, [GrantBody(grant.role, ids[grant.site]) for grant in visitor.grants])


@router.get("/users")
async def users(request: Request, _: Managing) -> list[UserBody]:
    """List everybody who may come in."""
    console = console_of(request)
    ids = await _site_ids(console)
    return [
        UserBody(
            user.key,
            user.name,
            user.full_name,
            user.subject is not None,
            user.disabled,
            user.seen_at,
            [GrantBody(Role(role), ids[site]) for role, site in user.grants],
        )
        for user in await people.users(console.database)
    ]


@router.post("/users", status_code=201)
async def invite(request: Request, visitor: Managing, body: InvitationBody) -> Invited:
    """Add somebody; for a person who is signed in."""
    _in_person(visitor)
    console = console_of(request)
    grants = await _grants(console, body.grants)
    return Invited(*await console.accounts.invite(visitor, body.name, body.full_name, grants, console.settings.url))


@router.patch("/users/{key}", status_code=204)
async def change(request: Request, visitor: Managing, key: Key, body: ChangeBody) -> None:
    """Change somebody's roles, or shut them out."""
    console = console_of(request)
    grants = None if body.grants is None else await _grants(console, body.grants)
    await console.accounts.change_user(visitor, key, grants=grants, disabled=body.disabled)


@router.post("/users/{key}/link", status_code=201)
async def password_link(request: Request, visitor: Managing, key: Key) -> LinkBody:
    """Make a link by which somebody chooses a new password; for a person who is signed in."""
    _in_person(visitor)
    console = console_of(request)
    return LinkBody(await console.accounts.password_link(visitor, key, console.settings.url))


def _in_person(visitor: Visitor) -> None:
    """Who stole a token must not get a way in by it that outlives the token."""
    if visitor.session is None:
        raise NotAllowed("A token lets nobody in; do this in the pages, or with a session of your own.")


async def _grants(console: Console, bodies: list[GrantBody]) -> list[people.GrantRow]:
    return [(body.role, await site_key(console, body.site)) for body in bodies]


@router.get("/audit")
async def audit_log(
    request: Request,
    _: Reading,
    before: Annotated[int, Query(ge=0, le=LARGEST, description="an entry's number")] = LARGEST,
    search: Text = "",
    limit: Limit = 100,
) -> list[audit.Entry]:
    """List who did what, the newest first."""
    return list(await audit.entries(console_of(request).database, before=before, search=search, limit=limit))


@router.get("/audit.csv", response_class=Response)
async def audit_table(request: Request, visitor: Reading, span: AskedSpan, search: Text = "") -> Response:
    """Give who did what in a time as CSV, the oldest first."""
    return await table(request, visitor, span, search)


@router.get("/audit/dropped")
async def dropped(request: Request, _: Reading) -> dict[str, int]:
    """Count the messages in rooms' names that were dropped since the console began to listen, by why."""
    console = console_of(request)
    return await metrics.dropped(console.database, console.now())


@router.get("/audit/verdict")
async def verdict(request: Request, _: Reading) -> audit.Verdict:
    """Verify the whole log."""
    return await audit.verify(console_of(request).database)
