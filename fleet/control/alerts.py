"""Alerts in the database: looked after by the one process that has the lease, acknowledged and snoozed by people."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fleet.control.also import Also, nothing_else
from fleet.control.conditions import SEVERITIES, Words
from fleet.control.facts import facts_of
from fleet.control.lease import Lease
from fleet.control.letters import Kind, Named, letter
from fleet.control.places import bump, counter
from fleet.control.rulebook import windows
from fleet.control.rules import Alert, Ident, Rule, State, usable
from fleet.control.scope import Place
from fleet.control.watch import Change, Watch
from fleet.store.database import Database, Reader, Row, Transaction

_RELOAD_MS = 10 * 60 * 1000
"""Everything is read again so often, whatever happened to the tables meanwhile."""
_REMIND_MS = 15_000
_LONGEST_SNOOZE_MS = 30 * 24 * 3600 * 1000
_STARTS_MS = 30 * 60 * 1000
_ROOM = (
    "r.key AS key, r.id AS id, r.name AS name, r.site AS site, r.status AS status, r.status_at AS status_at, "
    "r.health AS health, r.skew_ms AS skew_ms, r.rev_applied AS rev_applied, r.rev_desired AS rev_desired, "
    "r.sw AS sw, r.trouble AS trouble, r.certificate AS certificate, r.retired_at AS retired_at, r.version AS version"
)


async def acknowledge(database: Database, alert: int, who: str, now: int, *, also: Also = nothing_else) -> bool:
    """Note that somebody takes care of an alert: it is not told again. False where it is over, or somebody does."""
    async with database.transaction() as tx:
        done = await tx.execute(
            "UPDATE alerts SET acknowledged_by = $1, acknowledged_at = $2 "
            "WHERE key = $3 AND state <> 'resolved' AND acknowledged_at IS NULL",
            who,
            now,
            alert,
        )
        if done:
            await bump(tx, "alerts")
            await also(tx, f"alert:{alert}")
    return bool(done)


async def snooze(database: Database, alert: int, until: int, now: int, *, also: Also = nothing_else) -> bool:
    """Tell nobody of an alert until then; if it still stands, it is told again. False where it is over."""
    async with database.transaction() as tx:
        done = await tx.execute(
            "UPDATE alerts SET snoozed_until = $1 WHERE key = $2 AND state <> 'resolved'",
            min(until, now + _LONGEST_SNOOZE_MS),
            alert,
        )
        if done:
            await bump(tx, "alerts")
            await also(tx, f"alert:{alert}")
    return bool(done)


@dataclass(slots=True)
class AlertDesk:
    """Keeps the alerts of all rooms. An error leaves it useless: make a new one, which reads everything anew."""

    database: Database
    lease: Lease
    _watch: Watch = field(default_factory=lambda: Watch(()), init=False)
    _rules: Mapping[str, Rule] = field(default_factory=dict, init=False)
    _sites: Mapping[int, Row] = field(default_factory=dict, init=False)
    _seen: int = field(default=-1, init=False)
    _rules_seen: int = field(default=-1, init=False)
    _loaded_at: int | None = field(default=None, init=False)
    _reminded_at: int = field(default=0, init=False)

    async def look(self, now: int) -> int:
        """Look at what has changed and whose time has come; return how many alerts changed."""
        await self.database.read(lambda reader: self._catch_up(reader, now))
        changes = self._watch.look(now)
        reminders = await self._reminders(now)
        if changes or reminders:
            # at once: whoever stores what rooms say waits for the end of it
            await self.database.change(lambda tx: self._change(tx, changes, reminders, now))
        return len(changes)

    async def _change(self, tx: Transaction, changes: Sequence[Change], reminders: Sequence[Row], now: int) -> None:
        await self.lease.check(tx, now)
        await self._store(tx, changes, now)
        for row in reminders:
            await self._remind(tx, row, now)
        await bump(tx, "alerts")

    async def _catch_up(self, reader: Reader, now: int) -> None:
        """Read what has changed."""
        rules = await counter(reader, "rules")
        if self._loaded_at is None or rules != self._rules_seen or now - self._loaded_at >= _RELOAD_MS:
            await self._load(reader, now)
            self._rules_seen, self._loaded_at = rules, now
        await self._see_rooms(reader, now)

    async def _load(self, reader: Reader, now: int) -> None:
        rules = usable(await reader.fetch("SELECT * FROM alert_rules ORDER BY key"))
        sites = await reader.fetch("SELECT key, id, name FROM sites")
        self._rules = {rule.id: rule for rule in rules}
        self._sites = {row["key"]: row for row in sites}
        names = {row["key"]: row["name"] for row in sites}
        self._watch = Watch(rules, await windows(reader, now), names)
        self._watch.remember(by_clock(alert, now) for alert in await open_alerts(reader))
        self._seen = -1

    async def _see_rooms(self, reader: Reader, now: int) -> None:
        rows = await reader.fetch(f"SELECT {_ROOM} FROM rooms r WHERE r.version > $1", self._seen)
        if not rows:
            return
        newer = "FROM {} x JOIN rooms r ON r.key = x.room WHERE r.version > $1"
        tags = _by_room(
            await reader.fetch(f"SELECT x.room AS room, x.tag AS value {newer.format('room_tags')}", self._seen)
        )
        # a boot's number is when it began, in seconds, as far as the room's clock was right
        starts = _by_room(
            await reader.fetch(
                f"SELECT x.room AS room, x.no * 1000 AS value {newer.format('boots')} AND x.no > $2 AND x.no <= $3",
                self._seen,
                (now - _STARTS_MS) // 1000,
                now // 1000 + 60,
            )
        )
        for row in rows:
            self._see(row, tags.get(row["key"], ()), starts.get(row["key"], ()))
        self._seen = max(row["version"] for row in rows)

    def _see(self, row: Row, tags: Sequence[str], starts: Sequence[int]) -> None:
        if row["retired_at"] is not None:
            self._watch.forget(row["key"])
        elif row["status"] != "new" or row["trouble"]:
            site = self._sites.get(row["site"])
            place = Place(row["key"], row["id"], site["id"] if site else None, tuple(tags))
            self._watch.see(facts_of(row, place, tuple(starts)))

    async def _store(self, tx: Transaction, changes: Iterable[Change], now: int) -> None:
        for change in changes:
            known = change.before.key if change.before else None
            if change.after is None:
                await tx.execute("DELETE FROM alerts WHERE key = $1", known)
                continue
            key = await self._write(tx, known, change.after)
            notified = await self._tell(tx, key, change.after, now)
            self._watch.stored(change.after.ident, key, notified=notified)

    async def _write(self, tx: Transaction, known: int | None, alert: Alert) -> int:
        parent = self._watch.alert(alert.parent) if alert.parent else None
        values = (
            alert.words.text,
            alert.words.remedy,
            alert.state.value,
            alert.fired_at,
            alert.ended_at,
            alert.clear_at,
            parent.key if parent else None,
        )
        if known is not None:
            await tx.execute(
                "UPDATE alerts SET text = $1, remedy = $2, state = $3, fired_at = $4, ended_at = $5, clear_at = $6, "
                "parent = $7 WHERE key = $8",
                *values,
                known,
            )
            return known
        ident = alert.ident
        rows = await tx.fetch(
            "INSERT INTO alerts (text, remedy, state, fired_at, ended_at, clear_at, parent, rule, room, site, about, "
            "severity, began_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING key",
            *values,
            ident.rule,
            ident.room,
            ident.site,
            ident.about,
            alert.severity,
            alert.began_at,
        )
        return int(rows[0]["key"])

    async def _tell(self, tx: Transaction, key: int, alert: Alert, now: int) -> bool:
        """Put a notice in the outbox where one is due; returns whether people know of the alert."""
        if alert.state is State.RESOLVED:
            if alert.notified:
                await self._put_notices(tx, key, alert, Kind.OVER, now)
            return alert.notified
        if alert.state is State.PENDING or alert.parent is not None or alert.notified:
            return alert.notified
        quiet = await tx.fetch(
            "SELECT 1 FROM alerts WHERE key = $1 AND (acknowledged_at IS NOT NULL OR snoozed_until > $2)", key, now
        )
        if quiet:
            return False
        await self._put_notices(tx, key, alert, Kind.BEGAN, now)
        return True

    async def _reminders(self, now: int) -> Sequence[Row]:
        """Return the alerts that have to be told again: a snooze is over, or the rule repeats itself."""
        if now - self._reminded_at < _REMIND_MS:
            return ()
        self._reminded_at = now
        rows = await self.database.fetch(
            "SELECT key, rule, room, site, about, notified_at, snoozed_until FROM alerts "
            "WHERE state = 'firing' AND parent IS NULL AND acknowledged_at IS NULL "
            "AND (snoozed_until IS NULL OR snoozed_until <= $1)",
            now,
        )
        return [row for row in rows if self._is_due_again(row, now)]

    def _is_due_again(self, row: Row, now: int) -> bool:
        told, snoozed = row["notified_at"], row["snoozed_until"]
        if told is None or (snoozed is not None and told < snoozed):
            return snoozed is not None
        rule = self._rules.get(row["rule"])
        return bool(rule and rule.repeat_s and now - told >= rule.repeat_s * 1000)

    async def _remind(self, tx: Transaction, row: Row, now: int) -> None:
        ident = Ident(row["rule"], row["room"], row["site"], row["about"])
        alert = self._watch.alert(ident)
        if alert is not None and alert.state is State.FIRING:
            await self._put_notices(tx, row["key"], alert, Kind.STILL, now)
            self._watch.stored(ident, row["key"], notified=True)

    async def _put_notices(self, tx: Transaction, key: int, alert: Alert, kind: Kind, now: int) -> None:
        await tx.execute("UPDATE alerts SET notified_at = $1 WHERE key = $2", now, key)
        rule = self._rules.get(alert.ident.rule)
        wanted = rule.channels if rule else ()
        rows = await tx.fetch("SELECT key, id, least FROM channels WHERE enabled ORDER BY key")
        told = [row["key"] for row in rows if (not wanted or row["id"] in wanted) and _grave(alert, row["least"])]
        if told:
            text = letter(alert, kind, await self._named(tx, alert), now)
            await tx.many(
                "INSERT INTO outbox (channel, alert, title, body, made_at, next_at) VALUES ($1, $2, $3, $4, $5, $6)",
                [(channel, key, text.title, text.body, now, now) for channel in told],
            )

    async def _named(self, tx: Transaction, alert: Alert) -> Named:
        site = self._sites.get(alert.ident.site) if alert.ident.site else None
        rows = await tx.fetch("SELECT id, name, floor FROM rooms WHERE key = $1", alert.ident.room or 0)
        rule = self._rules.get(alert.ident.rule)
        room = rows[0]["name"] or rows[0]["id"] if rows else ""
        floor = rows[0]["floor"] if rows else ""
        return Named(room, site["name"] if site else "", floor, rule.name if rule else alert.ident.rule)


async def open_alerts(reader: Reader) -> list[Alert]:
    """Return the alerts that are not over, as they are stored."""
    rows = await reader.fetch("SELECT * FROM alerts WHERE state <> 'resolved'")
    idents = {row["key"]: Ident(row["rule"], row["room"], row["site"], row["about"]) for row in rows}
    return [
        Alert(
            idents[row["key"]],
            row["severity"],
            Words(row["text"], row["remedy"]),
            State(row["state"]),
            row["began_at"],
            row["fired_at"],
            row["ended_at"],
            row["clear_at"],
            idents.get(row["parent"]),
            row["key"],
            row["notified_at"] is not None,
        )
        for row in rows
    ]


def by_clock(alert: Alert, now: int) -> Alert:
    """Return an alert with no time after now: one that a clock ahead has noted would wait for that moment."""
    clear_at = None if alert.clear_at is None else min(alert.clear_at, now)
    return replace(alert, began_at=min(alert.began_at, now), clear_at=clear_at)


def _by_room(rows: Sequence[Row]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(row["room"], []).append(row["value"])
    return found


def _grave(alert: Alert, least: str) -> bool:
    return SEVERITIES.index(alert.severity) >= SEVERITIES.index(least)
