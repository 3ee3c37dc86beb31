"""Fills a database with a believable fleet: what pages look like, and how fast they are with very many rooms.

python tests/fleet/seed.py sqlite:/tmp/fleet.db          # 40 rooms, 4 sites
python tests/fleet/seed.py sqlite:/tmp/fleet.db 10000
"""

import asyncio
import json
import math
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fleet.store import samples
from fleet.store.database import Database
from fleet.store.opening import open_database
from fleet.store.schema import bring_up_to_date

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
SITES = (
    ("berlin", "Berlin", "Europe/Berlin"),
    ("lisbon", "Lisbon", "Europe/Lisbon"),
    ("new-york", "New York", "America/New_York"),
    ("osaka", "Osaka", "Asia/Tokyo"),
)
NAMES = (
    *("Ada", "Turing", "Hopper", "Noether", "Curie", "Lovelace", "Fermi", "Bohr", "Meitner", "Franklin", "Kepler"),
    *("Leibniz", "Gauss", "Euler", "Hertz", "Ampère", "Volta", "Ohm", "Tesla", "Faraday", "Maxwell", "Planck"),
    *(
        "Sagan",
        "Hubble",
        "Rubin",
        "Payne",
        "Hawking",
        "Penrose",
        "Galois",
        "Abel",
        "Cantor",
        "Gödel",
        "Boole",
        "Babbage",
    ),
    *("Shannon", "Wiener", "Nyquist", "Fourier", "Laplace", "Pascal"),
)


@dataclass(frozen=True)
class Trouble:
    """A way for a room to be."""

    status: str
    presence: str = "online"
    issues: tuple[tuple[str, str, str, str], ...] = ()
    phase: str = "idle"


CAMERA = Trouble(
    "broken",
    issues=(
        (
            "camera.missing",
            "error",
            "The camera is unplugged",
            "Plug the camera's USB cable in again. If it stays missing, try another port; the room goes on with sound.",
        ),
        ("machine.hot", "warning", "The machine is hot: 84 °C", "Clear what covers its slots."),
    ),
)
TROUBLES = (
    CAMERA,
    Trouble(
        "broken",
        issues=(("sound.microphone", "error", "No microphone works", "Look whether the microphone has power."),),
    ),
    Trouble("offline", "lost"),
    Trouble("offline", "offline"),
    Trouble(
        "warning",
        issues=(
            (
                "calendar.stale",
                "warning",
                "The calendar was last read 42 minutes ago",
                "Look whether its address works.",
            ),
        ),
    ),
    Trouble("warning", issues=(("disk.low", "warning", "The disk is 93 % full", "Remove old recordings."),)),
    Trouble(
        "warning",
        issues=(("device.fallback", "warning", "The spare microphone is in use", "Plug the table microphone in."),),
    ),
)
WELL, MEETING, NEW = Trouble("ready"), Trouble("meeting", phase="live"), Trouble("new", "unknown")


def room_rows(rooms: int, now: int, dice: random.Random) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of `rooms`, in the order of `ROOM`."""
    for number in range(rooms):
        trouble = _trouble(number, rooms, dice)
        name = NAMES[number % len(NAMES)] if rooms <= len(NAMES) else f"{NAMES[number % len(NAMES)]} {number}"
        since = now - dice.randrange(2 * MINUTE, 9 * HOUR)
        heard = 0 if trouble is NEW else now - dice.randrange(2_000, 60_000)
        worst = trouble.issues[0][2] if trouble.issues else ""
        documents = (
            ("", "", "", "") if trouble is NEW else _documents(name, trouble, _version(number), since, now, dice)
        )
        yield (
            number + 1,
            f"room-{number + 1:05}",
            name,
            number % len(SITES) + 1,
            f"Floor {number // len(SITES) % max(3, rooms // 200) + 1}",
            dice.choice((4, 6, 8, 12, 20)),
            trouble.status,
            since,
            trouble.presence,
            since,
            heard,
            heard,
            trouble.phase,
            len(trouble.issues),
            worst,
            "" if trouble is NEW else _version(number),
            *(document or None for document in documents),
            3,
            3 if number % 3 else 2,
            now - 90 * DAY,
            number + 1,
        )


ROOM = (
    *("key", "id", "name", "site", "floor", "capacity", "status", "status_at", "presence", "presence_at", "seen_at"),
    *(
        "health_at",
        "phase",
        "issue_count",
        "worst",
        "sw",
        "state",
        "info",
        "health",
        "reported",
        "rev_desired",
        "rev_applied",
    ),
    *("enrolled_at", "version"),
)


def _version(number: int) -> str:
    return "0.1.9" if number % 8 == 5 else "0.2.0"


def _trouble(number: int, rooms: int, dice: random.Random) -> Trouble:
    if number == 1:
        return CAMERA
    if number == rooms - 1:
        return NEW
    if dice.random() < 0.2:
        return dice.choice(TROUBLES)
    return MEETING if dice.random() < 0.35 else WELL


def _documents(
    name: str, trouble: Trouble, version: str, since: int, now: int, dice: random.Random
) -> tuple[str, str, str, str]:
    issues = [
        {"id": key, "severity": severity, "text": text, "remedy": remedy, "since": since}
        for key, severity, text, remedy in trouble.issues
    ]
    missing = any(issue["id"] == "camera.missing" for issue in issues)
    live = trouble.phase == "live"
    device = {"open": live, "healthy": True, "expected": True, "present": True, "chosen": True}
    health = {
        "phase": trouble.phase,
        "participants": 5 if live else 0,
        "mic_muted": not live,
        "camera_off": not live,
        "gauges": {
            "cpu": 0.31,
            "temp_c": 84 if missing else 58,
            "mem_available_mb": 2412,
            "disk_free_mb": 21_400,
            "uptime_s": 401_233,
        },
        "devices": [
            {**device, "kind": "camera", "id": "camera-1", "present": not missing, "healthy": not missing},
            {**device, "kind": "microphone", "id": "table"},
            {**device, "kind": "speaker", "id": "bar"},
            {**device, "kind": "display", "id": "tv-1"},
        ],
        "streams": _streams() if live else [],
        "issues": issues,
        "tv": "on",
        "ready": {
            "ok": trouble.status != "broken",
            "at": now - 4 * MINUTE,
            "because": [issue["id"] for issue in issues],
            "next_at": now + dice.randrange(10, 200) * MINUTE,
        },
    }
    info = {"name": name, "sw": version, "model": "Raspberry Pi 5", "os": "Debian 13", "devices": []}
    doc = {"joining": {"lead_s": 60}, "sound": {"beam": True}, "tv": {"idle_off_min": 10}}
    reported = {"rev": 2, "seen": 3, "waits": "in a meeting" if live else "", "doc": doc, "troubles": []}
    if missing:
        reported["troubles"] = [{"key": "joining.lead_s", "reason": "must be from 0 to 900, not 1200"}]
    return json.dumps({"online": True, "bd": 4}), json.dumps(info), json.dumps(health), json.dumps(reported)


def _streams() -> list[dict[str, Any]]:
    return [
        {
            "kind": "audio",
            "direction": "in",
            "count": 5,
            "kbps": 160,
            "lost": 3,
            "dropped": 0,
            "loss": 0.002,
            "jitter_ms": 4,
        },
        {
            "kind": "video",
            "direction": "in",
            "count": 5,
            "kbps": 3100,
            "lost": 9,
            "dropped": 0,
            "loss": 0.004,
            "fps": 29,
        },
        {
            "kind": "video",
            "direction": "out",
            "count": 1,
            "kbps": 1900,
            "lost": 0,
            "dropped": 0,
            "rtt_ms": 31,
            "fps": 30,
        },
    ]


async def fill(database: Database, *, rooms: int = 40, now: int) -> None:
    """Fill an empty database whose schema is up to date."""
    dice = random.Random(5)
    async with database.transaction() as tx:
        await tx.load("sites", ("key", "id", "name", "timezone"), [(n, *site) for n, site in enumerate(SITES, 1)])
        await tx.load("rooms", ROOM, list(room_rows(rooms, now, dice)))
        await tx.load("room_tags", ("room", "tag"), [(key, "board") for key in range(1, rooms + 1, 9)])
        await tx.execute("UPDATE counters SET value = $1 WHERE name = 'rooms'", rooms)
        if database.dialect == "postgresql":
            for table in ("sites", "rooms", "alerts", "jobs", "files"):
                await tx.fetch(f"SELECT setval(pg_get_serial_sequence('{table}', 'key'), 1000000)")
        await _history(tx, min(rooms, 40), now, dice)
        await _work(tx, rooms, now)
    await _samples(database, now, dice)


async def _history(tx: Any, rooms: int, now: int, dice: random.Random) -> None:
    events, meetings = [], []
    for room in range(1, rooms + 1):
        for n in range(30):
            at = now - n * 47 * MINUTE - room * MINUTE
            kind = (("call.live", "info", "In a meeting"), ("call.ended", "info", "The meeting is over"))[n % 2]
            if n % 7 == 3:
                kind = ("issue.began", "warning", "The machine is hot: 81 °C")
            if room == 2 and n == 0:
                kind = ("issue.began", "error", "The camera is unplugged")
            events.append((room, 1, n, at, at, at, *kind))
        for n in range(24):
            at = now - (n * 5 + room % 4) * HOUR
            outcome = dice.choices(("held", "no_show", "left_out"), (8, 2, 1))[0]
            length = dice.choice((25, 50, 55)) * MINUTE if outcome == "held" else None
            began = at - length if length else None
            loss = dice.random() * 0.01 if length else None
            meetings.append(
                (room, 1, 1000 + n, at, f"m{room}-{n}", outcome, at - HOUR, at, began, at if length else None)
            )
            meetings[-1] += ("schedule", 4, loss, loss and loss * 4, 6.0 if length else None, 28.0 if length else None)
    await tx.load("events", ("room", "boot", "n", "at", "ts", "heard_at", "type", "severity", "text"), events)
    columns = ("room", "boot", "n", "at", "meeting", "outcome", "booked_from", "booked_until", "began_at", "ended_at")
    more = ("began", "participants", "loss", "worst_loss", "jitter_ms", "rtt_ms")
    await tx.load("meetings", columns + more, meetings)


async def _work(tx: Any, rooms: int, now: int) -> None:
    alerts = [
        (1, "devices", 2, 2, "camera.missing", "error", "The camera is unplugged", "Plug its USB cable in.", "firing"),
        (2, "offline", 7, 3, "offline", "error", "The room vanished", "Look whether it has power.", "firing"),
        (3, "heat", 5, 1, "machine.hot", "warning", "The machine is hot: 84 °C", "Clear its slots.", "firing"),
        (4, "calendar", 9, 1, "calendar.stale", "warning", "The calendar is stale", "", "resolved"),
    ]
    columns = ("key", "rule", "room", "site", "about", "severity", "text", "remedy", "state", "began_at")
    await tx.load("alerts", columns, [(*alert, now - alert[0] * 13 * MINUTE) for alert in alerts])
    await tx.execute("UPDATE alerts SET acknowledged_by = 'ada', acknowledged_at = $1 WHERE key = 3", now - MINUTE)
    job = ("key", "id", "kind", "state", "made_at", "made_by", "expires_at", "if_idle", "policy", "note")
    await tx.load(
        "jobs",
        job,
        [
            (1, "j-update", "update", "running", now - HOUR, "ada", now + DAY, True, "{}", "to 0.2.1"),
            (2, "j-reboot", "reboot", "done", now - DAY, "ada", now - HOUR, True, "{}", ""),
        ],
    )
    states = ("succeeded", "succeeded", "running", "queued", "failed", "held")
    executions = [(1, room, room // 8, states[room % 6], now - room * MINUTE) for room in range(1, min(rooms, 36))]
    executions += [(2, room, 0, "succeeded", now - DAY) for room in (2, 3, 4)]
    await tx.load("executions", ("job", "room", "wave", "state", "changed_at"), executions)
    await tx.execute("UPDATE executions SET detail = 'Not enough disk: 90 MB are free.' WHERE state = 'failed'")
    layers = [
        ("org", 1, '{"sound": {"beam": false}}', "first"),
        ("org", 2, '{"sound": {"beam": true}, "tv": {"idle_off_min": 10}}', ""),
        ("site:berlin", 3, '{"joining": {"lead_s": 600}}', "early birds"),
    ]
    rows = [(scope, rev, doc, now - DAY, "ada", note) for scope, rev, doc, note in layers]
    await tx.load("layers", ("scope", "rev", "doc", "made_at", "made_by", "note"), rows)
    wanted = json.dumps({"joining": {"lead_s": 1200}, "sound": {"beam": True}, "tv": {"idle_off_min": 15}})
    desired = [(room, 3, wanted, now - DAY) for room in range(1, min(rooms, 40) + 1)]
    await tx.load("desired", ("room", "rev", "doc", "made_at"), desired)
    code = ("id", "secret", "name", "site", "made_at", "made_by", "expires_at")
    await tx.load("enrolment_codes", code, [("K7QX2M", "x", "Annex", 1, now - HOUR, "ada", now + 23 * HOUR)])
    picture = ("key", "room", "file", "job", "name", "media_type", "size", "chunks", "at")
    await tx.load("files", picture, [(1, 2, "f1", "j-1", "screen.png", "image/png", len(PNG), 1, now - HOUR)])
    await tx.load("file_chunks", ("file", "place", "data"), [(1, 0, PNG)])


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


async def _samples(database: Database, now: int, dice: random.Random) -> None:
    """Give room 2 a day of five minutes and a month of hours."""
    hours = [_sums(at, 3600, dice) for at in range(now // HOUR * HOUR - 30 * DAY, now, HOUR)]
    minutes = [_sums(at, 300, dice) for at in range(now // (5 * MINUTE) * 5 * MINUTE - DAY, now, 5 * MINUTE)]
    kinds: tuple[tuple[samples.Kind, list[dict[str, Any]]], ...] = (("samples60", hours), ("samples5", minutes))
    async with database.transaction() as tx:
        for kind, rows in kinds:
            for row in rows:
                table = await samples.make_table(tx, database.dialect, kind, row["at"])
                await tx.load(table, tuple(row), [tuple(row.values())])


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _sums(at: int, span: int, dice: random.Random) -> dict[str, Any]:
    hour = _at(at).hour + _at(at).minute / 60
    live = 8 <= hour < 18 and math.sin(at / HOUR * 2.2) > -0.2
    cpu = 0.07 + dice.random() * 0.05 + (0.35 if live else 0)
    return {
        **dict.fromkeys(("live_s", "broken_s", "occupied_s", "issues", "freezes"), 0),
        "room": 2,
        "at": at,
        "span_s": span,
        "ready_s": span,
        "participants": dice.randrange(2, 9) if live else 0,
        "cpu": cpu,
        "cpu_most": cpu * 1.3,
        "mem_available_mb": 2400,
        "disk_free_mb": 21_400,
        "temp_c": 48 + (14 if live else 0) + math.sin(hour / 4) * 4 + dice.random(),
        "kbps_in": 2800 + dice.random() * 600 if live else None,
        "kbps_out": 1700 + dice.random() * 300 if live else None,
        "fps_in": 29.0 if live else None,
        "fps_out": 30.0 if live else None,
        "loss": dice.random() ** 6 * 0.05 if live else None,
        "loss_most": 0.05 if live else None,
        "jitter_ms": 4 + dice.random() * 6 if live else None,
        "rtt_ms": 26 + dice.random() * 12 if live else None,
    }


async def main(url: str, rooms: int) -> None:
    database = await open_database(url)
    await bring_up_to_date(database)
    await fill(database, rooms=rooms, now=int(datetime.now(UTC).timestamp() * 1000))
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 40))
