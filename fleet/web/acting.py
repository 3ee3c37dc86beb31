"""What people and programs do to alerts, jobs and settings: done by `fleet.control`, noted in the audit log."""

import json
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from appliance.telemetry.protocol.orders import JobKind
from fleet.control import alerts, jobs, layers, rollouts, scope
from fleet.control.also import Also
from fleet.control.conditions import BadRule
from fleet.control.notify import BadChannel
from fleet.control.use import TooMuch
from fleet.store import browse, worklists
from fleet.store.database import Transaction
from fleet.web.access.accounts import NotPossible
from fleet.web.access.permissions import Action
from fleet.web.access.visitor import Visitor
from fleet.web.console import Console
from fleet.web.gate import NotThere, require

KINDS = tuple(kind for kind in JobKind if kind is not JobKind.UNKNOWN)
_LOOKS = frozenset({JobKind.LOGS, JobKind.SCREENSHOT})
_HOUR_MS = 3_600_000
MOST_ROOMS = 500
_NO_JOB = "There is no such job, or it is of rooms that you may not see."
_REFUSALS = (jobs.BadJob, layers.BadLayer, rollouts.BadPolicy, scope.BadScope, BadRule, BadChannel, TooMuch)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JobWish:
    """A job as somebody asks for it."""

    kind: JobKind
    scopes: tuple[str, ...]
    """room:ID, site:ID, tag:TAG or org."""
    args: Mapping[str, str]
    if_idle: bool = True
    policy: rollouts.Policy = rollouts.AT_ONCE
    """How careful: waves, and when it stops by itself."""
    hours: int = 24
    """Until it expires, from its earliest time on."""
    not_before: int = 0
    dynamic: bool = False
    needs_approval: bool = False
    note: str = ""


async def acknowledge(console: Console, visitor: Visitor, key: int) -> None:
    """Say that one looks after an alert."""
    alert = await _alert(console, visitor, key)
    also = noting(console, visitor, "alert acknowledged", text=alert.text)
    if not await alerts.acknowledge(console.database, key, visitor.name, console.now(), also=also):
        raise NotPossible("This alert is over, or somebody looks after it already.")


async def snooze(console: Console, visitor: Visitor, key: int, hours: int) -> None:
    """Tell nobody of an alert for some hours."""
    alert = await _alert(console, visitor, key)
    now, also = console.now(), noting(console, visitor, "alert snoozed", text=alert.text, hours=hours)
    if not await alerts.snooze(console.database, key, now + hours * _HOUR_MS, now, also=also):
        raise NotPossible("This alert is over.")


async def _alert(console: Console, visitor: Visitor, key: int) -> worklists.AlertLine:
    alert = await worklists.alert(console.database, key)
    if alert is None or not visitor.may(Action.SEE, alert.site):
        raise NotThere("There is no such alert, or it is at a site that you may not see.")
    require(visitor, Action.ACKNOWLEDGE, alert.site)
    return alert


async def run(console: Console, visitor: Visitor, wish: JobWish) -> str:
    """Make a job and return its id."""
    if not 0 < len(wish.scopes) <= MOST_ROOMS:
        raise NotPossible(f"A job is for 1 to {MOST_ROOMS} rooms or groups of them; all rooms are: org.")
    actions = (Action.RUN_JOBS, Action.LOOK) if wish.kind in _LOOKS else (Action.RUN_JOBS,)
    for one in wish.scopes:
        site = await site_of(console, visitor, one)
        for action in actions:
            require(visitor, action, site)
    wanted = jobs.Wanted(
        wish.kind,
        wish.scopes,
        max(console.now(), wish.not_before) + wish.hours * _HOUR_MS,
        wish.args,
        not_before=wish.not_before,
        if_idle=wish.if_idle,
        policy=wish.policy,
        dynamic=wish.dynamic,
        needs_approval=wish.needs_approval,
        note=wish.note,
    )
    # a room may move to another site in this very moment
    sites = visitor.sites(Action.RUN_JOBS)
    also = noting(console, visitor, "job made", kind=wish.kind, scopes=list(wish.scopes[:20]))
    return await in_words(jobs.create(console.database, wanted, visitor.name, console.now(), sites=sites, also=also))


async def seen_job(console: Console, visitor: Visitor, job: str) -> worklists.JobLine:
    """Return a job that concerns rooms which somebody may see."""
    found = await worklists.jobs(console.database, visitor.sites(), job=job) if job else []
    if not found:
        raise NotThere(_NO_JOB)
    return found[0]


async def cancel(console: Console, visitor: Visitor, job: str) -> None:
    """Take a job back where it has not begun."""
    await _need(console, visitor, Action.RUN_JOBS, job)
    also = noting(console, visitor, "job cancelled")
    await in_words(jobs.cancel(console.database, job, visitor.name, console.now(), also=also))


async def approve(console: Console, visitor: Visitor, job: str) -> None:
    """Agree to a job of somebody else."""
    await _need(console, visitor, Action.APPROVE_JOBS, job)
    also = noting(console, visitor, "job approved")
    await in_words(jobs.approve(console.database, job, visitor.name, console.now(), also=also))


async def pause(console: Console, visitor: Visitor, job: str) -> None:
    """Tell no further wave for now."""
    await _need(console, visitor, Action.RUN_JOBS, job)
    await in_words(jobs.pause(console.database, job, console.now(), also=noting(console, visitor, "job paused")))


async def resume(console: Console, visitor: Visitor, job: str) -> None:
    """Go on with a paused job."""
    await _need(console, visitor, Action.RUN_JOBS, job)
    await in_words(jobs.resume(console.database, job, console.now(), also=noting(console, visitor, "job resumed")))


async def _need(console: Console, visitor: Visitor, action: Action, job: str) -> None:
    """Refuse who has not the right in each of a job's rooms."""
    rows = await console.database.fetch(
        "SELECT DISTINCT r.site AS site FROM jobs j LEFT JOIN executions e ON e.job = j.key "
        "LEFT JOIN rooms r ON r.key = e.room WHERE j.id = $1",
        job,
    )
    if not any(visitor.may(Action.SEE, row["site"]) for row in rows):
        raise NotThere(_NO_JOB)
    for row in rows:
        require(visitor, action, row["site"])


@dataclass(frozen=True, slots=True)
class SettingsWish:
    """All settings of a scope as somebody wants them."""

    scope: str
    text: str
    """JSON: sections of keys."""
    locks: tuple[str, ...]
    """Keys that no more special scope may change."""
    based_on: int
    """The revision they replace."""
    note: str
    careful: bool = False
    """In waves: one room, 5 %, 25 %, all; it stops by itself when it does harm."""


async def save_settings(console: Console, visitor: Visitor, wish: SettingsWish) -> layers.Saved:
    """Put settings in force for a scope."""
    require(visitor, Action.EDIT_SETTINGS, await site_of(console, visitor, wish.scope))
    doc = _doc(wish.text)
    saving = layers.save(
        console.database,
        wish.scope,
        doc,
        visitor.name,
        console.now(),
        locks=wish.locks,
        note=wish.note,
        based_on=wish.based_on,
        careful=rollouts.CAREFUL if wish.careful else None,
        also=noting(console, visitor, "settings saved", note=wish.note),
    )
    return await in_words(saving)


async def preview_settings(console: Console, visitor: Visitor, wish: SettingsWish) -> list[layers.RoomChange]:
    """Return which rooms would be told what, before it is in force."""
    require(visitor, Action.EDIT_SETTINGS, await site_of(console, visitor, wish.scope))
    database = console.database
    return await in_words(layers.changes(database, database.dialect, wish.scope, _doc(wish.text), wish.locks))


async def roll_back(
    console: Console, visitor: Visitor, where: str, rev: int, based_on: int, *, careful: bool = False
) -> layers.Saved:
    """Put an older revision of a scope's settings in force again, or the newest in rooms that have not got it."""
    require(visitor, Action.EDIT_SETTINGS, await site_of(console, visitor, where))
    also = noting(console, visitor, "settings rolled back", to=rev)
    policy = rollouts.CAREFUL if careful else None
    rolling = layers.roll_back(
        console.database, where, rev, visitor.name, console.now(), based_on=based_on, careful=policy, also=also
    )
    return await in_words(rolling)


async def may_set(console: Console, visitor: Visitor, where: str) -> bool:
    """Tell whether somebody may change a scope's settings."""
    return visitor.may(Action.EDIT_SETTINGS, await site_of(console, visitor, where))


async def past_settings(console: Console, visitor: Visitor, where: str) -> list[layers.Revision]:
    """Return a scope's revisions, the newest first, for who may see the scope."""
    # refuses sites and rooms out of sight; what is for all, or for a tag, is seen by all who see anything
    await site_of(console, visitor, where)
    return await layers.history(console.database, where)


def _doc(text: str) -> dict[str, Any]:
    try:
        doc = json.loads(text or "{}")
    except (ValueError, RecursionError) as err:
        raise NotPossible(f"The settings are not JSON: {err}.") from err
    if not isinstance(doc, dict):
        raise NotPossible('Settings are sections of keys, such as {"tv": {"idle_off_min": 10}}.')
    return doc


async def site_of(console: Console, visitor: Visitor, where: str) -> int | None:
    """Return the site a scope is within; None for what goes beyond one. A room out of sight is not there."""
    kind, _, name = (await _checked(where)).partition(":")
    if kind == "site":
        rows = await console.database.fetch("SELECT key FROM sites WHERE id = $1", name)
        if not rows or not visitor.may(Action.SEE, rows[0]["key"]):
            raise NotThere(f"There is no site {name}, or you may not see it.")
        key: int = rows[0]["key"]
        return key
    if kind == "room":
        room = await browse.room(console.database, name)
        if room is None or not visitor.may(Action.SEE, room.line.site):
            raise NotThere(f"There is no room {name}, or it is at a site that you may not see.")
        return room.line.site
    return None


async def _checked(where: str) -> str:
    try:
        return scope.checked(where)
    except scope.BadScope as err:
        raise NotPossible(str(err)) from err


async def in_words(work: Awaitable[T]) -> T:
    """Do it, and answer with control's own words when it refuses."""
    try:
        return await work
    except _REFUSALS as err:
        raise NotPossible(str(err)) from err


def noting(console: Console, visitor: Visitor, action: str, **more: object) -> Also:
    """Return what writes the audit log's entry in the transaction of a change."""

    async def note(tx: Transaction, target: str, **detail: object) -> None:
        await console.audit.note(tx, console.now(), visitor.actor, action, target, **{**detail, **more})

    return note


def scopes_in(text: str) -> Sequence[str]:
    """Return the scopes that somebody wrote, apart by spaces or commas; a bare word is a room's id."""
    words = dict.fromkeys(text.replace(",", " ").split())
    return tuple(word if word == "org" or ":" in word else f"room:{word}" for word in words)
