"""How rooms are set up: what each scope sets, from all to one."""

import asyncio
import json
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fleet.control.layers import RoomChange, Saved, compared
from fleet.control.merge import Difference, flat
from fleet.store import worklists
from fleet.store.browse import all_sites
from fleet.web import acting, keys
from fleet.web.console import console_of
from fleet.web.gate import Editing, NotThere, Seeing
from fleet.web.inputs import LARGEST, Text, field
from fleet.web.pages.frame import page

router = APIRouter()
Revision = Annotated[int | None, Query(ge=0, le=LARGEST)]
_MOST_SHOWN = 60
_FEW = 10
"""Rooms that are told at once, unless somebody says otherwise."""
Alike = list[tuple[tuple[Difference, ...], list[str]]]


@router.get("/settings")
async def settings(request: Request, visitor: Seeing, scope: str = "") -> Response:
    layers = await worklists.layers(console_of(request).database, visitor.sites())
    chosen = next((layer for layer in layers if layer.scope == scope), None)
    here = chosen.doc if chosen else {}
    doc = json.dumps(here, indent=2, ensure_ascii=False)
    locks = tuple(chosen.locks) if chosen else ()
    wish = acting.SettingsWish(scope, doc, locks, chosen.rev if chosen else 0, "")
    return page(
        request,
        visitor,
        "settings.html",
        title="Settings",
        layers=layers,
        wish=wish,
        fields=[(one, one.shown(here), one.is_empty_in(here)) for one in keys.fields()],
        flat=flat,
        sites=await all_sites(console_of(request).database, visitor.sites()),
    )


async def _wish(
    scope: Annotated[str, field(70)] = "",
    doc: Annotated[str, field(20_000)] = "",
    locks: Annotated[str, field(2000)] = "",
    based_on: Annotated[int, Form(ge=0, le=LARGEST)] = 0,
    note: Annotated[str, field(200)] = "",
    careful: Annotated[str, field(10)] = "",
) -> acting.SettingsWish:
    return acting.SettingsWish(scope.strip(), doc, tuple(locks.split()), based_on, note, bool(careful))


Wish = Annotated[acting.SettingsWish, Depends(_wish)]


@router.post("/settings")
async def save(request: Request, visitor: Editing, wish: Wish) -> Response:
    return _after(await acting.save_settings(console_of(request), visitor, wish))


def _after(saved: Saved) -> Response:
    """Show how it goes through the rooms, or what is set now."""
    return RedirectResponse(f"/jobs/{saved.job}" if saved.job else "/settings", 303)


@router.post("/settings/keys")
async def preview_keys(request: Request, visitor: Editing, wish: Wish) -> Response:
    """Preview what was written key by key."""
    doc, locks = keys.read(await request.form())
    return await preview(request, visitor, replace(wish, text=json.dumps(doc, ensure_ascii=False), locks=locks))


@router.post("/settings/preview")
async def preview(request: Request, visitor: Editing, wish: Wish) -> Response:
    changes = await acting.preview_settings(console_of(request), visitor, wish)
    return page(
        request,
        visitor,
        "settings_preview.html",
        title="Preview",
        wish=wish,
        rooms=len(changes),
        groups=await asyncio.to_thread(_alike, changes),
        most=_MOST_SHOWN,
        many=len(changes) > _FEW,
    )


def _alike(changes: list[RoomChange]) -> Alike:
    """Put rooms together that change in the same way, the most first."""
    # most rooms share their very differences: only what is left is compared
    shared: dict[int, tuple[tuple[Difference, ...], list[str]]] = {}
    for change in changes:
        shared.setdefault(id(change.differences), (change.differences, []))[1].append(change.room)
    groups: dict[str, tuple[tuple[Difference, ...], list[str]]] = {}
    for differences, rooms in shared.values():
        groups.setdefault(repr(differences), (differences, []))[1].extend(rooms)
    return sorted(groups.values(), key=lambda group: -len(group[1]))


@router.get("/settings/history")
async def history(
    request: Request, visitor: Seeing, scope: Text, before: Revision = None, after: Revision = None
) -> Response:
    past = await acting.past_settings(console_of(request), visitor, scope)
    if not past:
        raise NotThere("Nothing was ever set there.")
    newest = past[0].rev
    one = before if before is not None else max(0, newest - 1)
    two = after if after is not None else newest
    docs = {revision.rev: revision for revision in past}
    locks = [set(docs[rev].locks) if rev in docs else set() for rev in (one, two)]
    return page(
        request,
        visitor,
        "settings_history.html",
        title="History",
        scope=scope,
        past=past,
        before=one,
        after=two,
        newest=newest,
        differences=await compared(console_of(request).database, scope, one, two),
        locked=sorted(locks[1] - locks[0]),
        unlocked=sorted(locks[0] - locks[1]),
    )


@router.post("/settings/roll-back")
async def roll_back(
    request: Request,
    visitor: Editing,
    scope: Annotated[str, field(70)],
    rev: Annotated[int, Form(ge=0, le=LARGEST)],
    based_on: Annotated[int, Form(ge=0, le=LARGEST)],
    careful: Annotated[str, field(10)] = "",
) -> Response:
    return _after(await acting.roll_back(console_of(request), visitor, scope, rev, based_on, careful=bool(careful)))
