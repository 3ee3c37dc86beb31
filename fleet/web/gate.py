"""The gate every request passes: who is it, is the change meant, may they. Used by pages and API alike."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection, Request

from appliance.errors import SalonError
from appliance.state.counted import counted
from fleet.web.access import visitor as visitors
from fleet.web.access.limits import origin
from fleet.web.access.permissions import Action
from fleet.web.access.secrets import hashed
from fleet.web.access.sessions import SAFE_METHODS, from_elsewhere, is_meant
from fleet.web.access.visitor import Visitor
from fleet.web.console import console_of
from fleet.web.settings import WebSettings

_MUCH = (
    "This is more than {most} requests a minute from one session or token. Try again in {wait}; a program asks for "
    "more at a time, such as limit=1000, or waits as Retry-After says."
)
_GUESSED = "Too many wrong tokens came from this address. Try again in {wait}, with a token that holds: under Account."
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


class TooOften(Refused):
    """More than one session, token or address may ask for."""

    status = 429

    def __init__(self, words: str, wait_s: int) -> None:
        super().__init__(words)
        self.wait_s = wait_s


def cookie_name(settings: WebSettings) -> str:
    """Return the session cookie's name; `__Host-` has browsers refuse it from anybody else."""
    return "__Host-salon" if settings.secure else "salon"


async def visitor_of(connection: HTTPConnection) -> Visitor | None:
    """Return who asks, if it is anybody known."""
    console = console_of(connection)
    if (token := _bearer(connection)) is not None:
        return await visitors.by_token(console.database, token, console.now())
    secret = _cookie(connection)
    if not secret:
        return None
    return await visitors.by_session(console.database, secret, console.now(), console.settings.idle_hours)


def has_token(connection: HTTPConnection) -> bool:
    """Tell whether a program asks, with a token."""
    return _bearer(connection) is not None


def _bearer(connection: HTTPConnection) -> str | None:
    scheme, _, secret = connection.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def _cookie(connection: HTTPConnection) -> str:
    return connection.cookies.get(cookie_name(console_of(connection).settings), "")


async def counted_visitor(request: Request) -> Visitor | None:
    """Return who asks, and count that they did. Who asks for too much, or guesses, costs no look at the database."""
    console, now = console_of(request), console_of(request).now()
    token, where = _bearer(request), origin(address(request))
    key = hashed(_cookie(request) if token is None else token)
    if wait_s := console.budget.wait_s(key, now):
        raise TooOften(_MUCH.format(most=console.settings.requests_a_minute, wait=counted(wait_s, "second")), wait_s)
    # who is known to have one goes on, whatever the neighbours do
    if token is not None and not console.budget.knows(key) and (wait_s := console.guesses.wait_s(where, now)):
        raise TooOften(_GUESSED.format(wait=counted(-(-wait_s // 60), "minute")), wait_s)
    visitor = await visitor_of(request)
    if visitor is not None:
        console.budget.spend(key, now)
    elif token is not None:
        console.guesses.failed(where, now)
    return visitor


def address(request: Request) -> str:
    """Return from where a request came."""
    return request.client.host if request.client else "unknown"


async def signed_in(request: Request) -> Visitor:
    """Return who asks; refuse strangers, and changes that were not meant."""
    visitor = await counted_visitor(request)
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
