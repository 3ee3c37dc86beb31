"""`/metrics` for Prometheus: with a token of who sees all rooms, or without one for a program on this very machine."""

from ipaddress import ip_address

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from fleet.control import metrics
from fleet.web.access.permissions import Action
from fleet.web.console import console_of
from fleet.web.gate import SignInFirst, counted_visitor, require

router = APIRouter()
_AT_HOME = frozenset({"127.0.0.1", "localhost", "[::1]"})
_BY_A_PROXY = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via")


@router.get("/metrics")
async def show(request: Request) -> Response:
    visitor = await counted_visitor(request)
    if visitor is not None:
        require(visitor, Action.SEE, None)
    elif not _from_here(request):
        raise SignInFirst("Send an API token: Authorization: Bearer salon_…")
    console = console_of(request)
    text = await metrics.metrics(console.database, console.now())
    return Response(text, headers={"Content-Type": metrics.CONTENT_TYPE})


def _from_here(request: Request) -> bool:
    """Tell whether a program on this machine asks for itself: no proxy for somebody else, no browser for a page."""
    headers = request.headers
    if any(name in headers for name in (*_BY_A_PROXY, "Authorization", "Origin", "Sec-Fetch-Site")):
        return False
    name = headers.get("Host", "")
    name = name if name.endswith("]") else name.rpartition(":")[0] or name
    client = request.client.host if request.client else ""
    try:
        return name in _AT_HOME and ip_address(client).is_loopback
    except ValueError:
        return False
