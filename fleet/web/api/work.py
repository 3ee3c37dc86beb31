"""Alerts, jobs, settings, use."""

import dataclasses
import json
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from pydantic import Field
from pydantic.dataclasses import dataclass
from starlette.requests import Request
from starlette.responses import Response

from appliance.telemetry.protocol.orders import JobKind
from fleet.control import layers
from fleet.control.merge import Difference
from fleet.control.rollouts import AT_ONCE, CAREFUL, Policy
from fleet.control.use import Use, report
from fleet.store import history, worklists
from fleet.web import acting, keys
from fleet.web.api.common import ERRORS
from fleet.web.console import console_of
from fleet.web.gate import NotThere, Seeing
from fleet.web.inputs import LARGEST, Key, Limit, Text
from fleet.web.pages.use import meetings_table, rooms_table
from fleet.web.spans import AskedSpan

router = APIRouter(tags=["work"], responses=ERRORS)
Revision = Annotated[int, Query(ge=0, le=LARGEST)]
Count = Annotated[int, Field(ge=0, le=2**31)]
Hours = Annotated[int, Field(ge=1, le=720)]


@dataclass(frozen=True)
class SnoozeBody:
    """For how long."""

    hours: Hours = 4


@dataclass(frozen=True)
class PolicyBody:
    """How careful a job is."""

    waves: tuple[float, ...] = CAREFUL.waves
    """Rising shares of all rooms in percent, the last is 100; each wave is at least one room."""
    soak_s: Count = CAREFUL.soak_s
    """So long a wave is watched after its last answer."""
    stop_percent: float = CAREFUL.stop_percent
    """Stop when more than this share of the rooms that were told failed or refused."""
    stop_lost: Count = CAREFUL.stop_lost
    """Stop when so many rooms are gone after it; 0: never."""
    lost_after_s: Count = CAREFUL.lost_after_s


@dataclass(frozen=True)
class JobBody:
    """What rooms are to do."""

    kind: JobKind
    scopes: tuple[Text, ...]
    """room:ID, site:ID, tag:TAG or org."""
    args: dict[Text, Text] = dataclasses.field(default_factory=dict)
    if_idle: bool = True
    """Wait until no meeting is on."""
    careful: bool = False
    """One room, 5 %, 25 %, all; it stops by itself when it does harm."""
    policy: PolicyBody | None = None
    """Waves and thresholds of your own, instead of `careful`."""
    hours: Hours = 24
    """Rooms do not begin it later than that, counted from its earliest time."""
    not_before: Annotated[int, Field(ge=0, le=LARGEST)] = 0
    """Its earliest time; 0: now."""
    dynamic: bool = False
    """Rooms that come to be in the scopes later do it too, until it expires."""
    needs_approval: bool = False
    """A second admin has to agree first."""
    note: Text = ""


@dataclass(frozen=True)
class Made:
    """The new job."""

    id: str


@dataclass(frozen=True)
class SettingsBody:
    """All settings of a scope: sections of keys."""

    doc: dict[str, Any]
    locks: tuple[Text, ...] = ()
    """Keys that no more special scope may change."""
    based_on: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """The revision it replaces; another one means that somebody was quicker."""
    note: Text = ""
    careful: bool = False
    """In waves: one room, 5 %, 25 %, all; it stops by itself when it does harm. The revision names the job."""


@dataclass(frozen=True)
class KeyBody:
    """One key that can be set."""

    key: str
    kind: str
    """text, texts, number or yes or no."""
    means: str


@dataclass(frozen=True)
class RollBackBody:
    """Which revision is to hold again."""

    rev: Annotated[int, Field(ge=0, le=LARGEST)]
    based_on: Annotated[int, Field(ge=0, le=LARGEST)]
    """The newest revision; another one means that somebody was quicker."""
    careful: bool = False
    """In waves, as with saving."""


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


@router.post("/alerts/{key}/acknowledge", status_code=204)
async def acknowledge(request: Request, visitor: Seeing, key: Key) -> None:
    """Say that you look after an alert."""
    await acting.acknowledge(console_of(request), visitor, key)


@router.post("/alerts/{key}/snooze", status_code=204)
async def snooze(request: Request, visitor: Seeing, key: Key, body: SnoozeBody) -> None:
    """Tell nobody of an alert for some hours."""
    await acting.snooze(console_of(request), visitor, key, body.hours)


@router.post("/jobs", status_code=201)
async def run(request: Request, visitor: Seeing, body: JobBody) -> Made:
    """Have rooms do something."""
    own = Policy(**dataclasses.asdict(body.policy)) if body.policy else None
    wish = acting.JobWish(
        body.kind,
        body.scopes,
        body.args,
        if_idle=body.if_idle,
        policy=own or (CAREFUL if body.careful else AT_ONCE),
        hours=body.hours,
        not_before=body.not_before,
        dynamic=body.dynamic,
        needs_approval=body.needs_approval,
        note=body.note,
    )
    return Made(await acting.run(console_of(request), visitor, wish))


@router.post("/jobs/{job}/cancel", status_code=204)
async def cancel(request: Request, visitor: Seeing, job: Text) -> None:
    """Take a job back where it has not begun."""
    await acting.cancel(console_of(request), visitor, job)


@router.post("/jobs/{job}/approve", status_code=204)
async def approve(request: Request, visitor: Seeing, job: Text) -> None:
    """Agree to a job of somebody else."""
    await acting.approve(console_of(request), visitor, job)


@router.post("/jobs/{job}/pause", status_code=204)
async def pause(request: Request, visitor: Seeing, job: Text) -> None:
    """Tell no further wave for now."""
    await acting.pause(console_of(request), visitor, job)


@router.post("/jobs/{job}/resume", status_code=204)
async def resume(request: Request, visitor: Seeing, job: Text) -> None:
    """Go on with a paused job."""
    await acting.resume(console_of(request), visitor, job)


@router.get("/jobs/{job}/waves")
async def waves(request: Request, visitor: Seeing, job: Text) -> list[worklists.WaveLine]:
    """List a job's waves, and how far each is."""
    return await worklists.waves(console_of(request).database, job, visitor.sites())


@router.put("/settings/{scope}", status_code=204)
async def save(request: Request, visitor: Seeing, scope: Text, body: SettingsBody) -> None:
    """Put settings in force for org, site:ID, tag:TAG or room:ID."""
    wish = acting.SettingsWish(scope, json.dumps(body.doc), body.locks, body.based_on, body.note, body.careful)
    await acting.save_settings(console_of(request), visitor, wish)


@router.post("/settings/{scope}/preview", response_model=list[layers.RoomChange])
async def preview(request: Request, visitor: Seeing, scope: Text, body: SettingsBody) -> Response:
    """Tell which rooms would be told what, before anything is in force."""
    wish = acting.SettingsWish(scope, json.dumps(body.doc), body.locks, body.based_on, body.note)
    changes = await acting.preview_settings(console_of(request), visitor, wish)
    # perhaps every room of a large fleet: not by FastAPI, which looks at each value
    return Response(msgspec.json.encode(changes), media_type="application/json")


@router.get("/settings/{scope}/revisions")
async def revisions(request: Request, visitor: Seeing, scope: Text) -> list[layers.Revision]:
    """List all that was ever set for a scope, the newest first."""
    return await acting.past_settings(console_of(request), visitor, scope)


@router.get("/settings/{scope}/differences")
async def differences(
    request: Request, visitor: Seeing, scope: Text, before: Revision, after: Revision
) -> list[Difference]:
    """Compare two revisions key by key; revision 0 has nothing."""
    await acting.past_settings(console_of(request), visitor, scope)
    return list(await layers.compared(console_of(request).database, scope, before, after))


@router.post("/settings/{scope}/roll-back", status_code=204)
async def roll_back(request: Request, visitor: Seeing, scope: Text, body: RollBackBody) -> None:
    """Put an older revision in force again, as a new one; the newest: in the rooms that have not got it."""
    await acting.roll_back(console_of(request), visitor, scope, body.rev, body.based_on, careful=body.careful)


@router.get("/jobs/{job}")
async def one_job(request: Request, visitor: Seeing, job: Text) -> worklists.JobLine:
    """Tell one job, and how far it is."""
    return await acting.seen_job(console_of(request), visitor, job)


@router.get("/jobs/{job}/rooms")
async def answers(request: Request, visitor: Seeing, job: Text) -> list[history.Execution]:
    """List what each room answered to a job."""
    found = await history.executions(console_of(request).database, job, visitor.sites())
    if not found:
        raise NotThere("There is no such job, or it is of rooms that you may not see.")
    return found


@router.get("/settings/keys")
async def setting_keys(_: Seeing) -> list[KeyBody]:
    """List what can be set of a room, and what each key means."""
    return [KeyBody(one.key, one.kind_words, one.means) for one in keys.fields()]


@router.get("/settings")
async def settings(request: Request, visitor: Seeing) -> list[worklists.LayerLine]:
    """List what each scope sets, from all rooms to one."""
    return await worklists.layers(console_of(request).database, visitor.sites())


@router.get("/use")
async def use(request: Request, visitor: Seeing, span: AskedSpan) -> Use:
    """Tell how rooms were used in some days: utilisation, no-shows, peak hours, quality of calls."""
    reader = console_of(request).database
    return await acting.in_words(report(reader, span.from_at, span.until_at, sites=visitor.sites()))


@router.get("/use/rooms.csv", response_class=Response)
async def use_of_rooms(request: Request, visitor: Seeing, span: AskedSpan) -> Response:
    """Give the same by room, as CSV."""
    return await rooms_table(request, visitor, span)


@router.get("/use/meetings.csv", response_class=Response)
async def meetings(request: Request, visitor: Seeing, span: AskedSpan) -> Response:
    """Give the meetings of a time as CSV, without titles and names."""
    return await meetings_table(request, visitor, span)
