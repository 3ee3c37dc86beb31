"""What those learn who follow the room: the newest state, or each of them."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime

from appliance.state import store as store_module
from appliance.state.events import NoticeGiven
from appliance.state.room import Boot, RoomState
from appliance.state.store import RoomStore

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def store():
    return RoomStore(RoomState("room-1", "Blue room", Boot("b")), now=lambda: NOW)


async def notices(states, count):
    async with asyncio.timeout(5):
        return [(await anext(states)).notice for _ in range(count)]


async def test_a_watcher_gets_the_newest_state_and_a_record_keeper_each():
    room = store()
    newest, each = room.watch(), room.each()
    assert await notices(newest, 1) == await notices(each, 1) == [""]
    for text in ("one", "two", "three"):
        room.apply(NoticeGiven(text))
    assert await notices(newest, 1) == ["three"]
    assert await notices(each, 3) == ["one", "two", "three"]
    room.apply(NoticeGiven("four"))
    assert await notices(each, 1) == ["four"]


async def test_who_never_reads_is_not_kept_states_for_without_end(monkeypatch):
    monkeypatch.setattr(store_module, "_MOST_BEHIND", 2)
    room = store()
    async with aclosing(room.each()) as each:
        await notices(each, 1)
        for text in ("one", "two", "three"):
            room.apply(NoticeGiven(text))
        assert await notices(each, 2) == ["two", "three"]
    assert room._missed == []
