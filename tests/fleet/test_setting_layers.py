"""Settings on both databases: saved, checked, merged for each room, taken back."""

import asyncio
import json
import threading

import pytest
from fleet_builders import NOW, add_room, add_site, change_room

from fleet.control import layers
from fleet.control.layers import BadLayer

BERLIN = {"room": {"timezone": "Europe/Berlin"}}


async def desired(database):
    rows = await database.fetch(
        "SELECT r.id AS id, d.rev AS rev, d.doc AS doc FROM rooms r JOIN desired d ON d.room = r.key "
        "AND d.rev = r.rev_desired ORDER BY r.id"
    )
    return {row["id"]: (row["rev"], json.loads(row["doc"])) for row in rows}


async def test_rooms_are_told_what_their_layers_come_to(database):
    berlin = await add_site(database, "berlin")
    await add_room(database, "b1", site=berlin, tags=("big",))
    await add_room(database, "p1")
    assert await layers.save(database, "site:berlin", BERLIN, "eve", NOW) == layers.Saved(1, 1)
    assert await layers.save(database, "tag:big", {"joining": {"lead_s": 60}}, "eve", NOW + 1) == layers.Saved(1, 1)
    told = await desired(database)
    assert told["b1"][1] == {"joining": {"lead_s": 60}, "room": {"timezone": "Europe/Berlin"}}
    assert "p1" not in told
    # within the same second the number rises all the same
    assert told["b1"][0] == NOW // 1000 + 1


async def test_a_room_that_is_told_nothing_new_gets_no_new_revision(database):
    await add_room(database, "b1")
    await layers.save(database, "org", BERLIN, "eve", NOW)
    before, version = await desired(database), await room_version(database)
    assert (await layers.save(database, "room:b1", BERLIN, "eve", NOW + 5000)).rooms == 0
    assert (await desired(database), await room_version(database)) == (before, version)
    assert (await layers.save(database, "room:b1", {}, "eve", NOW + 9000)).rooms == 0


async def room_version(database):
    return (await database.fetch("SELECT version FROM rooms"))[0]["version"]


async def test_the_revision_never_falls_behind_what_a_room_has_seen(database):
    key = await add_room(database, "b1")
    await change_room(database, key, rev_desired=NOW)
    await layers.save(database, "org", BERLIN, "eve", NOW)
    assert (await desired(database))["b1"][0] == NOW + 1


async def test_rolling_back_is_a_new_revision(database):
    await add_room(database, "b1")
    await layers.save(database, "org", BERLIN, "eve", NOW, locks=["room.timezone"])
    await layers.save(database, "org", {"room": {"timezone": "UTC"}}, "ada", NOW, note="oops")
    assert await layers.roll_back(database, "org", 1, "eve", NOW) == layers.Saved(3, 1)
    assert (await desired(database))["b1"][1] == BERLIN
    past = await layers.history(database, "org")
    assert [(one.rev, one.made_by, one.locks) for one in past] == [
        (3, "eve", ("room.timezone",)),
        (2, "ada", ()),
        (1, "eve", ("room.timezone",)),
    ]
    assert [one.after for one in await layers.compared(database, "org", 1, 2)] == ["UTC"]
    with pytest.raises(BadLayer, match="no revision 9"):
        await layers.roll_back(database, "org", 9, "eve", NOW)


async def test_a_locked_key_is_refused_below_and_ignored_where_it_was_before(database):
    key = await add_room(database, "b1")
    await layers.save(database, "room:b1", BERLIN, "eve", NOW)
    await layers.save(database, "org", {"room": {"timezone": "UTC"}}, "eve", NOW, locks=["room.timezone"])
    assert (await desired(database))["b1"][1] == {"room": {"timezone": "UTC"}}
    value = (await layers.effective(database, database.dialect, key))["room.timezone"]
    assert (value.scope, value.locked, value.ignored) == ("org", True, ("room:b1",))
    with pytest.raises(BadLayer, match="timezone is locked by org"):
        await layers.save(database, "room:b1", BERLIN, "eve", NOW)


async def test_all_mistakes_are_told_and_nothing_is_saved(database):
    await add_room(database, "b1")
    with pytest.raises(BadLayer) as err:
        await layers.save(database, "org", {"joining": {"lead_s": -1}, "room": {"timezone": "X"}}, "eve", NOW)
    assert len(err.value.mistakes) == 2
    with pytest.raises(BadLayer, match="cannot be locked; it has no value here"):
        await layers.save(database, "org", {}, "eve", NOW, locks=["room.timezone"])
    for scope in ("site:nowhere", "room:nobody"):
        with pytest.raises(BadLayer, match="There is no"):
            await layers.save(database, scope, {}, "eve", NOW)
    assert await layers.history(database, "org") == []


async def test_what_is_wrong_only_together_is_found_before_it_is_saved(database):
    await add_room(database, "b1")
    both = {"tv": {"off_from": "22:00", "off_until": "06:00"}}
    await layers.save(database, "org", both, "eve", NOW)
    with pytest.raises(BadLayer, match="In room b1"):
        await layers.save(database, "room:b1", {"tv": {"off_until": ""}}, "eve", NOW)


async def test_the_second_of_two_who_edit_the_same_is_told(database):
    await add_room(database, "b1")
    await layers.save(database, "org", BERLIN, "eve", NOW, based_on=0)
    with pytest.raises(BadLayer, match="saved revision 1 meanwhile"):
        await layers.save(database, "org", {}, "ada", NOW, based_on=0)


async def test_many_who_save_at_once_take_turns(database):
    await add_room(database, "b1")
    docs = [{"joining": {"lead_s": number}} for number in range(8)]
    await asyncio.gather(*(layers.save(database, "org", doc, "eve", NOW) for doc in docs))
    newest = (await layers.history(database, "org"))[0]
    assert newest.rev == 8
    assert (await desired(database))["b1"][1] == newest.doc


async def test_a_preview_says_which_rooms_would_change_and_saves_nothing(database):
    one, two = await add_room(database, "b1", tags=("big",)), await add_room(database, "b2")
    seen = await layers.preview(database, database.dialect, "tag:big", BERLIN)
    assert seen == {one: BERLIN}
    assert two not in seen
    assert await desired(database) == {}


async def test_a_room_that_moves_is_told_what_its_new_site_wants(database):
    berlin = await add_site(database, "berlin")
    key = await add_room(database, "b1")
    await layers.save(database, "site:berlin", BERLIN, "eve", NOW)
    async with database.transaction() as tx:
        await tx.execute("UPDATE rooms SET site = $1 WHERE key = $2", berlin, key)
        assert await layers.refresh(tx, database, NOW, [key]) == [key]
    assert (await desired(database))["b1"][1] == BERLIN


async def test_old_documents_are_forgotten_and_the_one_in_force_is_kept(database):
    await add_room(database, "b1")
    await layers.save(database, "org", BERLIN, "eve", NOW)
    await layers.save(database, "org", {"room": {"timezone": "UTC"}}, "eve", NOW)
    async with database.transaction() as tx:
        await layers.forget(tx, NOW + 100 * 24 * 3600 * 1000)
    assert len(await database.fetch("SELECT rev FROM desired")) == 1
    assert (await desired(database))["b1"][1] == {"room": {"timezone": "UTC"}}


async def test_ten_rooms_alike_are_worked_out_once_and_away_from_the_event_loop(database, monkeypatch):
    """Of ten thousand rooms it takes a while, and live pages are served by the same loop."""
    merged, compared = Watched(layers.merged), Watched(layers.differences)
    monkeypatch.setattr(layers, "merged", merged)
    monkeypatch.setattr(layers, "differences", compared)
    berlin = await add_site(database, "berlin")
    for number in range(10):
        await add_room(database, f"b{number}", site=berlin)
    await layers.save(database, "org", BERLIN, "eve", NOW)
    merged.threads.clear()
    changes = await layers.changes(database, database.dialect, "site:berlin", {"room": {"timezone": "UTC"}})
    assert [change.differences[0].after for change in changes] == ["UTC"] * 10
    # once to check what they would be told together, once to tell
    assert (len(merged.threads), len(compared.threads)) == (2, 1)
    assert threading.get_ident() not in {*merged.threads, *compared.threads}


class Watched:
    """A function, and the threads that called it."""

    def __init__(self, function):
        self.function, self.threads = function, []

    def __call__(self, *args):
        self.threads.append(threading.get_ident())
        return self.function(*args)
