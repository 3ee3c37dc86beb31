"""What every page and every call of the API works with, made once by `create_app`."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from fleet.enrolment import Fleet
from fleet.store.audit import AuditLog
from fleet.store.database import Database
from fleet.web.access.accounts import Accounts
from fleet.web.access.limits import Budget, Limit
from fleet.web.access.oidc import SignInService
from fleet.web.live import Live
from fleet.web.settings import WebSettings


@dataclass(frozen=True, slots=True)
class Console:
    """The running console, as the web part sees it."""

    database: Database
    settings: WebSettings
    accounts: Accounts
    live: Live
    audit: AuditLog
    service: SignInService | None
    fleet: Fleet | None
    """What rooms are told that are enrolled; None where none can be."""
    tries: Limit
    """Rooms' wrong tries to come in, by address."""
    guesses: Limit
    """Tokens that are none, by address."""
    budget: Budget
    """Requests of each session and token, by the secret's hash."""
    now: Callable[[], int]
    """Milliseconds since 1970."""


def console_of(connection: HTTPConnection) -> Console:
    """Return the console a request came to."""
    console: Console = connection.app.state.console
    return console
