"""Who may come in, and as what; the sites they belong to."""

from datetime import time
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fleet.store import people
from fleet.store.browse import Site, all_sites
from fleet.web.access.accounts import NotPossible
from fleet.web.access.permissions import Action, Role
from fleet.web.access.visitor import Visitor
from fleet.web.console import Console, console_of
from fleet.web.gate import Managing, allowed
from fleet.web.inputs import Key, field
from fleet.web.pages.frame import clock, page
from fleet.web.placing import site_key
from fleet.web.sites import SiteWish, save_site

router = APIRouter()
Short = Annotated[str, field(100)]
Number = Annotated[int | None, Form(ge=0, le=10_000)]
WEEKDAYS = {"1": "Mon", "2": "Tue", "3": "Wed", "4": "Thu", "5": "Fri", "6": "Sat", "7": "Sun"}
_DAY_MIN = 24 * 60


@router.get("/people")
async def everybody(request: Request, visitor: Managing) -> Response:
    return await _shown(request, visitor)


async def _shown(request: Request, visitor: Visitor, link: str = "", name: str = "") -> Response:
    database = console_of(request).database
    sites = await all_sites(database)
    return page(
        request,
        visitor,
        "people.html",
        title="People",
        people=await people.users(database),
        sites=sites,
        site_names={site.key: site.name for site in sites},
        roles=list(Role),
        weekdays=WEEKDAYS,
        open_words=open_words,
        link=link,
        name=name,
    )


async def _grant(console: Console, role: Role, site: str) -> people.GrantRow:
    return role, await site_key(console, site)


@router.post("/people")
async def invite(
    request: Request,
    visitor: Managing,
    role: Annotated[Role, Form()],
    name: Short = "",
    full_name: Short = "",
    site: Short = "",
) -> Response:
    console = console_of(request)
    grant = await _grant(console, role, site)
    _, link = await console.accounts.invite(visitor, name, full_name, [grant], console.settings.url)
    return await _shown(request, visitor, link, name)


@router.post("/people/{key}/link")
async def link(request: Request, visitor: Managing, key: Key) -> Response:
    console = console_of(request)
    made = await console.accounts.password_link(visitor, key, console.settings.url)
    user = await people.user(console.database, key)
    return await _shown(request, visitor, made, user.name if user else "")


@router.post("/people/{key}/role")
async def role(
    request: Request, visitor: Managing, key: Key, role: Annotated[Role, Form()], site: Short = ""
) -> Response:
    console = console_of(request)
    await console.accounts.change_user(visitor, key, grants=[await _grant(console, role, site)])
    return RedirectResponse("/people", 303)


@router.post("/people/{key}/disabled")
async def disabled(request: Request, visitor: Managing, key: Key, to: Annotated[bool, Form()]) -> Response:
    await console_of(request).accounts.change_user(visitor, key, disabled=to)
    return RedirectResponse("/people", 303)


@router.post("/sites")
async def site(  # noqa: PLR0913, PLR0917 - one each for the form's fields
    request: Request,
    visitor: Annotated[Visitor, Depends(allowed(Action.EDIT_SITES, everywhere=True))],
    id: Short = "",  # noqa: A002 - the form says so
    name: Short = "",
    timezone: Short = "UTC",
    keep_raw_days: Number = None,
    keep_5min_days: Number = None,
    keep_hours_days: Number = None,
    keep_events_days: Number = None,
    hours: Short = "",
    days: Annotated[list[Short], Form()] = [],  # noqa: B006 - FastAPI copies it
    open_from: Short = "",
    open_until: Short = "",
) -> Response:
    kept = (keep_raw_days, keep_5min_days, keep_hours_days, keep_events_days)
    # a form without them leaves them
    bookable = ("".join(sorted(days)), minutes(open_from), minutes(open_until) or _DAY_MIN) if hours else ()
    await save_site(console_of(request), visitor, SiteWish(id, name, timezone, *kept, *bookable))
    return RedirectResponse("/people", 303)


def minutes(written: str) -> int:
    """Return the minutes of a day until a time such as 08:30."""
    try:
        at = time.fromisoformat(written)
    except ValueError as err:
        raise NotPossible("A time of the day is written like 08:30.") from err
    return at.hour * 60 + at.minute


def open_words(site: Site) -> str:
    """Say when a site's rooms may be booked."""
    days = " ".join(WEEKDAYS[digit] for digit in site.open_days)
    days = {"12345": "Mon to Fri", "1234567": "every day"}.get(site.open_days, days) or "never"
    return f"{days}, {clock(site.open_from)} to {clock(site.open_until)}"
