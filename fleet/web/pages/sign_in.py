"""Coming in and going out: password, sign-in service, one-time link."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fleet.store import people
from fleet.web.access.accounts import NotNow, NotPossible, SignedIn
from fleet.web.access.oidc import Flow, SignInTrouble, welcome
from fleet.web.access.visitor import Visitor
from fleet.web.console import Console, console_of
from fleet.web.gate import address, cookie_name, counted_visitor, refuse_from_elsewhere, signed_in
from fleet.web.inputs import field
from fleet.web.pages.frame import page
from fleet.web.settings import WebSettings

router = APIRouter()
_FLOW_LIFE_S = 600
Text = Annotated[str, field(1000)]


@router.get("/")
async def home() -> Response:
    return RedirectResponse("/rooms", 303)


@router.get("/sign-in")
async def ask(request: Request, next: str = "/") -> Response:  # noqa: A002 - the address says so
    console = console_of(request)
    if await counted_visitor(request):
        return RedirectResponse(_inside(next), 303)
    return _asking(request, console, next=next, nobody=await console.accounts.needs_first_admin())


def _asking(
    request: Request,
    console: Console,
    *,
    next: str = "/",  # noqa: A002
    status: int = 200,
    nobody: bool = False,
    **more: str,
) -> Response:
    service = console.service.name if console.service else ""
    words = {"name": "", "trouble": "", "nobody": nobody, **more}
    return page(request, None, "sign_in.html", status=status, service=service, next=_inside(next), **words)


@router.post("/sign-in")
async def sign_in(
    request: Request,
    name: Text = "",
    password: Text = "",
    next: Text = "/",  # noqa: A002
) -> Response:
    refuse_from_elsewhere(request)
    console = console_of(request)
    try:
        session = await console.accounts.sign_in(name, password, address(request))
    except NotNow as err:
        return _asking(request, console, next=next, status=429, name=name, trouble=str(err))
    if session is None:
        wrong = "Name or password is wrong."
        return _asking(request, console, next=next, status=403, name=name, trouble=wrong)
    return _come_in(console.settings, session, next)


@router.post("/sign-out")
async def sign_out(request: Request, visitor: Annotated[Visitor, Depends(signed_in)]) -> Response:
    console = console_of(request)
    await console.accounts.sign_out(visitor)
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(cookie_name(console.settings), secure=console.settings.secure, httponly=True)
    return answer


@router.get("/sign-in/elsewhere")
async def elsewhere(request: Request) -> Response:
    console = console_of(request)
    if console.service is None:
        return RedirectResponse("/sign-in", 303)
    try:
        url, flow = await console.service.begin()
    except SignInTrouble as err:
        return _asking(request, console, status=502, trouble=str(err))
    answer = RedirectResponse(url, 303)
    answer.set_cookie(
        _flow_cookie(console.settings),
        flow.packed(),
        max_age=_FLOW_LIFE_S,
        secure=console.settings.secure,
        httponly=True,
        samesite="lax",
    )
    return answer


def _flow_cookie(settings: WebSettings) -> str:
    # no neighbour under the same domain can plant its own, and so sign somebody in as somebody else
    return f"{cookie_name(settings)}-flow"


@router.get("/sign-in/back")
async def back(request: Request, state: str = "", code: str = "", error: str = "") -> Response:
    console = console_of(request)
    if console.service is None or console.settings.oidc is None:
        return RedirectResponse("/sign-in", 303)
    flow = Flow.of(request.cookies.get(_flow_cookie(console.settings), ""))
    if error:
        words = "The sign-in service refused. Try again, or sign in with a password."
        return _asking(request, console, status=403, trouble=words)
    try:
        identity = await console.service.finish(flow, state, code)
        user = await welcome(console.database, identity, console.settings.oidc.groups, console.now())
    except SignInTrouble as err:
        return _asking(request, console, status=403, trouble=str(err))
    session = await console.accounts.begin(user, address=address(request), by="sign-in service")
    answer = _come_in(console.settings, session, "/")
    answer.delete_cookie(_flow_cookie(console.settings), secure=console.settings.secure, httponly=True)
    return answer


@router.get("/welcome/{secret}")
async def welcome_page(request: Request, secret: str) -> Response:
    guest = await console_of(request).accounts.welcomed(secret)
    return _welcoming(request, guest is not None, guest.name if isinstance(guest, people.User) else "")


def _welcoming(request: Request, works: bool, name: str, trouble: str = "", *, new: bool | None = None) -> Response:
    is_new = not name if new is None else new
    status = 200 if works and not trouble else 409 if works else 404
    return page(request, None, "welcome.html", status=status, works=works, name=name, new=is_new, trouble=trouble)


@router.post("/welcome/{secret}")
async def accept(request: Request, secret: str, name: Text = "", password: Text = "", again: Text = "") -> Response:
    refuse_from_elsewhere(request)
    console = console_of(request)
    guest = await console.accounts.welcomed(secret)
    if password != again:
        return _welcoming(request, guest is not None, name, "The two passwords differ.", new=guest == "")
    try:
        session = await console.accounts.accept(secret, name, password, address(request))
    except NotPossible as err:
        return _welcoming(request, guest is not None, name, str(err), new=guest == "")
    return _come_in(console.settings, session, "/")


def _come_in(settings: WebSettings, session: SignedIn, next_path: str) -> RedirectResponse:
    answer = RedirectResponse(_inside(next_path), 303)
    answer.set_cookie(
        cookie_name(settings),
        session.secret,
        max_age=settings.session_days * 86_400,
        secure=settings.secure,
        httponly=True,
        samesite="lax",
    )
    return answer


def _inside(path: str) -> str:
    """Return a path of ours; never another site's, however it is written."""
    fine = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if fine else "/"
