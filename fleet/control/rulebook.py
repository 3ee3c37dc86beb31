"""What admins set up for alerts: rules, maintenance windows, and channels, whose addresses are secrets."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass

from fleet.control import scope as scopes
from fleet.control.also import Also, nothing_else
from fleet.control.conditions import SEVERITIES, BadRule, condition_json
from fleet.control.notify import BadChannel, scheme_of
from fleet.control.places import bump
from fleet.control.rules import DEFAULT_RULES, Rule, checked, readable
from fleet.control.watch import Window
from fleet.store.database import Database, Reader, Transaction

_LONGEST_MS = 90 * 24 * 3600 * 1000
_LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Channel:
    """Where notices go, as it may be shown: never its address."""

    id: str
    name: str
    scheme: str
    least: str
    enabled: bool
    waiting: int = 0
    """Notices that it has not taken yet."""
    trouble: str = ""
    """What the newest notice that was tried met with; empty when it was taken."""


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A window as it is listed."""

    key: int
    scope: str
    from_at: int
    until_at: int
    reason: str
    made_by: str


async def seed(database: Database) -> None:
    """Give a new console its rules; one that an admin has changed, deleted or switched off stays so."""
    async with database.transaction() as tx:
        version = await bump(tx, "rules")
        if version == 1:
            for rule in DEFAULT_RULES:
                await _put(tx, rule)


async def save_rule(database: Database, rule: Rule, *, also: Also = nothing_else) -> None:
    """Add or change a rule, or raise `BadRule` or `BadScope`."""
    checked(rule)
    async with database.transaction() as tx:
        await _put(tx, rule)
        await bump(tx, "rules")
        await also(tx, f"rule:{rule.id}", name=rule.name, scope=rule.scope, enabled=rule.enabled)


async def delete_rule(database: Database, rule: str, *, also: Also = nothing_else) -> bool:
    """Delete a rule; what is open of it ends without a word. False where there is none."""
    async with database.transaction() as tx:
        gone = await tx.execute("DELETE FROM alert_rules WHERE id = $1", rule)
        if gone:
            await bump(tx, "rules")
            await also(tx, f"rule:{rule}")
    return bool(gone)


async def rules(reader: Reader) -> tuple[Rule, ...]:
    """Return all rules, also those that are switched off; one that a newer release has made is left out."""
    return readable(await reader.fetch("SELECT * FROM alert_rules ORDER BY key"))


async def rule(reader: Reader, rule_id: str) -> Rule | None:
    """Return one rule."""
    rows = await reader.fetch("SELECT * FROM alert_rules WHERE id = $1", rule_id)
    return next(iter(readable(rows)), None)


async def begin_maintenance(
    database: Database, window: Window, reason: str, who: str, now: int, *, also: Also = nothing_else
) -> int:
    """Keep a scope's alerts from firing for a time; returns the window's key. Or raise `BadRule` or `BadScope`."""
    scopes.checked(window.scope)
    if not window.from_at < window.until_at <= now + _LONGEST_MS or window.until_at <= now:
        raise BadRule("Maintenance ends after it begins, in the future, and within 90 days.")
    async with database.transaction() as tx:
        rows = await tx.fetch(
            "INSERT INTO maintenance (scope, from_at, until_at, reason, made_by) VALUES ($1, $2, $3, $4, $5) "
            "RETURNING key",
            window.scope,
            window.from_at,
            window.until_at,
            reason[:_LONGEST_TEXT],
            who,
        )
        await bump(tx, "rules")
        key = int(rows[0]["key"])
        until = window.until_at
        await also(tx, f"maintenance:{key}", scope=window.scope, from_at=window.from_at, until_at=until, reason=reason)
    return key


async def end_maintenance(database: Database, key: int, now: int, *, also: Also = nothing_else) -> None:
    """End a maintenance window now; one that has not begun is deleted."""
    async with database.transaction() as tx:
        await tx.execute("DELETE FROM maintenance WHERE key = $1 AND from_at >= $2", key, now)
        await tx.execute("UPDATE maintenance SET until_at = $2 WHERE key = $1 AND until_at > $3", key, now, now)
        await bump(tx, "rules")
        await also(tx, f"maintenance:{key}")


async def maintenance(reader: Reader, now: int) -> list[Maintenance]:
    """Return the maintenance windows that are not over, the next first."""
    rows = await reader.fetch(
        "SELECT key, scope, from_at, until_at, reason, made_by FROM maintenance WHERE until_at > $1 "
        "ORDER BY from_at, key",
        now,
    )
    return [Maintenance(**dict(row)) for row in rows]


async def windows(reader: Reader, now: int) -> tuple[Window, ...]:
    """Return the maintenance windows that are not over."""
    rows = await reader.fetch("SELECT scope, from_at, until_at FROM maintenance WHERE until_at > $1", now)
    return tuple(Window(row["scope"], row["from_at"], row["until_at"]) for row in rows)


async def save_channel(
    database: Database,
    channel: str,
    name: str,
    url: str | None,
    *,
    least: str = "warning",
    enabled: bool = True,
    also: Also = nothing_else,
) -> None:
    """Add or change a channel, or raise `BadChannel`; without an address it keeps the one it has."""
    if not channel or not name:
        raise BadChannel("A channel needs an id and a name.")
    if least not in SEVERITIES:
        raise BadChannel(f"A channel's least severity is one of {', '.join(SEVERITIES)}.")
    if url is not None:
        await asyncio.to_thread(scheme_of, url)
    async with database.transaction() as tx:
        known = await tx.execute(
            "UPDATE channels SET name = $2, url = COALESCE($3, url), least = $4, enabled = $5 WHERE id = $1",
            channel,
            name,
            url,
            least,
            enabled,
        )
        if not known:
            if url is None:
                raise BadChannel("A new channel needs an address.")
            await tx.execute(
                "INSERT INTO channels (id, name, url, least, enabled) VALUES ($1, $2, $3, $4, $5)",
                channel,
                name,
                url,
                least,
                enabled,
            )
        await also(tx, f"channel:{channel}", name=name, least=least, enabled=enabled, new_address=url is not None)


async def delete_channel(database: Database, channel: str, *, also: Also = nothing_else) -> bool:
    """Forget a channel, with what waits to be sent to it. False where there is none."""
    async with database.transaction() as tx:
        gone = await tx.execute("DELETE FROM channels WHERE id = $1", channel)
        if gone:
            await also(tx, f"channel:{channel}")
    return bool(gone)


async def send_test(database: Database, channel: str, now: int, *, also: Also = nothing_else) -> bool:
    """Have a notice sent that says nothing but that it arrives. False where there is no such channel."""
    async with database.transaction() as tx:
        put = await tx.execute(
            "INSERT INTO outbox (channel, title, body, made_at, next_at) "
            "SELECT key, $2, $3, $4, $4 FROM channels WHERE id = $1",
            channel,
            "Salon: a test",
            "Somebody tries whether notices arrive here. They do.",
            now,
        )
        if put:
            await also(tx, f"channel:{channel}")
    return bool(put)


async def channels(reader: Reader) -> Sequence[Channel]:
    """Return all channels, without their addresses."""
    rows = await reader.fetch(
        "SELECT c.id AS id, c.name AS name, c.url AS url, c.least AS least, c.enabled AS enabled, "
        "(SELECT count(*) FROM outbox o WHERE o.channel = c.key AND o.sent_at IS NULL AND o.given_up_at IS NULL) "
        "AS waiting, (SELECT o.trouble FROM outbox o WHERE o.channel = c.key AND o.tries > 0 "
        "ORDER BY o.key DESC LIMIT 1) AS trouble FROM channels c ORDER BY c.name, c.key"
    )
    return [
        Channel(
            row["id"],
            row["name"],
            row["url"].partition(":")[0],
            row["least"],
            bool(row["enabled"]),
            row["waiting"],
            row["trouble"] or "",
        )
        for row in rows
    ]


async def _put(tx: Transaction, rule: Rule) -> None:
    await tx.execute(
        "INSERT INTO alert_rules (id, name, condition, severity, for_s, clear_s, scope, channels, repeat_s, enabled) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO UPDATE SET name = $2, condition = $3, "
        "severity = $4, for_s = $5, clear_s = $6, scope = $7, channels = $8, repeat_s = $9, enabled = $10",
        rule.id,
        rule.name,
        json.dumps(condition_json(rule.condition)),
        rule.severity,
        rule.for_s,
        rule.clear_s,
        rule.scope,
        json.dumps(rule.channels),
        rule.repeat_s,
        rule.enabled,
    )
