"""How rooms are set up: what each scope sets, from all to one."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fleet.store import worklists
from fleet.web import acting
from fleet.web.access.permissions import Action
from fleet.web.access.visitor import Visitor
from fleet.web.console import console_of
from fleet.web.gate import allowed
from fleet.web.inputs import field
from fleet.web.pages.frame import page

router = APIRouter()


@router.get("/settings")
async def settings(
    request: Request, visitor: Annotated[Visitor, Depends(allowed(Action.SEE))], scope: str = ""
) -> Response:
    layers = await worklists.layers(console_of(request).database, visitor.sites())
    chosen = next((layer for layer in layers if layer.scope == scope), None)
    doc = json.dumps(chosen.doc, indent=2, ensure_ascii=False) if chosen else "{}"
    rev = chosen.rev if chosen else 0
    return page(
        request,
        visitor,
        "settings.html",
        title="Settings",
        layers=layers,
        scope=scope,
        doc=doc,
        based_on=rev,
        locks=chosen.locks if chosen else (),
    )


@router.post("/settings")
async def save(
    request: Request,
    visitor: Annotated[Visitor, Depends(allowed(Action.EDIT_SETTINGS))],
    scope: Annotated[str, field(70)] = "",
    doc: Annotated[str, field(20_000)] = "",
    locks: Annotated[str, field(2000)] = "",
    based_on: Annotated[int, Form(ge=0, lt=2**62)] = 0,
    note: Annotated[str, field(200)] = "",
) -> Response:
    wish = acting.SettingsWish(scope, doc, tuple(locks.split()), based_on, note)
    await acting.save_settings(console_of(request), visitor, wish)
    return RedirectResponse("/settings", 303)
