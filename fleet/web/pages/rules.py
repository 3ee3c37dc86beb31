"""What alerts are made from: rules, who is told, and when nobody is."""

import math
from typing import Annotated, Any

from fastapi import APIRouter, Form
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fleet.control import rulebook
from fleet.control.conditions import NUMBERS, SEVERITIES, Beyond, Condition, Issues, NotReady, Offline, Older, kind_of
from fleet.control.rules import Rule
from fleet.control.watch import Window
from fleet.web import ruling
from fleet.web.access.accounts import NotPossible
from fleet.web.access.permissions import Action
from fleet.web.access.visitor import Visitor
from fleet.web.console import console_of
from fleet.web.gate import Planning, Ruling, Seeing
from fleet.web.inputs import Key, Text, field
from fleet.web.pages.frame import page
from fleet.web.spans import moment_ms

router = APIRouter()
Seconds = Annotated[int, Field(ge=0, le=30 * 24 * 3600)]
_HOUR_MS = 3_600_000
KINDS = {
    "offline": "the room is offline",
    "not_ready": "it could not hold a meeting",
    "issues": "it tells of an issue",
    "number": "a number is too high or too low",
    "older": "it runs an older version than wanted",
}


@router.get("/alerts/rules")
async def rules(request: Request, visitor: Seeing) -> Response:
    console = console_of(request)
    may_rule = visitor.may_somewhere(Action.EDIT_RULES)
    return page(
        request,
        visitor,
        "rules.html",
        title="Rules",
        rules=await ruling.rules(console, visitor),
        channels=await rulebook.channels(console.database) if may_rule else (),
        windows=await ruling.maintenance(console, visitor),
        words=words_of,
        severities=SEVERITIES,
        may_rule=may_rule,
    )


@router.get("/alerts/rules/new")
async def new_rule(request: Request, visitor: Ruling) -> Response:
    return await _edit(request, visitor, Rule("", "", Issues(("device.*",)), "warning", 60), new=True)


@router.get("/alerts/rules/{rule_id}")
async def rule(request: Request, visitor: Seeing, rule_id: Text) -> Response:
    return await _edit(request, visitor, await ruling.rule(console_of(request), visitor, rule_id), new=False)


async def _edit(request: Request, visitor: Visitor, shown: Rule, *, new: bool) -> Response:
    condition = shown.condition
    return page(
        request,
        visitor,
        "rule.html",
        title=shown.name or "A new rule",
        rule=shown,
        new=new,
        kind=kind_of(condition),
        kinds=KINDS,
        issues=condition if isinstance(condition, Issues) else Issues(()),
        beyond=condition if isinstance(condition, Beyond) else Beyond("temp_c"),
        older=condition if isinstance(condition, Older) else Older(""),
        numbers=NUMBERS,
        severities=SEVERITIES,
        channels=await rulebook.channels(console_of(request).database),
    )


class RuleForm(BaseModel):
    """What the page of a rule asks."""

    id: Text
    name: Text = ""
    kind: Text = ""
    ids: Text = ""
    but: Text = ""
    least: Text = "info"
    most: Text = "error"
    number: Text = ""
    side: Text = "above"
    bound: Text = ""
    clear: Text = ""
    than: Text = ""
    severity: Text = "warning"
    for_s: Seconds = 0
    clear_s: Seconds = 60
    repeat_s: Seconds = 0
    scope: Text = "org"
    channels: list[Text] = []
    enabled: Text = ""


@router.post("/alerts/rules")
async def save_rule(request: Request, visitor: Ruling, form: Annotated[RuleForm, Form()]) -> Response:
    wanted = Rule(
        form.id.strip(),
        " ".join(form.name.split()),
        _condition(form),
        form.severity,
        form.for_s,
        form.clear_s,
        form.scope.strip(),
        tuple(form.channels),
        form.repeat_s,
        bool(form.enabled),
    )
    await ruling.save_rule(console_of(request), visitor, wanted)
    return RedirectResponse("/alerts/rules", 303)


@router.post("/alerts/rules/{rule_id}/delete")
async def delete_rule(request: Request, visitor: Ruling, rule_id: Text) -> Response:
    await ruling.delete_rule(console_of(request), visitor, rule_id)
    return RedirectResponse("/alerts/rules", 303)


class ChannelForm(BaseModel):
    """What the page asks of a channel."""

    id: Text
    name: Text = ""
    url: Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")] = ""
    least: Text = "warning"
    enabled: Text = ""


@router.post("/alerts/channels")
async def save_channel(request: Request, visitor: Ruling, form: Annotated[ChannelForm, Form()]) -> Response:
    wish = ruling.ChannelWish(form.id.strip(), form.name, form.url, form.least, enabled=bool(form.enabled))
    await ruling.save_channel(console_of(request), visitor, wish)
    return RedirectResponse("/alerts/rules#channels", 303)


@router.post("/alerts/channels/{channel}/test")
async def try_channel(request: Request, visitor: Ruling, channel: Text) -> Response:
    await ruling.try_channel(console_of(request), visitor, channel)
    return RedirectResponse("/alerts/rules#channels", 303)


@router.post("/alerts/channels/{channel}/delete")
async def delete_channel(request: Request, visitor: Ruling, channel: Text) -> Response:
    await ruling.delete_channel(console_of(request), visitor, channel)
    return RedirectResponse("/alerts/rules#channels", 303)


@router.post("/alerts/maintenance")
async def begin_maintenance(
    request: Request,
    visitor: Planning,
    scope: Annotated[str, field(70)] = "",
    begins: Annotated[str, field(30)] = "",
    begins_ms: Annotated[str, field(16)] = "",
    hours: Annotated[float, Form(gt=0, le=2160)] = 2,
    reason: Annotated[str, field(200)] = "",
) -> Response:
    console = console_of(request)
    from_at = moment_ms(begins_ms, begins) or console.now()
    window = Window(scope.strip(), from_at, from_at + int(hours * _HOUR_MS))
    await ruling.begin_maintenance(console, visitor, window, reason)
    return RedirectResponse("/alerts/rules#maintenance", 303)


@router.post("/alerts/maintenance/{key}/end")
async def end_maintenance(request: Request, visitor: Planning, key: Key) -> Response:
    await ruling.end_maintenance(console_of(request), visitor, key)
    return RedirectResponse("/alerts/rules#maintenance", 303)


def words_of(condition: Condition) -> str:
    """Say what a rule looks for."""
    match condition:
        case Offline():
            return KINDS["offline"]
        case NotReady():
            return KINDS["not_ready"]
        case Issues(ids, least, most, but):
            degree = f", {least}" + ("" if most == least else f" to {most}")
            other = f" but {' '.join(but)}" if but else ""
            return f"issues {' '.join(ids)}{other}{degree}"
        case Beyond():
            return _bound_words(condition)
        case Older(than):
            return f"version older than {than}"


def _bound_words(condition: Beyond) -> str:
    number, above, below = NUMBERS[condition.number], condition.above, condition.below
    if number.unit is None:
        return number.name
    unit = f" {number.unit}" if number.unit else ""
    bound = f"above {above:g}" if above is not None else f"below {below or 0:g}"
    until = "" if condition.clear is None else f", until {condition.clear:g}{unit}"
    return f"{number.name} {bound}{unit}{until}"


def _condition(form: RuleForm) -> Condition:
    match form.kind:
        case "offline":
            return Offline()
        case "not_ready":
            return NotReady()
        case "issues":
            return Issues(tuple(form.ids.split()), form.least, form.most, tuple(form.but.split()))
        case "number":
            bound: dict[str, Any] = {"below" if form.side == "below" else "above": _number(form.bound)}
            return Beyond(form.number, **bound, clear=_number(form.clear) if form.clear.strip() else None)
        case "older":
            return Older(form.than.strip())
    raise NotPossible("Choose what the rule looks for.")


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise NotPossible(f"{text[:20]!r} is no number.")
    return value
