"""How rooms are set up: what each scope sets, from all to one."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from fleet.store import worklists
from fleet.web.access.permissions import Action
from fleet.web.access.visitor import Visitor
from fleet.web.console import console_of
from fleet.web.gate import allowed
from fleet.web.pages.frame import page

router = APIRouter()


@router.get("/settings")
async def settings(request: Request, visitor: Annotated[Visitor, Depends(allowed(Action.SEE))]) -> Response:
    layers = await worklists.layers(console_of(request).database, visitor.sites())
    return page(request, visitor, "settings.html", title="Settings", layers=layers)
