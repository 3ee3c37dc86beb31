"""Alerts, jobs, settings, use."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request

from fleet.store import history, worklists
from fleet.web.access.permissions import Action
from fleet.web.access.visitor import Visitor
from fleet.web.api.common import ERRORS
from fleet.web.console import console_of
from fleet.web.gate import NotThere, allowed
from fleet.web.inputs import Limit, Text

router = APIRouter(tags=["work"], responses=ERRORS)
Seeing = Annotated[Visitor, Depends(allowed(Action.SEE))]
_DAY_MS = 86_400_000


@router.get("/alerts")
async def alerts(
    request: Request,
    visitor: Seeing,
    state: Annotated[str, Query(pattern="^(pending|firing|resolved)$")] = "firing",
    limit: Limit = 200,
) -> list[worklists.AlertLine]:
    """List alerts: those that stand, the worst first, or those that are over."""
    return await worklists.alerts(console_of(request).database, visitor.sites(), state=state, limit=limit)


@router.get("/jobs")
async def jobs(request: Request, visitor: Seeing, limit: Limit = 100) -> list[worklists.JobLine]:
    """List jobs, the newest first."""
    return await worklists.jobs(console_of(request).database, visitor.sites(), limit=limit)


@router.get("/jobs/{job}/rooms")
async def answers(request: Request, visitor: Seeing, job: Text) -> list[history.Execution]:
    """List what each room answered to a job."""
    found = await history.executions(console_of(request).database, job, visitor.sites())
    if not found:
        raise NotThere("There is no such job, or it is of rooms that you may not see.")
    return found


@router.get("/settings")
async def settings(request: Request, visitor: Seeing) -> list[worklists.LayerLine]:
    """List what each scope sets, from all rooms to one."""
    return await worklists.layers(console_of(request).database, visitor.sites())


@router.get("/use")
async def use(
    request: Request, visitor: Seeing, days: Annotated[int, Query(ge=1, le=365)] = 30, limit: Limit = 100
) -> list[worklists.UseLine]:
    """List the rooms with the most meetings."""
    console = console_of(request)
    since = console.now() - days * _DAY_MS
    return await worklists.use_by_room(console.database, visitor.sites(), since, limit=limit)
