"""The gate every request passes: who is it, is the change meant, may they. Used by pages and API alike."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection, Request

from appliance.errors import SalonError
from fleet.web.access import visitor as visitors
from fleet.web.access.permissions import Action
from fleet.web.access.sessions import SAFE_METHODS, from_elsewhere, is_meant
from fleet.web.access.visitor import Visitor
from fleet.web.console import console_of
from fleet.web.settings import WebSettings

CSRF_HEADER, CSRF_FIELD = "X-CSRF-Token", "csrf"


class Refused(SalonError):
    """A request that is answered with a status and plain words."""

    status = 400


class SignInFirst(Refused):
    """Nobody, or nobody any more."""

    status = 401


class NotAllowed(Refused):
    """Somebody who may not do that."""

    status = 403


class NotThere(Refused):
    """Nothing by that name, or nothing they may see: the two look the same."""

    status = 404


def cookie_name(settings: WebSettings) -> str:
    """Return the session cookie's name; `__Host-` has browsers refuse it from anybody else."""
    return "__Host-salon" if settings.secure else "salon"


async def visitor_of(connection: HTTPConnection) -> Visitor | None:
    """Return who asks, if it is anybody known."""
    console = console_of(connection)
    scheme, _, secret = connection.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return await visitors.by_token(console.database, secret.strip(), console.now())
    secret = connection.cookies.get(cookie_name(console.settings), "")
    if not secret:
        return None
    return await visitors.by_session(console.database, secret, console.now(), console.settings.idle_hours)


async def signed_in(request: Request) -> Visitor:
    """Return who asks; refuse strangers, and changes that were not meant."""
    visitor = await visitor_of(request)
    if visitor is None:
        raise SignInFirst("Sign in first.")
    if request.method not in SAFE_METHODS and visitor.session is not None:
        refuse_from_elsewhere(request)
        if not is_meant(visitor.session, await _given_token(request)):
            raise NotAllowed("This page is too old for that. Load it again, and repeat what you did.")
    return visitor


def refuse_from_elsewhere(request: Request) -> None:
    """Refuse what another site's page made the browser send."""
    headers = request.headers
    if from_elsewhere(headers.get("Host", ""), headers.get("Origin"), headers.get("Sec-Fetch-Site")):
        raise NotAllowed("Another site's page sent this; it was not done.")


async def _given_token(request: Request) -> str | None:
    if given := request.headers.get(CSRF_HEADER):
        return given
    kind = request.headers.get("Content-Type", "")
    if not kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
        return None
    value = (await request.form()).get(CSRF_FIELD)
    return value if isinstance(value, str) else None


def allowed(action: Action, *, everywhere: bool = False) -> Callable[[Request], Awaitable[Visitor]]:
    """Return a dependency: somebody who may do this somewhere, or in the whole organisation."""

    async def check(request: Request) -> Visitor:
        visitor = await signed_in(request)
        if not (visitor.may(action) if everywhere else visitor.may_somewhere(action)):
            raise not_allowed(action)
        return visitor

    return check


Seeing = Annotated[Visitor, Depends(allowed(Action.SEE))]
"""Who asks, in the signature of a page or of the API: somebody who may do it somewhere."""
Planning = Annotated[Visitor, Depends(allowed(Action.ACKNOWLEDGE))]
Running = Annotated[Visitor, Depends(allowed(Action.RUN_JOBS))]
Ruling = Annotated[Visitor, Depends(allowed(Action.EDIT_RULES))]
Editing = Annotated[Visitor, Depends(allowed(Action.EDIT_SETTINGS))]
Enrolling = Annotated[Visitor, Depends(allowed(Action.ENROL))]
Managing = Annotated[Visitor, Depends(allowed(Action.MANAGE_USERS, everywhere=True))]
Reading = Annotated[Visitor, Depends(allowed(Action.SEE_AUDIT, everywhere=True))]


def require(visitor: Visitor, action: Action, site: int | None) -> None:
    """Refuse what this visitor may not do at a site."""
    if not visitor.may(action, site):
        raise not_allowed(action)


def not_allowed(action: Action) -> NotAllowed:
    """Return the refusal of an action."""
    return NotAllowed(f"Your role does not include: {action}. An admin can change that under People.")
