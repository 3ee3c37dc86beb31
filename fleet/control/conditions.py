"""What a rule looks for in a room, and what it finds. Pure; conditions are JSON in the rule table."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, assert_never

from appliance.errors import SalonError
from appliance.state.wire import BadValue, from_json, to_json
from fleet.control.facts import Facts, Problem

SEVERITIES = ("info", "warning", "error")
_DAY_MS = 24 * 3600 * 1000
_START_WINDOW_MS = 15 * 60 * 1000
_RELEASE = re.compile(r"\d{1,9}(\.\d{1,9}){0,3}")


class BadRule(SalonError, ValueError):
    """A rule that cannot be used; says why."""


@dataclass(frozen=True, slots=True)
class Number:
    """What can be compared: what people call it, how it is said, and what helps."""

    name: str
    unit: str | None
    """None of what is only so, 1, or not, 0."""
    says: str
    remedy: str
    of_one: str = ""
    """How it is said when there is one; empty where that reads alike."""

    def said(self, value: float) -> str:
        """Tell people its value."""
        one = self.of_one if f"{value:.0f}" == "1" else ""
        return one or self.says.format(value)

    @property
    def label(self) -> str:
        """What it is called where somebody chooses it."""
        if self.unit is None:
            return f"{self.name}: 1 if so, else 0"
        return f"{self.name}, {self.unit}" if self.unit else self.name


_BUSY = "See what runs on it beside the room; restart it."
NUMBERS: Mapping[str, Number] = {
    "temp_c": Number(
        "temperature",
        "°C",
        "The machine is {:.0f} °C hot.",
        "Clean its fan and give it air; it slows down to protect itself.",
    ),
    "cpu_percent": Number("processor's load", "%", "The machine is busy to {:.0f} %.", _BUSY),
    "mem_available_mb": Number("free memory", "MB", "Only {:.0f} MB of memory are free.", _BUSY),
    "disk_free_mb": Number(
        "free disk",
        "MB",
        "Only {:.0f} MB of the disk are free.",
        "Delete what is not needed, or use a larger card.",
    ),
    "loss_percent": Number(
        "packets lost in a call",
        "%",
        "{:.0f} % of a call's packets are lost.",
        "Use a cable rather than Wi-Fi; ask the network.",
    ),
    "spooled": Number(
        "records that wait to be stored",
        "",
        "{:.0f} records wait to be stored.",
        "Look whether the console's ingest runs and may write.",
        "1 record waits to be stored.",
    ),
    "spool_age_s": Number(
        "age of the oldest record that waits",
        "s",
        "The oldest record has waited for {:.0f} s to be stored.",
        "Look whether the console's ingest runs and may write; its log says what it refuses.",
    ),
    "skew_s": Number("clock's error", "s", "The clock is {:.0f} s off.", "Let the room reach a time server (NTP)."),
    "behind": Number(
        "settings not taken",
        None,
        "It does not have its settings.",
        "See on its page what it is waiting for, or what it refused.",
    ),
    "starts": Number(
        "starts in 15 minutes",
        "",
        "It started {:.0f} times in 15 minutes.",
        "Look at its logs; its power supply may be weak.",
        "It started once in 15 minutes.",
    ),
    "certificate_days": Number(
        "time until its certificate ends",
        "days",
        "Its certificate ends in {:.0f} days.",
        "Enrol the room again: salon setup.",
        "Its certificate ends in 1 day.",
    ),
}


@dataclass(frozen=True, slots=True)
class Offline:
    """The room is not there: it said goodbye, its will was spoken, or it is silent."""


@dataclass(frozen=True, slots=True)
class NotReady:
    """The room's own pre-flight says that it could not hold a meeting."""


@dataclass(frozen=True, slots=True)
class Issues:
    """The room has told of an issue; each is an alert of its own."""

    ids: tuple[str, ...]
    """Patterns such as device.camera*."""
    least: str = "info"
    most: str = "error"
    but: tuple[str, ...] = ()
    """Patterns of ids that other rules look for."""


@dataclass(frozen=True, slots=True)
class Beyond:
    """A number is above, or below, a bound; it has to come back to `clear` before that is over."""

    number: str
    above: float | None = None
    below: float | None = None
    clear: float | None = None


@dataclass(frozen=True, slots=True)
class Older:
    """The room runs an older version than the one that is wanted."""

    than: str
    """Such as 0.3.0."""


Condition = Offline | NotReady | Issues | Beyond | Older
_KINDS: Mapping[str, type[Condition]] = {
    "offline": Offline,
    "not_ready": NotReady,
    "issues": Issues,
    "number": Beyond,
    "older": Older,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


@dataclass(frozen=True, slots=True)
class Words:
    """What to tell people."""

    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What a condition finds in a room now."""

    bad: Mapping[str, Words] = field(default_factory=dict)
    """By what tells two alerts of a rule and room apart; empty text where there can be only one."""
    known: bool = True
    """False where nobody can tell: an alert neither begins nor ends."""
    between: bool = False
    """Not bad enough to begin, not good enough to end."""
    since: int | None = None
    due: int | None = None
    """When it may be otherwise although the room says nothing."""


NOBODY_KNOWS = Look(known=False)
ALL_WELL = Look()
_BETWEEN = Look(between=True)


def look(condition: Condition, facts: Facts, now: int) -> Look:
    """Return what a condition finds."""
    match condition:
        case Offline():
            return _offline(facts)
        case _ if facts.offline_since is not None:
            # what an absent room last said tells nothing about now
            return NOBODY_KNOWS
        case NotReady():
            words = Words("It could not hold a meeting now.", "See on its page what stands against it.")
            return ALL_WELL if facts.ready else Look({"": words})
        case Issues():
            return _listed(condition, facts) if facts.problems else ALL_WELL
        case Older(than):
            return _older(facts.sw, than)
        case Beyond(number="starts"):
            return _starts(condition, facts, now)
        case Beyond(number="certificate_days"):
            return _certificate(condition, facts, now)
        case Beyond():
            return _compared(condition, facts.numbers.get(condition.number))
    assert_never(condition)


def _listed(condition: Issues, facts: Facts) -> Look:
    return Look({one.id: Words(one.text, one.remedy) for one in facts.problems if _matches(condition, one)})


def read_condition(data: Mapping[str, Any]) -> Condition:
    """Read a rule's condition, or raise `BadRule` in words."""
    values = dict(data)
    kind = _KINDS.get(str(values.pop("kind", "")))
    if kind is None:
        raise BadRule(f"A condition's kind is one of {', '.join(_KINDS)}.")
    try:
        condition: Condition = from_json(kind, values)
    except BadValue as err:
        raise BadRule(f"This is no condition of the kind {_NAMES[kind]}: {err}.") from err
    match condition:
        case Issues():
            _check_issues(condition)
        case Beyond():
            _check_beyond(condition)
        case Older() if not _release(condition.than):
            raise BadRule("A version is like 0.3.0.")
    return condition


def kind_of(condition: Condition) -> str:
    """Return the name of a condition's kind."""
    return _NAMES[type(condition)]


def condition_json(condition: Condition) -> dict[str, Any]:
    """Return a condition as JSON."""
    return {"kind": kind_of(condition), **to_json(condition)}


def _offline(facts: Facts) -> Look:
    if facts.offline_since is None:
        return ALL_WELL
    words = Words("The room is offline.", "Check its power and network; somebody there can look at its screen.")
    return Look({"": words}, since=facts.offline_since)


def _matches(condition: Issues, problem: Problem) -> bool:
    least, most = SEVERITIES.index(condition.least), SEVERITIES.index(condition.most)
    severe = problem.severity in SEVERITIES[least : most + 1]
    return (
        severe
        and any(fnmatchcase(problem.id, pattern) for pattern in condition.ids)
        and not any(fnmatchcase(problem.id, pattern) for pattern in condition.but)
    )


def is_older(runs: str, than: str) -> bool | None:
    """Tell whether a version is older than another; None where one of them is no version."""
    one, other = _release(runs), _release(than)
    return one < other if one and other else None


def _older(runs: str, wanted: str) -> Look:
    match is_older(runs, wanted):
        case None:
            return NOBODY_KNOWS
        case False:
            return ALL_WELL
    return Look(
        {"": Words(f"It runs Salon {runs}, older than {wanted}.", "Have it updated: a job of the kind update.")}
    )


def _release(version: str) -> tuple[int, ...]:
    """Return a version's four numbers, or nothing: 0.10 is newer than 0.9, and what follows the numbers counts not."""
    found = _RELEASE.match(version)
    numbers = [int(part) for part in found[0].split(".")] if found else []
    return (*numbers, 0, 0, 0)[:4] if numbers else ()


def _starts(condition: Beyond, facts: Facts, now: int) -> Look:
    recent = [at for at in facts.starts if now - _START_WINDOW_MS < at]
    found = _compared(condition, len(recent))
    due = min(recent) + _START_WINDOW_MS if recent else None
    return Look(found.bad, between=found.between, due=due)


def _certificate(condition: Beyond, facts: Facts, now: int) -> Look:
    if facts.certificate_until is None:
        return ALL_WELL
    found = _compared(condition, (facts.certificate_until - now) / _DAY_MS)
    begins = facts.certificate_until - int((condition.below or 0) * _DAY_MS) + 1
    return Look(found.bad, between=found.between, due=begins if begins > now else None)


def _compared(condition: Beyond, value: float | None) -> Look:
    if value is None:
        return ALL_WELL
    above, below, clear = condition.above, condition.below, condition.clear
    if (above is not None and value > above) or (below is not None and value < below):
        number = NUMBERS[condition.number]
        return Look({"": Words(number.said(value), number.remedy)})
    if clear is None:
        return ALL_WELL
    return _BETWEEN if (value > clear if above is not None else value < clear) else ALL_WELL


def _check_issues(condition: Issues) -> None:
    if not condition.ids:
        raise BadRule("Issues are named by patterns, such as device.camera*.")
    if condition.least not in SEVERITIES or condition.most not in SEVERITIES:
        raise BadRule(f"A severity is one of {', '.join(SEVERITIES)}.")


def _check_beyond(condition: Beyond) -> None:
    if condition.number not in NUMBERS:
        raise BadRule(f"A number is one of {', '.join(NUMBERS)}.")
    bounds = [one for one in (condition.above, condition.below) if one is not None]
    given = [*bounds, *([] if condition.clear is None else [condition.clear])]
    if len(bounds) != 1 or not all(map(math.isfinite, given)):
        raise BadRule("A number has to be above or below a bound, one of the two.")
    clear = bounds[0] if condition.clear is None else condition.clear
    if clear > bounds[0] if condition.above is not None else clear < bounds[0]:
        raise BadRule("It has to come back from its bound: clear is on the good side of it.")
