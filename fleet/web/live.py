"""The rooms as viewers see them: one look at the database for all, one encoding of what changed for all of a kind.

Who opens the page gets a snapshot and then what changed since, at most twice a second. Whoever is slow gets the same
later in one piece: nothing queues up.
"""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import takewhile

import msgspec

from fleet.store.browse import RoomLine, Sites, all_sites, count_rooms, rooms_since, rooms_version
from fleet.store.database import Database, Reader

LOOK_S = 0.5
_QUIET_LOOKS = 60
"""So many looks after the last viewer left, nobody looks any more."""
_GONE_KEPT = 10_000

Cell = tuple[int, str, str, int | None, str, str, int, str, int, tuple[str, ...], str]


class Snapshot(msgspec.Struct):
    """All rooms, or those that changed: the same form."""

    version: int
    count: int
    """How many there are in all: who has another number asks for all of them."""
    rooms: list[Cell]
    gone: list[int] = msgspec.field(default_factory=list)
    sites: list[tuple[int, str, str]] | None = None


def cell(line: RoomLine) -> Cell:
    """Return what a viewer is told of a room; a change of anything else is no change to them."""
    return (
        line.key,
        line.id,
        line.name,
        line.site,
        line.floor,
        line.status,
        line.status_at,
        line.worst,
        line.issue_count,
        line.tags,
        line.sw,
    )


_SITE = 3


def sees(sites: Sites, room: Cell) -> bool:
    """Tell whether a room is among the sites somebody may see."""
    return sites is None or room[_SITE] in sites


class Board:
    """All rooms as they were at a version, with the version at which each last changed for the eye."""

    def __init__(self) -> None:
        self.version = 0
        self._cells: dict[int, Cell] = {}
        self._changed: dict[int, int] = {}
        self._gone: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._cells)

    def take(self, lines: list[RoomLine], retired: list[int], version: int) -> bool:
        """Take in what changed; True when a viewer could see it."""
        seen = False
        for line in lines:
            new = cell(line)
            if self._cells.get(line.key) != new:
                self._cells[line.key], seen = new, True
                # the newest last, for whoever asks what is new
                self._changed.pop(line.key, None)
                self._changed[line.key] = version
                self._gone.pop(line.key, None)
        for key in retired:
            seen = self._remove(key, version) or seen
        self.version = version
        return seen

    def keep_only(self, keys: set[int], version: int) -> bool:
        """Remove rooms that were erased, which leaves no version behind."""
        gone = set(self._cells) - keys
        for key in gone:
            self._remove(key, version)
        return bool(gone)

    def _remove(self, key: int, version: int) -> bool:
        if self._cells.pop(key, None) is None:
            return False
        self._changed.pop(key)
        self._gone[key] = version
        while len(self._gone) > _GONE_KEPT:
            # the count tells who missed it
            self._gone.pop(next(iter(self._gone)))
        return True

    def since(self, version: int, sites: Sites) -> Snapshot:
        """Return what changed after a version for those who see these sites."""
        newest_first = takewhile(lambda change: change[1] > version, reversed(self._changed.items()))
        changed = [self._cells[key] for key, _ in newest_first][::-1]
        # a room that has moved to a site that is out of sight is gone as well
        hidden = [room[0] for room in changed if not sees(sites, room)] if version else []
        gone = [key for key, at in self._gone.items() if at > version] if version else []
        rooms = [room for room in changed if sees(sites, room)]
        return Snapshot(self.version, self._count(sites), rooms, gone + hidden)

    def _count(self, sites: Sites) -> int:
        return len(self) if sites is None else sum(sees(sites, room) for room in self._cells.values())

    def changed_at(self, key: int) -> int:
        """Return the version at which a room last changed, 0 when there is none."""
        return self._changed.get(key, self._gone.get(key, 0))


class Live:
    """Looks at the database while somebody looks at the rooms."""

    def __init__(self, database: Database, *, look_s: float = LOOK_S) -> None:
        self._database = database
        self._look_s = look_s
        self._board = Board()
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()
        self._wanted = asyncio.Event()
        self._viewers = 0
        self._closed = False
        self._encoded: dict[tuple[Sites, int], bytes] = {}
        self._packed: dict[Sites, bytes] = {}
        self.encodings = 0
        """How often a change was encoded: once for any number of viewers."""

    async def run(self) -> None:
        """Look now and then, for as long as there are viewers."""
        quiet = 0
        while True:
            if quiet > _QUIET_LOOKS:
                self._wanted.clear()
                await self._wanted.wait()
            await self.look()
            quiet = 0 if self._viewers else quiet + 1
            await asyncio.sleep(self._look_s)

    async def look(self) -> None:
        """Bring the board up to date, and wake whoever waits for a change."""
        async with self._turn:
            found = await self._database.read(self._read)
            if found is None:
                return
            version, (lines, retired), count = found
            seen = self._board.take(lines, retired, max([version, *(line.version for line in lines)]))
            if count != len(self._board):
                everything, _ = await rooms_since(self._database, -1)
                gone = self._board.keep_only({line.key for line in everything}, self._board.version)
                seen = self._board.take(everything, [], self._board.version) or gone or seen
            if seen:
                self._tell()

    async def _read(self, reader: Reader) -> tuple[int, tuple[list[RoomLine], list[int]], int] | None:
        """Read what changed; None when nothing did."""
        version = await rooms_version(reader)
        if version == self._board.version:
            return None
        return version, await rooms_since(reader, self._board.version), await count_rooms(reader)

    def _tell(self) -> None:
        self._encoded.clear()
        self._packed.clear()
        self._news.set()
        self._news = asyncio.Event()

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        self._wanted.set()
        self._tell()

    async def snapshot(self, sites: Sites) -> bytes:
        """Return all rooms and sites as JSON, packed by gzip."""
        await self.look()
        if sites not in self._packed:
            board = self._board.since(0, sites)
            board.sites = [(site.key, site.id, site.name) for site in await all_sites(self._database, sites)]
            self._packed[sites] = await asyncio.to_thread(_pack, board)
        return self._packed[sites]

    async def stream(self, since: int, sites: Sites, *, ping_s: float) -> AsyncIterator[bytes]:
        """Yield server-sent events: what changed for these sites after a version."""
        async for _ in self._changes(ping_s):
            event = self._event(since, sites) if since < self._board.version else b""
            since = self._board.version
            yield event or b": still here\n\n"

    async def room(self, key: int, *, ping_s: float) -> AsyncIterator[bytes]:
        """Yield an event each time one room changes."""
        known: int | None = None
        async for changed in self._changes(ping_s):
            known, before = self._board.changed_at(key), known
            if before is not None and known != before:
                yield b"event: changed\ndata: {}\n\n"
            elif not changed or before is None:
                yield b": still here\n\n"

    async def _changes(self, ping_s: float) -> AsyncIterator[bool]:
        """Yield True after each change, False when there was none for a while."""
        self._viewers += 1
        self._wanted.set()
        try:
            await self.look()
            news = self._news
            yield True
            while not self._closed:
                changed = False
                with suppress(TimeoutError):
                    async with asyncio.timeout(ping_s):
                        changed = await news.wait()
                # before the yield: what happens meanwhile wakes us too
                news = self._news
                yield changed
        finally:
            self._viewers -= 1

    def _event(self, since: int, sites: Sites) -> bytes:
        """Return what changed as an event; encoded once for all who know the same."""
        if (sites, since) not in self._encoded:
            changed = self._board.since(since, sites)
            self.encodings += 1
            data = msgspec.json.encode(changed)
            empty = not changed.rooms and not changed.gone
            text = b"" if empty else b"event: rooms\nid: %d\ndata: %b\n\n" % (changed.version, data)
            self._encoded[sites, since] = text
        return self._encoded[sites, since]


def _pack(board: Snapshot) -> bytes:
    return gzip.compress(msgspec.json.encode(board), 3)
