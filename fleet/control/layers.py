"""Settings by organisation, site, tag and room: saved in revisions, checked, and turned into what rooms are told."""

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from appliance.errors import SalonError
from fleet.control import scope as scopes
from fleet.control.also import Also, nothing_else
from fleet.control.merge import Difference, Layer, Value, differences, document, flat, merged
from fleet.control.places import bump, lock, mark_changed, places
from fleet.control.rollouts import Policy
from fleet.control.scope import Place
from fleet.control.settable import SETTABLE, Doc, mistakes_in
from fleet.control.settings_rollout import begin, supersede
from fleet.control.stages import Stages, for_all, stages
from fleet.store.database import Database, Reader, Row, Transaction, among_keys

_NOTHING: Doc = {}
_LONGEST_NOTE = 500
_KEEP_MS = 90 * 24 * 3600 * 1000


class BadLayer(SalonError, ValueError):
    """Settings that cannot be saved; `mistakes` has all of them in words."""

    def __init__(self, *mistakes: str) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Saved:
    """What came of saving."""

    rev: int
    rooms: int
    """How many are told something new, now or when their wave comes."""
    job: str = ""
    """That brings it to them in waves; empty: they are told at once."""


@dataclass(frozen=True, slots=True)
class RoomChange:
    """What a room would be told otherwise."""

    room: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Revision:
    """One state of a scope's settings."""

    rev: int
    doc: Doc
    locks: tuple[str, ...]
    made_at: int
    made_by: str
    note: str
    job: str | None = None
    """That brought or brings it to the rooms in waves."""


async def save(  # noqa: PLR0913 - all that an admin says of settings, each by its name
    database: Database,
    scope: str,
    doc: Doc,
    who: str,
    now: int,
    *,
    locks: Iterable[str] = (),
    note: str = "",
    based_on: int | None = None,
    careful: Policy | None = None,
    also: Also = nothing_else,
) -> Saved:
    """Put settings in force for a scope, or raise `BadLayer`. `based_on` is the revision the admin had before them.

    `careful`: they come to the rooms in waves.
    """
    layer = Layer(scopes.checked(scope), doc, frozenset(locks))
    async with database.transaction() as tx:
        # one at a time, also where many could write
        await bump(tx, "layers")
        newest = await newest_rev(tx, scope)
        if based_on is not None and based_on != newest:
            raise BadLayer(f"Somebody has saved revision {newest} meanwhile; look at it and try again.")
        await _check(tx, database.dialect, layer)
        await tx.execute(
            "INSERT INTO layers (scope, rev, doc, locks, made_at, made_by, note) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            scope,
            newest + 1,
            json.dumps(doc),
            json.dumps(sorted(layer.locks)),
            now,
            who,
            note[:_LONGEST_NOTE],
        )
        rooms = [] if careful is None else await _concerned(tx, database)
        if careful and rooms:
            job = await begin(tx, scope, newest + 1, rooms, who=who, now=now, policy=careful, note=note)
            saved = Saved(newest + 1, len(rooms), job)
        else:
            saved = Saved(newest + 1, len(await refresh(tx, database, now)))
        await supersede(tx, scope, saved.rev, now)
        await also(tx, scope, rev=saved.rev, rooms=saved.rooms, **({"job": saved.job} if saved.job else {}))
        return saved


async def _concerned(tx: Transaction, database: Database) -> list[Place]:
    """Return the rooms that a new revision, saved for all, tells something new."""
    told = await _told(tx, database.dialect, None)
    rooms = await places(tx, database.dialect)
    return [place for place, _, _ in await asyncio.to_thread(_otherwise, rooms, await stages(tx), told)]


async def roll_back(
    database: Database,
    scope: str,
    rev: int,
    who: str,
    now: int,
    *,
    based_on: int | None = None,
    careful: Policy | None = None,
    also: Also = nothing_else,
) -> Saved:
    """Put an older revision in force again, as a new one; or the newest for all rooms, where it came to some only."""
    found = [one for one in await history(database, scope) if one.rev == rev]
    if not found:
        raise BadLayer(f"There is no revision {rev} of these settings.")
    newest = rev == await newest_rev(database, scope)
    return await save(
        database,
        scope,
        found[0].doc,
        who,
        now,
        locks=found[0].locks,
        note=f"On with revision {rev}" if newest else f"Back to revision {rev}",
        based_on=based_on,
        careful=careful,
        also=also,
    )


async def history(reader: Reader, scope: str) -> list[Revision]:
    """Return a scope's revisions, the newest first."""
    return [
        _revision(row)
        for row in await reader.fetch(
            "SELECT l.*, j.id AS job_id FROM layers l LEFT JOIN jobs j ON j.key = l.job "
            "WHERE l.scope = $1 ORDER BY l.rev DESC",
            scope,
        )
    ]


async def compared(reader: Reader, scope: str, before: int, after: int) -> tuple[Difference, ...]:
    """Return what two revisions differ in; revision 0 has nothing."""
    docs = {one.rev: one.doc for one in await history(reader, scope)}
    return differences(docs.get(before, {}), docs.get(after, {}))


async def preview(reader: Reader, dialect: str, scope: str, doc: Doc, locks: Iterable[str] = ()) -> Mapping[int, Doc]:
    """Return what each room would be told that would be told something new; or raise `BadLayer`."""
    layer = Layer(scopes.checked(scope), doc, frozenset(locks))
    return {place.key: after for place, _, after in await _changes(reader, dialect, layer)}


async def changes(reader: Reader, dialect: str, scope: str, doc: Doc, locks: Iterable[str] = ()) -> list[RoomChange]:
    """Return the same key by key, for people."""
    layer = Layer(scopes.checked(scope), doc, frozenset(locks))
    found = await _changes(reader, dialect, layer)
    return await asyncio.to_thread(_key_by_key, found)


def _key_by_key(found: Iterable[tuple[Place, Doc, Doc]]) -> list[RoomChange]:
    # rooms that are told the same share their documents: each pair is compared once
    known: dict[tuple[int, int], tuple[Difference, ...]] = {}
    changed = []
    for place, before, after in found:
        pair = (id(before), id(after))
        if pair not in known:
            known[pair] = differences(before, after)
        changed.append(RoomChange(place.room, known[pair]))
    return changed


async def _changes(reader: Reader, dialect: str, layer: Layer) -> list[tuple[Place, Doc, Doc]]:
    await _check(reader, dialect, layer)
    stored = (await stages(reader)).with_all(layer)
    told = await _told(reader, dialect, None)
    # of ten thousand rooms this takes a while, and whoever serves pages has others to serve
    return await asyncio.to_thread(_otherwise, await places(reader, dialect), stored, told)


def _otherwise(rooms: Iterable[Place], stored: Stages, told: Mapping[int, Doc]) -> list[tuple[Place, Doc, Doc]]:
    """Return the rooms that would be told something else, what they are told and what they would be."""
    found = ((place, told.get(place.key, _NOTHING), doc) for place, doc in _documents(rooms, stored))
    return [(place, before, after) for place, before, after in found if before != after]


def _documents(rooms: Iterable[Place], stored: Stages) -> Iterator[tuple[Place, Doc]]:
    """Yield each room's document; rooms with the same layers share one."""
    made: dict[tuple[int, ...], Doc] = {}
    for place in rooms:
        layers = stored.of(place)
        same = tuple(id(layer) for layer in layers)
        if same not in made:
            made[same] = document(merged(layers))
        yield place, made[same]


async def effective(reader: Reader, dialect: str, room: int) -> Mapping[str, Value]:
    """Return what a room is told, key by key, and by whom."""
    found = await places(reader, dialect, [room])
    return merged((await stages(reader)).of(found[0])) if found else {}


async def refresh(tx: Transaction, database: Database, now: int, rooms: Sequence[int] | None = None) -> list[int]:
    """Make a new desired document for each room whose layers say something else now; returns their keys.

    For whoever moves a room, changes its tags or enrols it: call it in the same transaction.
    """
    await lock(tx, "rooms")
    layers = await stages(tx)
    told = await _told(tx, database.dialect, rooms)
    revs = {row["key"]: row["rev_desired"] for row in await tx.fetch("SELECT key, rev_desired FROM rooms")}
    changed = await asyncio.to_thread(_otherwise, await places(tx, database.dialect, rooms), layers, told)
    # a restored console must not begin again where rooms have been before
    fresh = [(one.key, max(revs[one.key] + 1, now // 1000), json.dumps(doc), now) for one, _, doc in changed]
    await tx.load("desired", ("room", "rev", "doc", "made_at"), fresh)
    await tx.many("UPDATE rooms SET rev_desired = $1 WHERE key = $2", [(rev, key) for key, rev, _, _ in fresh])
    keys = [key for key, *_ in fresh]
    await mark_changed(tx, database, keys)
    return keys


async def forget(tx: Transaction, now: int) -> None:
    """Delete documents that have long been replaced."""
    await tx.execute(
        "DELETE FROM desired WHERE made_at < $1 AND rev < (SELECT rev_desired FROM rooms WHERE key = room)",
        now - _KEEP_MS,
    )


async def newest_rev(reader: Reader, scope: str) -> int:
    """Return a scope's newest revision; 0 before the first."""
    rows = await reader.fetch("SELECT max(rev) AS rev FROM layers WHERE scope = $1", scope)
    return int(rows[0]["rev"] or 0)


async def _told(reader: Reader, dialect: str, rooms: Sequence[int] | None) -> dict[int, Doc]:
    only = "" if rooms is None else f" AND {among_keys('r.key', '$1', dialect)}"
    args = () if rooms is None else (json.dumps(list(rooms)),)
    found = await reader.fetch(
        "SELECT d.room AS room, d.doc AS doc FROM desired d JOIN rooms r ON r.key = d.room AND r.rev_desired = d.rev "
        f"WHERE r.retired_at IS NULL{only}",
        *args,
    )
    # many rooms are told the same
    docs = {text: json.loads(text) for text in {row["doc"] for row in found}}
    return {row["room"]: docs[row["doc"]] for row in found}


async def _check(reader: Reader, dialect: str, layer: Layer) -> None:
    """Check the document by itself, against the locks above it, and as part of what each room would be told."""
    # a time zone is looked up in files
    if mistakes := await asyncio.to_thread(mistakes_in, layer.doc):
        raise BadLayer(*mistakes)
    if strange := sorted(layer.locks - set(flat(layer.doc))):
        known = "; it has no value here" if strange[0] in SETTABLE else ""
        raise BadLayer(f"{strange[0][:80]} cannot be locked{known}")
    kind, _, name = layer.scope.partition(":")
    if kind == "site" and not await reader.fetch("SELECT 1 FROM sites WHERE id = $1", name):
        raise BadLayer(f"There is no site {name}.")
    if kind == "room" and not await reader.fetch("SELECT 1 FROM rooms WHERE id = $1 AND retired_at IS NULL", name):
        raise BadLayer(f"There is no room {name}.")
    stored = (await stages(reader)).with_all(layer)
    await asyncio.to_thread(_check_in_rooms, layer, stored, await places(reader, dialect))


def _check_in_rooms(layer: Layer, stored: Stages, rooms: Iterable[Place]) -> None:
    mine = [place for place in rooms if layer.scope in place.order]
    newest = stored.newest()
    if taken := _locked_above(layer, newest, mine):
        raise BadLayer(*taken)
    _check_together(mine, for_all(newest.values()))
    if stored.under_way:
        _check_together(mine, stored)


def _locked_above(layer: Layer, stored: Mapping[str, Layer], mine: Sequence[Place]) -> list[str]:
    above = {place.order[: place.order.index(layer.scope)] for place in mine} or {(scopes.EVERYWHERE,)}
    # a tag's rooms may be in several sites: only what is locked for all of them is a mistake
    everywhere = set.intersection(*(set(order) for order in above)) - {layer.scope}
    return [
        f"{key} is locked by {scope}"
        for scope in sorted(everywhere & stored.keys(), key=scopes.rank)
        for key in sorted(stored[scope].locks & set(flat(layer.doc)))
    ]


def _check_together(mine: Sequence[Place], stored: Stages) -> None:
    """Values may be right by themselves and wrong together with those of another layer."""
    seen: dict[str, tuple[Place, Doc]] = {}
    for place, doc in _documents(mine, stored):
        seen.setdefault(json.dumps(doc), (place, doc))
    for place, doc in seen.values():
        if mistakes := mistakes_in(doc):
            raise BadLayer(*(f"In room {place.room}: {mistake}" for mistake in mistakes))


def _revision(row: Row) -> Revision:
    return Revision(
        row["rev"],
        json.loads(row["doc"]),
        tuple(json.loads(row["locks"])),
        row["made_at"],
        row["made_by"],
        row["note"],
        row["job_id"],
    )
