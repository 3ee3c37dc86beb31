"""Puts the web part together: pages, API, static files, and what holds for every answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import cast

import httpx
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Match
from starlette.staticfiles import StaticFiles

from fleet.enrolment import Fleet
from fleet.store.audit import AuditLog
from fleet.store.database import Database, Unfit
from fleet.web.access.accounts import Accounts, NotNow, NotPossible
from fleet.web.access.limits import Budget, Limit, SignInLimits
from fleet.web.access.oidc import SignInService
from fleet.web.access.passwords import Passwords
from fleet.web.access.visitor import Visitor
from fleet.web.api import routers as api_routers
from fleet.web.armour import PROTECTION, TOO_LARGE, Armour
from fleet.web.console import Console
from fleet.web.gate import Refused, SignInFirst, TooOften, has_token, visitor_of
from fleet.web.live import Live
from fleet.web.pages import routers as page_routers
from fleet.web.pages.frame import page
from fleet.web.settings import WebSettings

API = "/api/v1"
_TRIES = (30, 300)
"""So many rooms may fail to come in from one address, in so many seconds; those that succeed do not count."""
_GUESSES = (100, 300)
"""Likewise for tokens that are none: a script whose token has ended must not shut out its neighbours at once."""
_ABOUT = """Everything the console's pages do. Sign in with a token, made under Account:
`Authorization: Bearer salon_…`. Times are milliseconds since 1970. An error is `{"error": "plain words"}`."""
_HEADINGS = {403: "Not in your role", 404: "Not here", 422: "Not understood", 429: "Too often", 500: "Something broke"}
_BROKEN = (
    "The console failed at this, and has noted why in its log. Try again; if it stays so, tell who runs the console."
)


def now_ms() -> int:
    """Return the time as the database keeps it."""
    return time.time_ns() // 1_000_000


def create_app(
    database: Database,
    settings: WebSettings,
    *,
    now: Callable[[], int] = now_ms,
    passwords: Passwords | None = None,
    client_secret: str = "",
    fleet: Fleet | None = None,
) -> FastAPI:
    """Return the application for a database that is open and up to date."""
    live, client = Live(database), httpx.AsyncClient()
    service = None
    if settings.oidc:
        service = SignInService(settings.oidc, f"{settings.url}/sign-in/back", client, secret=client_secret)
    accounts = accounts_of(database, settings, now=now, passwords=passwords)

    app = FastAPI(
        title="Salon console",
        version="1",
        description=_ABOUT,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lambda _: _running(live, client),
        separate_input_output_schemas=False,
    )
    app.state.console = Console(
        database,
        settings,
        accounts,
        live,
        AuditLog(database.dialect),
        service,
        fleet,
        tries=Limit(*_TRIES),
        guesses=Limit(*_GUESSES),
        budget=Budget(settings.requests_a_minute, 60),
        now=now,
    )
    for router in page_routers():
        app.include_router(router, include_in_schema=False)
    for router in api_routers():
        app.include_router(router, prefix=API)
    app.mount("/static", StaticFiles(directory=Path(str(files("fleet") / "web/static"))), name="static")
    _answer_errors(app)
    app.add_middleware(Armour, secure=settings.secure)
    return app


@asynccontextmanager
async def _running(live: Live, client: httpx.AsyncClient) -> AsyncIterator[None]:
    looking = asyncio.create_task(live.run(), name="live rooms")
    try:
        yield
    finally:
        live.close()
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
        await client.aclose()


def accounts_of(
    database: Database, settings: WebSettings, *, now: Callable[[], int] = now_ms, passwords: Passwords | None = None
) -> Accounts:
    """Return the console's accounts, for the application and for commands on its machine."""
    return Accounts(
        database,
        passwords=passwords or Passwords(),
        limits=SignInLimits(),
        now=now,
        session_days=settings.session_days,
    )


def _answer_errors(app: FastAPI) -> None:
    async def refused(request: Request, err: Exception) -> Response:
        if isinstance(err, SignInFirst):
            return _to_sign_in(request, err)
        if isinstance(err, TooOften):
            # without a look at the database: it is to cost nothing
            answer = _in_words(request, None, err.status, str(err))
            answer.headers["Retry-After"] = str(err.wait_s)
            return answer
        return await _told(request, cast("Refused", err).status, str(err))

    async def not_possible(request: Request, err: Exception) -> Response:
        return await _told(request, 429 if isinstance(err, NotNow) else 409, str(err))

    async def unfit(request: Request, err: Exception) -> Response:
        return await _told(request, 422, str(err))

    async def http(request: Request, err: Exception) -> Response:
        known = cast("HTTPException", err)
        words = {404: "There is no such page.", 405: "That cannot be done here.", 413: TOO_LARGE}
        answer = await _told(request, known.status_code, words.get(known.status_code, "That did not work."))
        if known.status_code == 405:
            # says what can be done instead (RFC 9110, 15.5.6)
            answer.headers["Allow"] = ", ".join(_methods_at(request))
        return answer

    async def invalid(request: Request, err: Exception) -> Response:
        mistakes = cast("RequestValidationError", err).errors()
        return await _told(request, 422, "; ".join(map(_wrong, mistakes[:5])))

    async def broken(request: Request, _: Exception) -> Response:
        # the server logs the error itself; this answer does not pass the armour any more
        answer = _in_words(request, None, 500, _BROKEN)
        answer.headers.update({**PROTECTION, "Cache-Control": "no-store"})
        return answer

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(NotPossible, not_possible)
    app.add_exception_handler(Unfit, unfit)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, broken)


def _methods_at(request: Request) -> list[str]:
    """Return what can be asked of a path; each method is a route of its own."""
    routes = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in routes for method in getattr(route, "methods", None) or ()})


def _wrong(error: dict[str, object]) -> str:
    place = error.get("loc")
    name = ".".join(str(part) for part in place[1:]) if isinstance(place, tuple) else ""
    return f"{name or 'the request'}: {error.get('msg')}"


def for_programs(request: Request) -> bool:
    """Tell whether JSON is the answer."""
    return request.url.path.startswith((API, "/live/", "/metrics")) or request.url.path.endswith(".json")


async def _told(request: Request, status: int, words: str) -> Response:
    # who is known keeps the pages' frame around the refusal, and with it the way on
    visitor = None if for_programs(request) or has_token(request) else await visitor_of(request)
    return _in_words(request, visitor, status, words)


def _in_words(request: Request, visitor: Visitor | None, status: int, words: str) -> Response:
    if for_programs(request):
        return JSONResponse({"error": words}, status)
    name = "part/refusal.html" if "HX-Request" in request.headers else "refusal.html"
    heading = _HEADINGS.get(status, "That was not done")
    return page(request, visitor, name, status=status, title=heading, words=words)


def _to_sign_in(request: Request, err: SignInFirst) -> Response:
    if for_programs(request):
        return JSONResponse({"error": str(err)}, err.status, {"WWW-Authenticate": "Bearer"})
    if "HX-Request" in request.headers:
        return Response(status_code=err.status, headers={"HX-Redirect": "/sign-in"})
    wanted = request.url.path if request.method == "GET" else "/"
    return RedirectResponse(f"/sign-in?next={wanted}", 303)
