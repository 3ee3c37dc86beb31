"""Rules, and how an alert of one lives: pending, firing, resolved. Pure."""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum

from fleet.control import scope as scopes
from fleet.control.conditions import (
    SEVERITIES,
    BadRule,
    Beyond,
    Condition,
    Issues,
    Offline,
    Words,
    condition_json,
    read_condition,
)
from fleet.store.database import Row

_LONGEST_S = 30 * 24 * 3600
_SITE = "site"


@dataclass(frozen=True, slots=True)
class Rule:
    """What to look for, for how long, and whom to tell."""

    id: str
    name: str
    condition: Condition
    severity: str
    for_s: int = 0
    """So long it has to be bad before anybody is told."""
    clear_s: int = 60
    """So long it has to be good before the alert ends: what comes and goes is one alert."""
    scope: str = scopes.EVERYWHERE
    channels: tuple[str, ...] = ()
    """Ids; none: all that are switched on."""
    repeat_s: int = 0
    """Told again so often until somebody acknowledges it; 0: never."""
    enabled: bool = True


class State(StrEnum):
    """How far an alert is."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Signal(StrEnum):
    """What is seen of an alert's condition now."""

    BAD = "bad"
    BETWEEN = "between"
    GOOD = "good"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Ident:
    """What tells open alerts apart."""

    rule: str
    room: int | None
    site: int | None
    about: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something somebody should know. Times by the console's clock."""

    ident: Ident
    severity: str
    words: Words
    state: State
    began_at: int
    fired_at: int | None = None
    ended_at: int | None = None
    clear_at: int | None = None
    """Since when the condition has been gone, while the alert still stands."""
    parent: Ident | None = None
    """The site's alert that speaks for this one."""
    key: int | None = None
    """In the database; None before it is stored."""
    notified: bool = False

    @property
    def of_site(self) -> bool:
        """Whether it speaks for a site's rooms."""
        return self.ident.about == _SITE and self.ident.room is None


def site_ident(rule: str, site: int) -> Ident:
    """Return the identity of a site's alert."""
    return Ident(rule, None, site, _SITE)


def begun(rule: Rule, ident: Ident, words: Words, since: int, now: int, *, held: bool) -> Alert:
    """Return a new alert; it fires at once where the rule does not wait."""
    alert = Alert(ident, rule.severity, words, State.PENDING, min(since, now))
    return _fire_when_due(alert, rule, now, held)


def step(alert: Alert, signal: Signal, rule: Rule, now: int, *, words: Words | None = None, held: bool) -> Alert | None:
    """Return what becomes of an open alert; None for one that was pending and never fired.

    While `held`, in maintenance, nothing fires; what fires already goes on and may end.
    """
    match alert.state, signal:
        case State.PENDING, Signal.BAD:
            return _fire_when_due(replace(alert, words=words or alert.words), rule, now, held)
        case _, Signal.UNKNOWN:
            return alert
        case State.PENDING, _:
            return None
        case State.FIRING, Signal.BAD | Signal.BETWEEN:
            return replace(alert, clear_at=None)
        case State.FIRING, Signal.GOOD:
            since = now if alert.clear_at is None else alert.clear_at
            if now - since >= rule.clear_s * 1000:
                return replace(alert, state=State.RESOLVED, clear_at=since, ended_at=since)
            return replace(alert, clear_at=since)
    return alert


def due(alert: Alert, rule: Rule) -> int | None:
    """Return when an open alert has to be looked at again although its room says nothing."""
    if alert.state is State.PENDING:
        return alert.began_at + rule.for_s * 1000
    return None if alert.clear_at is None else alert.clear_at + rule.clear_s * 1000


def _fire_when_due(alert: Alert, rule: Rule, now: int, held: bool) -> Alert:
    if held or now - alert.began_at < rule.for_s * 1000:
        return alert
    return replace(alert, state=State.FIRING, fired_at=now)


def checked(rule: Rule) -> Rule:
    """Return the rule, or raise `BadRule` or `BadScope` in words."""
    scopes.checked(rule.scope)
    read_condition(condition_json(rule.condition))
    if rule.severity not in SEVERITIES:
        raise BadRule(f"A rule's severity is one of {', '.join(SEVERITIES)}.")
    if not all(0 <= time <= _LONGEST_S for time in (rule.for_s, rule.clear_s, rule.repeat_s)):
        raise BadRule("A rule's times are from 0 seconds to 30 days.")
    if not rule.id or not rule.name:
        raise BadRule("A rule needs an id and a name.")
    return rule


def rule_of(row: Row) -> Rule:
    """Read a stored rule."""
    return Rule(
        row["id"],
        row["name"],
        read_condition(json.loads(row["condition"])),
        row["severity"],
        row["for_s"],
        row["clear_s"],
        row["scope"],
        tuple(json.loads(row["channels"])),
        row["repeat_s"],
        bool(row["enabled"]),
    )


_PROGRAMS = ("display.lost", "display.dark", "media.lost")
DEFAULT_RULES: tuple[Rule, ...] = (
    Rule("offline", "Room offline", Offline(), "error", 90, 30),
    Rule("programs", "Screen or media gone", Issues(_PROGRAMS, "error"), "error", 120),
    Rule("panel", "Touch panel gone", Issues(("panel.lost",), "warning"), "warning", 0),
    Rule("device", "Camera, microphone or loudspeaker gone", Issues(("device.*",), "error"), "error", 60),
    Rule("device-spare", "Device gone, another is in use", Issues(("device.*",), "warning", "warning"), "warning", 300),
    Rule("trouble", "Anything else a meeting would suffer from",
         Issues(("*",), "error", but=("device.*", *_PROGRAMS)), "error", 60),
    Rule("calendar", "Calendar not read", Issues(("calendar.*",)), "warning", 1800),
    Rule("held-back", "Machine too slow or too hot for all pictures", Issues(("media.held_back",)), "warning", 300),
    Rule("hot", "Machine hot", Beyond("temp_c", above=80, clear=75), "warning", 300),
    Rule("disk", "Disk nearly full", Beyond("disk_free_mb", below=500, clear=1000), "warning", 300),
    Rule("clock", "Clock wrong", Beyond("skew_s", above=30, clear=10), "warning", 300),
    Rule("loss", "Calls lose packets", Beyond("loss_percent", above=5, clear=2), "warning", 60),
    Rule("spool", "Records wait", Beyond("spooled", above=200, clear=50), "warning", 3600),
    Rule("spool-age", "Records wait for long", Beyond("spool_age_s", above=3600, clear=600), "warning", 600),
    Rule("crashes", "Starts again and again", Beyond("starts", above=2), "error", 0, 900),
    Rule("certificate", "Certificate ends soon", Beyond("certificate_days", below=21), "warning", 0),
    Rule("drift", "Settings not taken", Beyond("behind", above=0.5), "warning", 300),
)  # fmt: skip
"""What a new console looks for."""


def readable(rows: Iterable[Row]) -> tuple[Rule, ...]:
    """Return the rules that this release understands."""
    found = []
    for row in rows:
        with suppress(BadRule, ValueError):
            found.append(rule_of(row))
    return tuple(found)


def usable(rows: Iterable[Row]) -> tuple[Rule, ...]:
    """Return the rules that are switched on; one that a newer release has made is left out."""
    return tuple(rule for rule in readable(rows) if rule.enabled)
