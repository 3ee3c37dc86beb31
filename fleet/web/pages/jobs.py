"""What rooms were told to do, and what each answered."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from appliance.telemetry.protocol.orders import JobKind
from fleet.control.jobs import OwnKind
from fleet.control.rollouts import AT_ONCE, CAREFUL
from fleet.control.stages import last_for_all
from fleet.store import history, worklists
from fleet.web import acting
from fleet.web.access.permissions import Action
from fleet.web.access.visitor import Visitor
from fleet.web.console import console_of
from fleet.web.gate import Running, Seeing, allowed
from fleet.web.inputs import LongText, Text
from fleet.web.pages.frame import page
from fleet.web.spans import moment_ms

router = APIRouter()
WORDS = {
    JobKind.REBOOT: "Reboot the machine",
    JobKind.RESTART: "Restart the room's programs",
    JobKind.UPDATE: "Update Salon",
    JobKind.SELFTEST: "Test the devices",
    JobKind.LOGS: "Collect logs",
    JobKind.SCREENSHOT: "Take a screenshot",
    JobKind.JOIN: "Join a meeting",
    JobKind.LEAVE: "Leave the meeting",
    JobKind.IDENTIFY: "Identify: show the room's name",
}


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A revision of settings that is the newest, and has come to some of its rooms only."""

    scope: str
    rev: int
    before: int
    """The newest that is for all rooms; 0: none."""


@router.get("/jobs")
async def jobs(request: Request, visitor: Seeing) -> Response:
    listed = await worklists.jobs(console_of(request).database, visitor.sites())
    name = "part/jobs.html" if request.headers.get("HX-Target") == "jobs" else "jobs.html"
    return page(request, visitor, name, title="Jobs", jobs=listed)


@router.get("/jobs/new")
async def new_job(request: Request, visitor: Running, scopes: str = "", kind: str = "") -> Response:
    many = len(acting.scopes_in(scopes)) > 10
    return page(request, visitor, "job_new.html", title="A new job", kinds=WORDS, scopes=scopes, chosen=kind, many=many)


class JobForm(BaseModel):
    """What the page of a new job asks."""

    kind: JobKind
    scopes: LongText = ""
    key: Text = ""
    version: Text = ""
    url: Text = ""
    hours: Annotated[int, Field(ge=1, le=720)] = 24
    note: Text = ""
    what: Text = "interface"
    begins: Text = ""
    begins_ms: Text = ""
    now: Text = ""
    careful: Text = ""
    dynamic: Text = ""
    approval: Text = ""


@router.post("/jobs")
async def run(request: Request, visitor: Running, form: Annotated[JobForm, Form()]) -> Response:
    words = {
        JobKind.JOIN: {"key": form.key},
        JobKind.UPDATE: {"version": form.version, "url": form.url},
        JobKind.SCREENSHOT: {"what": form.what},
    }
    wish = acting.JobWish(
        form.kind,
        tuple(acting.scopes_in(form.scopes)),
        {name: word for name, word in words.get(form.kind, {}).items() if word},
        if_idle=not form.now,
        policy=CAREFUL if form.careful else AT_ONCE,
        hours=form.hours,
        not_before=moment_ms(form.begins_ms, form.begins) or 0,
        dynamic=bool(form.dynamic),
        needs_approval=bool(form.approval),
        note=form.note,
    )
    job = await acting.run(console_of(request), visitor, wish)
    return RedirectResponse(f"/jobs/{job}", 303)


@router.post("/jobs/{job}/cancel")
async def cancel(request: Request, visitor: Running, job: Text) -> Response:
    await acting.cancel(console_of(request), visitor, job)
    return RedirectResponse(f"/jobs/{job}", 303)


@router.post("/jobs/{job}/approve")
async def approve(
    request: Request, visitor: Annotated[Visitor, Depends(allowed(Action.APPROVE_JOBS))], job: Text
) -> Response:
    await acting.approve(console_of(request), visitor, job)
    return RedirectResponse(f"/jobs/{job}", 303)


@router.post("/jobs/{job}/pause")
async def pause(request: Request, visitor: Running, job: Text) -> Response:
    await acting.pause(console_of(request), visitor, job)
    return RedirectResponse(f"/jobs/{job}", 303)


@router.post("/jobs/{job}/resume")
async def resume(request: Request, visitor: Running, job: Text) -> Response:
    await acting.resume(console_of(request), visitor, job)
    return RedirectResponse(f"/jobs/{job}", 303)


@router.get("/jobs/{job}")
async def job(request: Request, visitor: Seeing, job: str) -> Response:
    database = console_of(request).database
    found = await acting.seen_job(console_of(request), visitor, job)
    answers = await history.executions(database, job, visitor.sites())
    name = "part/job.html" if request.headers.get("HX-Target") == "job" else "job.html"
    return page(
        request,
        visitor,
        name,
        title=_title(found.kind),
        job=found,
        waves=await worklists.waves(database, job, visitor.sites()),
        answers=answers,
        unfinished=await _unfinished(request, visitor, found),
    )


async def _unfinished(request: Request, visitor: Visitor, job: worklists.JobLine) -> Unfinished | None:
    """Return what a job has brought to some rooms only; None: nothing, or nothing to do here."""
    database = console_of(request).database
    layers = await worklists.layers(database, visitor.sites()) if job.brings_settings else []
    layer = next((one for one in layers if one.rollout == job.id), None)
    if layer is None or not await acting.may_set(console_of(request), visitor, layer.scope):
        return None
    return Unfinished(layer.scope, layer.rev, await last_for_all(database, layer.scope))


def _title(kind: str) -> str:
    if kind == OwnKind.CONFIGURATION:
        return "Bring settings to rooms"
    return WORDS.get(JobKind(kind), kind)
