"""What alerts are made from: rules, channels, maintenance; and alerts as a table."""

import dataclasses
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field
from pydantic.dataclasses import dataclass
from starlette.requests import Request
from starlette.responses import Response

from fleet.control import rulebook
from fleet.control.conditions import NUMBERS, BadRule, condition_json, read_condition
from fleet.control.rules import Rule
from fleet.control.watch import Window
from fleet.web import ruling
from fleet.web.access.accounts import NotPossible
from fleet.web.api.common import ERRORS
from fleet.web.console import console_of
from fleet.web.gate import Planning, Ruling, Seeing
from fleet.web.inputs import LARGEST, Key, Text
from fleet.web.pages.alerts import table
from fleet.web.spans import AskedSpan

router = APIRouter(prefix="/alerts", tags=["rules"], responses=ERRORS)
Seconds = Annotated[int, Field(ge=0, le=30 * 24 * 3600)]
Moment = Annotated[int, Field(ge=0, le=LARGEST)]


@dataclass(frozen=True)
class RuleBody:
    """What to look for, for how long, and whom to tell."""

    name: Text
    condition: dict[str, Any]
    """{"kind": "offline"}, {"kind": "not_ready"}, {"kind": "issues", "ids": [...], "least", "most", "but"},
    {"kind": "number", "number": "temp_c", "above" or "below": 80, "clear": 75} or
    {"kind": "older", "than": "0.3.0"}."""
    severity: Text = "warning"
    for_s: Seconds = 0
    """So long it has to be bad."""
    clear_s: Seconds = 60
    """So long it has to be good to be over."""
    scope: Text = "org"
    """org, site:ID, tag:TAG or room:ID."""
    channels: tuple[Text, ...] = ()
    """Ids; none: all."""
    repeat_s: Seconds = 0
    enabled: bool = True


@dataclass(frozen=True)
class NamedRule(RuleBody):
    """A rule with its id."""

    id: str = ""


@dataclass(frozen=True)
class NumberBody:
    """What a rule can compare."""

    number: str
    """As a condition names it."""
    name: str
    unit: str | None
    """Null of what is only so, 1, or not, 0."""
    remedy: str


@dataclass(frozen=True)
class ChannelBody:
    """Where notices go."""

    name: Text
    url: Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")] = ""
    """As apprise knows it: mailtos://USER:PASSWORD@HOST?to=NAME. Never given back; empty keeps the one it has."""
    least: Text = "warning"
    enabled: bool = True


@dataclass(frozen=True)
class MaintenanceBody:
    """When nothing fires, and where."""

    scope: Text
    until_at: Moment
    from_at: Moment | None = None
    """Empty: now."""
    reason: Text = ""


@dataclass(frozen=True)
class Planned:
    """The new window."""

    key: int


@router.get("/rules")
async def rules(request: Request, visitor: Seeing) -> list[NamedRule]:
    """List the rules for what you see."""
    return [_shown(rule) for rule in await ruling.rules(console_of(request), visitor)]


@router.get("/numbers")
async def numbers(_: Seeing) -> list[NumberBody]:
    """List the numbers that a rule can compare."""
    return [NumberBody(key, one.name, one.unit, one.remedy) for key, one in NUMBERS.items()]


@router.get("/rules/{rule_id}")
async def rule(request: Request, visitor: Seeing, rule_id: Text) -> NamedRule:
    """Tell one rule."""
    return _shown(await ruling.rule(console_of(request), visitor, rule_id))


@router.put("/rules/{rule_id}", status_code=204)
async def save_rule(request: Request, visitor: Ruling, rule_id: Text, body: RuleBody) -> None:
    """Add or change a rule."""
    try:
        condition = read_condition(body.condition)
    except BadRule as err:
        raise NotPossible(str(err)) from err
    values = {**{one.name: getattr(body, one.name) for one in dataclasses.fields(body)}, "condition": condition}
    await ruling.save_rule(console_of(request), visitor, Rule(id=rule_id, **values))


@router.delete("/rules/{rule_id}", status_code=204)
async def delete_rule(request: Request, visitor: Ruling, rule_id: Text) -> None:
    """Delete a rule; what is open of it ends."""
    await ruling.delete_rule(console_of(request), visitor, rule_id)


@router.get("/channels")
async def channels(request: Request, _: Ruling) -> list[rulebook.Channel]:
    """List where notices go, without the addresses."""
    return list(await rulebook.channels(console_of(request).database))


@router.put("/channels/{channel}", status_code=204)
async def save_channel(request: Request, visitor: Ruling, channel: Text, body: ChannelBody) -> None:
    """Add or change a channel."""
    wish = ruling.ChannelWish(channel, body.name, body.url, body.least, enabled=body.enabled)
    await ruling.save_channel(console_of(request), visitor, wish)


@router.post("/channels/{channel}/test", status_code=202)
async def try_channel(request: Request, visitor: Ruling, channel: Text) -> None:
    """Have a test notice sent; what came of it is told with the channels."""
    await ruling.try_channel(console_of(request), visitor, channel)


@router.delete("/channels/{channel}", status_code=204)
async def delete_channel(request: Request, visitor: Ruling, channel: Text) -> None:
    """Forget a channel, with what waits to be sent to it."""
    await ruling.delete_channel(console_of(request), visitor, channel)


@router.get("/maintenance")
async def maintenance(request: Request, visitor: Seeing) -> list[rulebook.Maintenance]:
    """List the maintenance that is not over."""
    return await ruling.maintenance(console_of(request), visitor)


@router.post("/maintenance", status_code=201)
async def begin_maintenance(request: Request, visitor: Planning, body: MaintenanceBody) -> Planned:
    """Keep alerts from firing for a time."""
    console = console_of(request)
    window = Window(body.scope, console.now() if body.from_at is None else body.from_at, body.until_at)
    return Planned(await ruling.begin_maintenance(console, visitor, window, body.reason))


@router.delete("/maintenance/{key}", status_code=204)
async def end_maintenance(request: Request, visitor: Planning, key: Key) -> None:
    """End maintenance now, or take it back."""
    await ruling.end_maintenance(console_of(request), visitor, key)


@router.get("/table.csv", response_class=Response)
async def alerts_table(request: Request, visitor: Seeing, span: AskedSpan) -> Response:
    """Give the alerts that began in a time as CSV."""
    return await table(request, visitor, span)


def _shown(rule: Rule) -> NamedRule:
    values = {one.name: getattr(rule, one.name) for one in dataclasses.fields(rule)}
    return NamedRule(**{**values, "condition": condition_json(rule.condition)})
