"""`/metrics` for Prometheus: the fleet in numbers, never one series a room."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleet.refusal import Refusal
from fleet.store.database import Reader, Row

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_SITES = 200
"""Of the largest; rooms of all others are counted together."""
_DAY_MS = 24 * 3600 * 1000
_SKEW_MS = 30_000
_PULSE_MS = 30_000
_ESCAPED = re.compile(r'[\\"\n]')
STATUSES = ("ready", "meeting", "warning", "broken", "offline", "new")


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with its samples, labels in order. What ends in _total is a counter, all else a gauge."""

    name: str
    help: str
    samples: tuple[tuple[Mapping[str, str], float], ...]

    @property
    def kind(self) -> str:
        return "counter" if self.name.endswith("_total") else "gauge"


async def metrics(reader: Reader, now: int) -> str:
    """Return the text Prometheus reads. Says where everybody is, so it is for those who may see all sites."""
    return exposition(await families(reader, now))


def exposition(found: Iterable[Family]) -> str:
    """Return families in Prometheus' text format. Pure."""
    lines = []
    for family in found:
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
        lines += [f"{family.name}{_labels(labels)} {value:.15g}" for labels, value in family.samples]
    return "\n".join(lines) + "\n"


async def families(reader: Reader, now: int) -> list[Family]:
    """Count everything."""
    return [
        *await _rooms(reader),
        await _by(reader, "salon_alerts", "Alerts that are not over and that no site's alert speaks for.",
                  "severity, state", "alerts WHERE state <> 'resolved' AND parent IS NULL"),
        await _by(reader, "salon_jobs", "Jobs that are not over.", "state",
                  "jobs WHERE state IN ('waiting', 'running', 'paused')"),
        await _by(reader, "salon_job_rooms", "Rooms that have a job to do, by how far they are.", "state",
                  "executions WHERE state IN ('held', 'queued', 'accepted', 'running')"),
        await _by(reader, "salon_meetings_24h", "Meetings of the last 24 hours, by what became of them.", "outcome",
                  "meetings WHERE at > $1 AND at <= $2", now - _DAY_MS, now),
        *await _quality(reader, now),
        *await _notices(reader, now),
        await _leases(reader, now),
        *await _ingest(reader, now),
    ]  # fmt: skip


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_ESCAPED.sub(_escape, value)}"' for name, value in labels.items()) + "}"


def _escape(match: re.Match[str]) -> str:
    return {"\\": r"\\", '"': r"\"", "\n": r"\n"}[match[0]]


async def _by(reader: Reader, name: str, words: str, columns: str, of: str, *args: int) -> Family:
    rows = await reader.fetch(f"SELECT {columns}, count(*) AS n FROM {of} GROUP BY {columns} ORDER BY {columns}", *args)
    labels = columns.split(", ")
    return Family(name, words, tuple(({label: str(row[label]) for label in labels}, row["n"]) for row in rows))


async def _rooms(reader: Reader) -> list[Family]:
    rows = await reader.fetch(
        "SELECT s.id AS site, r.status AS status, count(*) AS n, sum(r.issue_count) AS issues, "
        "sum(CASE WHEN r.rev_applied < r.rev_desired THEN 1 ELSE 0 END) AS behind, "
        f"sum(CASE WHEN abs(r.skew_ms) > {_SKEW_MS} THEN 1 ELSE 0 END) AS skewed "
        "FROM rooms r LEFT JOIN sites s ON s.key = r.site WHERE r.retired_at IS NULL GROUP BY s.id, r.status"
    )
    sizes: dict[str, int] = {}
    for row in rows:
        sizes[row["site"] or ""] = sizes.get(row["site"] or "", 0) + row["n"]
    named = set(sorted(sizes, key=lambda site: (-sizes[site], site))[:MOST_SITES])
    counts: dict[tuple[str, str], int] = {}
    issues: dict[str, int] = {}
    for row in rows:
        site = (row["site"] or "") if (row["site"] or "") in named else "other"
        counts[site, row["status"]] = counts.get((site, row["status"]), 0) + row["n"]
        issues[site] = issues.get(site, 0) + row["issues"]
    return [
        Family("salon_rooms", "Rooms by site and status; those without a site have none.",
               tuple(({"site": site, "status": status}, counts.get((site, status), 0))
                     for site in sorted(issues) for status in STATUSES)),
        Family("salon_room_issues", "Issues that rooms tell of.",
               tuple(({"site": site}, n) for site, n in sorted(issues.items()))),
        Family("salon_rooms_behind", "Rooms that do not have the settings wanted of them.",
               (({}, sum(row["behind"] for row in rows)),)),
        Family("salon_rooms_clock_off", "Rooms whose clock is more than 30 seconds off.",
               (({}, sum(row["skewed"] for row in rows)),)),
    ]  # fmt: skip


async def _quality(reader: Reader, now: int) -> list[Family]:
    rows = await reader.fetch(
        "SELECT avg(loss) AS loss, avg(rtt_ms) AS rtt, sum(reconnects) AS reconnects FROM meetings "
        "WHERE at > $1 AND at <= $2 AND outcome = 'held'",
        now - _DAY_MS,
        now,
    )
    loss, rtt, reconnects = rows[0]["loss"], rows[0]["rtt"], rows[0]["reconnects"]
    return [
        Family("salon_meeting_loss_ratio_24h", "Mean share of packets lost in meetings of the last 24 hours.",
               _one(loss)),
        Family("salon_meeting_round_trip_seconds_24h", "Mean round trip in meetings of the last 24 hours.",
               _one(None if rtt is None else rtt / 1000)),
        Family("salon_meeting_reconnects_24h", "Reconnects in meetings of the last 24 hours.", _one(reconnects or 0)),
    ]  # fmt: skip


async def _notices(reader: Reader, now: int) -> list[Family]:
    rows = await reader.fetch(
        "SELECT sum(CASE WHEN given_up_at IS NULL THEN 1 ELSE 0 END) AS waiting, "
        "sum(CASE WHEN given_up_at > $1 THEN 1 ELSE 0 END) AS lost, "
        "min(CASE WHEN given_up_at IS NULL THEN made_at END) AS oldest FROM outbox WHERE sent_at IS NULL",
        now - _DAY_MS,
    )
    row = rows[0]
    age = 0 if row["oldest"] is None else max(0, now - row["oldest"]) / 1000
    return [
        Family("salon_notices_waiting", "Notices that have not been sent yet.", _one(row["waiting"] or 0)),
        Family("salon_notices_oldest_seconds", "How long the oldest of them has waited.", _one(age)),
        Family("salon_notices_given_up_24h", "Notices given up in the last 24 hours.", _one(row["lost"] or 0)),
    ]


async def _leases(reader: Reader, now: int) -> Family:
    rows = await reader.fetch("SELECT name, until_at FROM leases ORDER BY name")
    words = "How long a part of the console may go on without renewing its lease; below 0 it is dead."
    return Family(
        "salon_console_lease_seconds",
        words,
        tuple(({"name": row["name"]}, (row["until_at"] - now) / 1000) for row in rows),
    )


async def dropped(reader: Reader, now: int) -> dict[str, int]:
    """Return how many messages of rooms were dropped since the ingest began, by why."""
    return _dropped([json.loads(row["detail"]) for row in await _pulses(reader, now)])


async def _pulses(reader: Reader, now: int) -> Sequence[Row]:
    return await reader.fetch(
        "SELECT since_at, detail FROM pulses WHERE name LIKE 'ingest-%' AND at >= $1", now - _PULSE_MS
    )


def _dropped(counts: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    refused: dict[str, int] = {}
    for count in counts:
        for reason, times in count.get("refused", {}).items():
            refused[reason] = refused.get(reason, 0) + times
    return refused


async def _ingest(reader: Reader, now: int) -> list[Family]:
    rows = await _pulses(reader, now)
    counts = [json.loads(row["detail"]) for row in rows]
    refused = _dropped(counts)
    hearing = sum(row["since_at"] is not None for row in rows)

    def total(name: str) -> tuple[tuple[Mapping[str, str], float], ...]:
        return _one(sum(count.get(name, 0) for count in counts))

    return [
        Family("salon_ingest_hearing", "Ingest processes that hear the broker now.", _one(hearing)),
        Family("salon_ingest_waiting", "Messages that wait to be stored.", total("waiting")),
        Family("salon_ingest_messages_total", "Messages of rooms since the ingest began.", total("messages")),
        Family("salon_ingest_records_total", "Records stored since the ingest began.", total("records")),
        Family(
            "salon_ingest_beyond_budget_total",
            "Records beyond a room's budget since the ingest began: acknowledged and not stored.",
            total("beyond"),
        ),
        Family(
            "salon_ingest_refused_total",
            "Messages that were dropped since the ingest began, by why.",
            tuple(({"reason": why}, refused.get(why, 0)) for why in sorted(refused.keys() | set(Refusal))),
        ),
    ]


def _one(value: float | None) -> tuple[tuple[Mapping[str, str], float], ...]:
    return () if value is None else (({}, float(value)),)
