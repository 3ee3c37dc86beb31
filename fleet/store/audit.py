"""The audit log: who did what, to what, when. Each entry's hash covers the one before, so a gap or a change is seen.

Written in the transaction of the change it tells of: there is no change without its entry. Whoever can write to the
database can write a new chain from some point on; so note the head that `salon console audit verify` prints somewhere
else, now and then.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleet.store.database import Database, Reader, Row, Transaction
from fleet.store.pseudonym import Pseudonym

_BEGINNING = "0" * 64
_HEAD = re.compile(r"[0-9a-f]{64}")
_PSEUDONYMISED = "audit.pseudonymised"
_PAGE = 1000
_LONGEST = 2000
_Values = tuple[int, int, str, str, str, str]
_LOCK = {
    # BEGIN IMMEDIATE is lock enough
    "sqlite": "SELECT 1",
    "postgresql": "SELECT pg_advisory_xact_lock(7205760)",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log."""

    n: int
    at: int
    actor: str
    action: str
    target: str
    detail: Mapping[str, Any]
    hash: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying found."""

    entries: int
    head: str
    """The last good entry's hash."""
    broken_at: int | None = None
    """The first number at which the chain does not fit."""


@dataclass(frozen=True, slots=True)
class AuditLog:
    """Appends, in the dialect of its database."""

    dialect: str

    async def note(self, tx: Transaction, at: int, actor: str, action: str, target: str = "", **detail: Any) -> None:
        """Append an entry within a transaction."""
        await tx.fetch(_LOCK[self.dialect])
        rows = await tx.fetch("SELECT n, hash FROM audit ORDER BY n DESC LIMIT 1")
        n, before = (rows[0]["n"] + 1, rows[0]["hash"]) if rows else (1, _BEGINNING)
        text = json.dumps(detail, ensure_ascii=True, sort_keys=True)[:_LONGEST]
        values = (n, at, actor, action, target, text)
        await tx.execute(
            "INSERT INTO audit (n, at, actor, action, target, detail, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            *values,
            _hash(before, values),
        )


async def note(database: Database, at: int, actor: str, action: str, target: str = "", **detail: Any) -> None:
    """Append an entry on its own: a sign-in, or a look at something."""
    async with database.transaction() as tx:
        await AuditLog(database.dialect).note(tx, at, actor, action, target, **detail)


async def verify(reader: Reader) -> Verdict:
    """Go through the whole log."""
    n, head = 0, _BEGINNING
    while rows := await reader.fetch("SELECT * FROM audit WHERE n > $1 ORDER BY n LIMIT $2", n, _PAGE):
        for row in rows:
            if row["n"] != n + 1 or row["hash"] != _hash(head, _values(row)):
                return Verdict(n, head, n + 1)
            n, head = row["n"], row["hash"]
    return Verdict(n, head)


async def holds(reader: Reader, head: str) -> bool:
    """Tell whether the log still goes by a head that somebody noted elsewhere: one that was cut at its end does not."""
    if not _HEAD.fullmatch(head):
        return False
    rows = await reader.fetch(
        "SELECT n FROM audit WHERE hash = $1 OR (action = $2 AND detail LIKE $3) LIMIT 1",
        *(head, _PSEUDONYMISED, f'%"head": "{head}"%'),
    )
    return bool(rows) or head == _BEGINNING


async def entries(reader: Reader, *, before: int = 2**62, search: str = "", limit: int = 100) -> Sequence[Entry]:
    """Return the newest entries below a number, those that hold a text in any column."""
    rows = await reader.fetch(
        f"SELECT * FROM audit WHERE n < $1 AND {_HOLDS} ORDER BY n DESC LIMIT $3", before, _pattern(search), limit
    )
    return [Entry(*_values(row)[:5], _detail(row["detail"]), row["hash"]) for row in rows]


async def rows_between(reader: Reader, from_at: int, until_at: int, *, search: str = "", limit: int) -> Sequence[Row]:
    """Return the entries of a time as they are kept, likewise; the oldest first."""
    return await reader.fetch(
        f"SELECT * FROM audit WHERE at >= $1 AND {_HOLDS} AND at < $3 ORDER BY n LIMIT $4",
        from_at,
        _pattern(search),
        until_at,
        limit,
    )


_HOLDS = "(lower(actor) LIKE $2 OR lower(action) LIKE $2 OR lower(target) LIKE $2 OR lower(detail) LIKE $2)"


def _pattern(search: str) -> str:
    return f"%{search.lower()}%"


def _detail(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        # cut at its longest
        return {"text": text}
    return found if isinstance(found, dict) else {"text": text}


def _values(row: Row) -> _Values:
    return row["n"], row["at"], row["actor"], row["action"], row["target"], row["detail"]


def _hash(before: str, values: _Values) -> str:
    return hashlib.sha256(json.dumps([before, *values], ensure_ascii=True).encode()).hexdigest()


async def rename_actor(tx: Transaction, dialect: str, who: Pseudonym, at: int) -> int:
    """Put another name for somebody wherever it stands; returns in how many entries. The chain is made anew from there.

    An entry tells of it, with the head as it was: who noted that one elsewhere can still tell where the log comes from.
    """
    await tx.fetch(_LOCK[dialect])
    rows = await tx.fetch("SELECT * FROM audit ORDER BY n")
    renamed = [(_values(row), _renamed(_values(row), who)) for row in rows]
    named = [after[0] for before, after in renamed if before != after]
    if not named:
        return 0
    head = _BEGINNING
    for _, values in renamed:
        before, head = head, _hash(head, values)
        n, _, actor, _, target, detail = values
        if n >= named[0]:
            sql = "UPDATE audit SET actor = $2, target = $3, detail = $4, hash = $5 WHERE n = $1"
            await tx.execute(sql, n, actor, target, detail, _hash(before, values))
    await AuditLog(dialect).note(
        tx, at, "console", _PSEUDONYMISED, who.other, entries=len(named), head=rows[-1]["hash"]
    )
    return len(named)


def _renamed(values: _Values, who: Pseudonym) -> _Values:
    n, at, actor, action, target, detail = values
    return n, at, who.in_text(actor), action, who.in_text(target), who.in_json(detail)
