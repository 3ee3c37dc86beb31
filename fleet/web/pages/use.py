"""How much the rooms are used, and how good their calls are."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from fleet.store import worklists
from fleet.web.access.permissions import Action
from fleet.web.access.visitor import Visitor
from fleet.web.console import console_of
from fleet.web.gate import allowed
from fleet.web.pages.frame import page

router = APIRouter()
_DAY_MS = 86_400_000


@router.get("/use")
async def use(
    request: Request,
    visitor: Annotated[Visitor, Depends(allowed(Action.SEE))],
    days: Annotated[int, Query(ge=1, le=365)] = 30,
) -> Response:
    console = console_of(request)
    lines = await worklists.use_by_room(console.database, visitor.sites(), console.now() - days * _DAY_MS)
    return page(request, visitor, "use.html", title="Use", lines=lines, days=days)
