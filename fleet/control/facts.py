"""What rules look at: a room's facts, read once off its row. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec
from cryptography.x509 import load_pem_x509_certificate

from fleet.control.scope import Place
from fleet.store.database import Row


class _Issue(msgspec.Struct):
    id: str
    severity: str = "unknown"
    text: str = ""
    remedy: str = ""


class _Gauges(msgspec.Struct):
    cpu: float | None = None
    temp_c: float | None = None
    mem_available_mb: float | None = None
    disk_free_mb: float | None = None


class _Stream(msgspec.Struct):
    loss: float = 0.0


class _Ready(msgspec.Struct):
    ok: bool = True


class _Health(msgspec.Struct):
    phase: str = "unknown"
    gauges: _Gauges = msgspec.field(default_factory=_Gauges)
    streams: list[_Stream] = []
    issues: list[_Issue] = []
    spooled: int = 0
    spool_age_s: int | None = None
    ready: _Ready | None = None


_HEALTH = msgspec.json.Decoder(_Health)
_NOTHING = _Health()


@dataclass(frozen=True, slots=True)
class Problem:
    """One issue a room has told of."""

    id: str
    severity: str
    text: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Facts:
    """A room as rules see it. Numbers that are not measurable are not in it."""

    place: Place
    title: str
    site: int | None = None
    """The site's key."""
    offline_since: int | None = None
    """By the console's clock."""
    problems: tuple[Problem, ...] = ()
    ready: bool = True
    numbers: Mapping[str, float] = field(default_factory=dict)
    starts: tuple[int, ...] = ()
    """When its last boots began, milliseconds."""
    certificate_until: int | None = None
    sw: str = ""
    """The version of Salon that it runs; empty before it has said so."""


def facts_of(row: Row, place: Place, starts: tuple[int, ...] = ()) -> Facts:
    """Read a room's row."""
    health = _health(row["health"])
    return Facts(
        place,
        row["name"] or row["id"],
        row["site"],
        row["status_at"] if row["status"] == "offline" else None,
        _problems(row, health),
        health.ready is None or health.ready.ok,
        _numbers(row, health),
        starts,
        _ends(row["certificate"]),
        row["sw"],
    )


def _problems(row: Row, health: _Health) -> tuple[Problem, ...]:
    """Return what the room tells, and what the console itself has found wrong with it."""
    told = tuple(Problem(one.id, one.severity, one.text, one.remedy) for one in health.issues)
    return (*told, Problem("console.found", "error", row["trouble"], "")) if row["trouble"] else told


def _health(text: str | None) -> _Health:
    try:
        return _HEALTH.decode(text) if text else _NOTHING
    except msgspec.DecodeError:
        return _NOTHING


@lru_cache(maxsize=20_000)
def _ends(certificate: str | None) -> int | None:
    try:
        parsed = load_pem_x509_certificate((certificate or "").encode())
    except ValueError:
        return None
    return int(parsed.not_valid_after_utc.timestamp() * 1000)


def _numbers(row: Row, health: _Health) -> dict[str, float]:
    gauges = health.gauges
    found = {
        "temp_c": gauges.temp_c,
        "cpu_percent": None if gauges.cpu is None else gauges.cpu * 100,
        "mem_available_mb": gauges.mem_available_mb,
        "disk_free_mb": gauges.disk_free_mb,
        "loss_percent": max((stream.loss for stream in health.streams), default=0.0) * 100,
        "spooled": health.spooled,
        "spool_age_s": health.spool_age_s or 0,
        "skew_s": None if row["skew_ms"] is None else abs(row["skew_ms"]) / 1000,
        "behind": float(row["rev_applied"] < row["rev_desired"]),
    }
    return {name: value for name, value in found.items() if value is not None}
