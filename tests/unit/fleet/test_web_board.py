"""What viewers of the rooms are told: changes since a version, for the sites they see, encoded once."""

from hypothesis import given
from hypothesis import strategies as st

from fleet.store.browse import RoomLine
from fleet.web.live import Board, Live


def line(key: int, status: str = "ready", *, site: int | None = 1, version: int = 1, name: str = "") -> RoomLine:
    return RoomLine(key, f"room-{key}", name, site, "", status, 0, "", 0, version)


def keys(snapshot) -> list[int]:
    return sorted(room[0] for room in snapshot.rooms)


def test_only_what_changed_for_the_eye_is_told():
    board = Board()
    assert board.take([line(1), line(2)], [], 2)
    assert not board.take([line(1, version=3)], [], 3)
    assert board.take([line(2, "broken", version=4)], [], 4)
    told = board.since(2, None)
    assert (keys(told), told.gone, told.count, told.version) == ([2], [], 2, 4)


def test_a_room_that_retires_or_is_erased_is_gone():
    board = Board()
    board.take([line(1), line(2), line(3)], [], 3)
    board.take([], [1], 4)
    assert board.since(3, None).gone == [1]
    assert board.keep_only({3}, 5)
    assert sorted(board.since(3, None).gone) == [1, 2]
    assert board.since(0, None).gone == []
    assert len(board) == 1


def test_a_room_that_moves_out_of_sight_is_gone_for_those_who_see_only_its_old_site():
    board = Board()
    board.take([line(1, site=1), line(2, site=2)], [], 2)
    board.take([line(1, site=2, version=3)], [], 3)
    here, there = board.since(2, frozenset({1})), board.since(2, frozenset({2}))
    assert (keys(here), here.gone, here.count) == ([], [1], 0)
    assert (keys(there), there.gone, there.count) == ([1], [], 2)
    assert board.since(0, frozenset({1})).gone == []


def test_a_room_without_a_site_is_seen_only_by_those_who_see_all():
    board = Board()
    board.take([line(1, site=None)], [], 1)
    assert keys(board.since(0, frozenset({1}))) == []
    assert keys(board.since(0, None)) == [1]


CHANGES = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from(["ready", "broken", None]), st.sampled_from([1, 2])), max_size=30
)


@given(CHANGES, st.data())
def test_whoever_applies_what_they_are_told_sees_what_a_newcomer_sees(changes, data):
    """A viewer that looks now and then, of one site or all, never drifts from the snapshot."""
    board, seen, at = Board(), {}, 0
    sites = data.draw(st.sampled_from([None, frozenset({1})]))
    for version, (key, status, site) in enumerate(changes, 1):
        if status is None:
            board.take([], [key], version)
        else:
            board.take([line(key, status, site=site, version=version)], [], version)
        if data.draw(st.booleans()):
            told = board.since(at, sites)
            for gone in told.gone:
                seen.pop(gone, None)
            seen |= {room[0]: room for room in told.rooms}
            at = told.version
            assert seen == {room[0]: room for room in board.since(0, sites).rooms}
            assert len(seen) == told.count


class Rooms:
    """A database that holds rooms and answers what `Live` asks."""

    dialect = "sqlite"

    def __init__(self) -> None:
        self.lines: list[dict] = []
        self.version = 0

    def set(self, key: int, status: str) -> None:
        self.version += 1
        self.lines = [row for row in self.lines if row["key"] != key]
        columns = ("key", "id", "name", "site", "floor", "status", "status_at", "worst", "issue_count", "version", "sw")
        values = (key, f"room-{key}", "", 1, "", status, 0, "", 0, self.version, "")
        self.lines.append({**dict(zip(columns, values, strict=True)), "retired_at": None})

    async def read(self, work):
        return await work(self)

    async def fetch(self, sql, *args):
        if "counters" in sql:
            return [{"value": self.version}]
        if "count(*)" in sql:
            return [{"n": len(self.lines)}]
        if "room_tags" in sql:
            return []
        return [row for row in self.lines if row["version"] > args[0]]


async def test_a_change_is_encoded_once_for_all_who_know_the_same():
    rooms = Rooms()
    rooms.set(1, "ready")
    live = Live(rooms)
    viewers = [live.stream(1, None, ping_s=60) for _ in range(20)]
    assert [await anext(viewer) for viewer in viewers] == [b": still here\n\n"] * 20
    rooms.set(1, "broken")
    await live.look()
    told = {await anext(viewer) for viewer in viewers}
    assert len(told) == 1
    assert b'"broken"' in told.pop()
    assert live.encodings == 1
    for viewer in viewers:
        await viewer.aclose()


async def test_a_slow_viewer_gets_what_it_missed_in_one_piece():
    rooms = Rooms()
    rooms.set(1, "ready")
    live = Live(rooms)
    viewer = live.stream(1, None, ping_s=60)
    await anext(viewer)
    for status in ("warning", "broken", "ready"):
        rooms.set(1, status)
        rooms.set(2, status)
        await live.look()
    told = await anext(viewer)
    assert told.count(b"room-1") == told.count(b"room-2") == 1
    assert b"broken" not in told
    live.close()
    assert [chunk async for chunk in viewer] == []


async def test_whoever_watches_one_room_hears_of_that_room_only():
    rooms = Rooms()
    rooms.set(1, "ready")
    rooms.set(2, "ready")
    live = Live(rooms)
    viewer = live.room(1, ping_s=60)
    await anext(viewer)
    rooms.set(2, "broken")
    await live.look()
    rooms.set(1, "broken")
    await live.look()
    assert await anext(viewer) == b"event: changed\ndata: {}\n\n"
    await viewer.aclose()
