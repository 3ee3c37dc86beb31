"""What rooms were told to do, and what each answered."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from fleet.store import history, worklists
from fleet.web.access.permissions import Action
from fleet.web.access.visitor import Visitor
from fleet.web.console import console_of
from fleet.web.gate import NotThere, allowed
from fleet.web.pages.frame import page

router = APIRouter()
Seeing = Annotated[Visitor, Depends(allowed(Action.SEE))]


@router.get("/jobs")
async def jobs(request: Request, visitor: Seeing) -> Response:
    listed = await worklists.jobs(console_of(request).database, visitor.sites())
    name = "part/jobs.html" if request.headers.get("HX-Target") == "jobs" else "jobs.html"
    return page(request, visitor, name, title="Jobs", jobs=listed)


@router.get("/jobs/{job}")
async def job(request: Request, visitor: Seeing, job: str) -> Response:
    database = console_of(request).database
    found = await worklists.jobs(database, visitor.sites(), job=job)
    if not job or not found:
        raise NotThere("There is no such job, or it is of rooms that you may not see.")
    answers = await history.executions(database, job, visitor.sites())
    name = "part/job.html" if request.headers.get("HX-Target") == "job" else "job.html"
    return page(request, visitor, name, title=f"Job: {found[0].kind}", job=found[0], answers=answers)
