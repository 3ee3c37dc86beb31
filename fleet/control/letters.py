"""What people are told of an alert, in words. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from appliance.state.clean import clean_text
from fleet.control.notify import Letter
from fleet.control.rules import Alert

_LONGEST = 300


class Kind(StrEnum):
    """Why a notice is sent."""

    BEGAN = "began"
    STILL = "still"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Named:
    """What people call what an alert is about."""

    room: str
    site: str
    floor: str
    rule: str


def letter(alert: Alert, kind: Kind, named: Named, now: int) -> Letter:
    """Return the notice of an alert."""
    where = clean_text(named.room or named.site, 80)
    head = {Kind.BEGAN: alert.severity.upper(), Kind.STILL: f"STILL {alert.severity.upper()}", Kind.OVER: "OVER"}[kind]
    place = ", ".join(clean_text(part, 80) for part in (named.site, named.floor) if part and named.room)
    body = [clean_text(alert.words.text, _LONGEST)]
    if kind is not Kind.OVER and alert.words.remedy:
        body.append(clean_text(alert.words.remedy, _LONGEST))
    if place:
        body.append(f"Where: {where} ({place})")
    body.append(f"Since: {_moment(alert.began_at)}")
    if kind is Kind.OVER:
        body.append(f"Over: {_moment(alert.ended_at or now)}")
    return Letter(f"[{head}] {where}: {clean_text(named.rule, 80)}", "\n".join(body))


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
