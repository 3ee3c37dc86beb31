"""Alerts on both databases: stored, told once, acknowledged, snoozed, and carried on by another process."""

import json
from unittest.mock import Mock

import pytest
from fleet_builders import NOW, add_room, add_site, change_room

from fleet.control import alerts, rulebook
from fleet.control.alerts import AlertDesk
from fleet.control.conditions import BadRule, Offline
from fleet.control.lease import Lease, LeaseLost
from fleet.control.rules import DEFAULT_RULES, Rule
from fleet.control.watch import Window

S = 1000
CAMERA = {
    "issues": [{"id": "device.camera-1", "severity": "error", "text": "Camera is gone.", "remedy": "Plug it in."}]
}


@pytest.fixture
async def lease(database):
    mine = Lease("control", "me")
    assert await mine.take(database, lambda: NOW)
    return mine


@pytest.fixture
async def desk(database, lease):
    await rulebook.seed(database)
    await rulebook.save_channel(database, "mail", "Mail", "json://127.0.0.1:9/")
    return AlertDesk(database, lease)


async def look(desk, database, second):
    now = NOW + second * S
    await Lease("control", "me").take(database, lambda: now)
    return await desk.look(now)


async def stored(database):
    rows = await database.fetch("SELECT rule, room, state, parent, text FROM alerts ORDER BY key")
    return [(row["rule"], row["state"]) for row in rows]


async def letters(database):
    return [row["title"] for row in await database.fetch("SELECT title FROM outbox ORDER BY key")]


async def test_an_alert_is_stored_told_once_and_over(database, desk):
    berlin = await add_site(database, "berlin")
    key = await add_room(database, "blue", site=berlin, floor="2", health=CAMERA)
    await look(desk, database, 0)
    assert await stored(database) == [("device", "pending")]
    assert await letters(database) == []
    await look(desk, database, 60)
    await look(desk, database, 61)
    assert await stored(database) == [("device", "firing")]
    await change_room(database, key, health={"issues": []})
    await look(desk, database, 100)
    await look(desk, database, 160)
    assert await stored(database) == [("device", "resolved")]
    name = "Camera, microphone or loudspeaker gone"
    assert await letters(database) == [f"[ERROR] Blue: {name}", f"[OVER] Blue: {name}"]
    body = (await database.fetch("SELECT body FROM outbox ORDER BY key"))[0]["body"]
    assert body.splitlines() == [
        "Camera is gone.", "Plug it in.", "Where: Blue (Berlin, 2)", "Since: 2026-11-22 09:00:00 UTC",
    ]  # fmt: skip


async def test_what_came_to_nothing_leaves_nothing(database, desk):
    key = await add_room(database, "blue", health=CAMERA)
    await look(desk, database, 0)
    await change_room(database, key, health={})
    await look(desk, database, 30)
    assert await stored(database) == []


async def test_nothing_is_written_when_nothing_changes(database, desk):
    await add_room(database, "blue")
    await look(desk, database, 0)
    before = await database.fetch("SELECT name, value FROM counters ORDER BY name")
    for second in range(1, 40):
        await look(desk, database, second)
    assert list(map(tuple, await database.fetch("SELECT name, value FROM counters ORDER BY name"))) == list(
        map(tuple, before)
    )


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_what_is_stored_is_stored_in_one_go_since_what_rooms_say_waits_for_it(database, desk, monkeypatch):
    await add_room(database, "blue", health=CAMERA)
    await Lease("control", "me").take(database, lambda: NOW)
    monkeypatch.setattr(type(database), "transaction", Mock(side_effect=AssertionError("statement by statement")))
    assert await desk.look(NOW) == 1
    assert await stored(database) == [("device", "pending")]


async def test_another_process_goes_on_where_the_first_one_died(database, desk, lease):
    key = await add_room(database, "blue", health=CAMERA)
    await look(desk, database, 0)
    await look(AlertDesk(database, lease), database, 60)
    await look(AlertDesk(database, lease), database, 61)
    await change_room(database, key, health={})
    await look(AlertDesk(database, lease), database, 70)
    await look(AlertDesk(database, lease), database, 130)
    assert await stored(database) == [("device", "resolved")]
    assert len(await letters(database)) == 2


async def test_a_process_that_was_asleep_changes_nothing_when_it_wakes_up(database, desk):
    await add_room(database, "blue", health=CAMERA)
    assert await Lease("control", "other").take(database, lambda: NOW + 60 * S)
    with pytest.raises(LeaseLost):
        await desk.look(NOW + 60 * S)
    assert await stored(database) == []


async def test_a_clock_that_was_ten_years_ahead_holds_up_neither_the_work_nor_an_alert(database, desk, lease):
    decade = 10 * 365 * 24 * 3600
    blue = await add_room(database, "blue", status="offline", status_at=NOW + decade * S)
    red = await add_room(database, "red", health=CAMERA)
    far = AlertDesk(database, lease)
    for second in (0, 61):
        await look(far, database, decade + second)
    await change_room(database, red, health={})
    await look(far, database, decade + 63)
    async with database.transaction() as tx:
        await tx.execute("UPDATE leases SET holder = 'dead'")
    # the clock is set right, and another process takes over at once
    assert await Lease("control", "me").take(database, lambda: NOW)
    for second in range(0, 150, 10):
        await look(desk, database, second)
    assert await stored(database) == [("offline", "firing"), ("device", "resolved")]
    await change_room(database, blue, status="ready", status_at=NOW + 200 * S)
    await look(desk, database, 200)
    await look(desk, database, 231)
    assert await stored(database) == [("offline", "resolved"), ("device", "resolved")]


async def test_a_lost_site_is_told_once(database, desk):
    berlin = await add_site(database, "berlin")
    keys = [await add_room(database, f"b{n}", site=berlin) for n in range(4)]
    await look(desk, database, 0)
    for key in keys:
        await change_room(database, key, status="offline", status_at=NOW + key * S)
    await look(desk, database, 10)
    await look(desk, database, 95)
    assert await letters(database) == ["[ERROR] Berlin: Room offline"]
    rows = await database.fetch("SELECT key, room, parent, text FROM alerts ORDER BY key")
    site = next(row for row in rows if row["room"] is None)
    assert site["text"] == "Berlin: 4 of 4 rooms went offline together."
    assert [row["parent"] for row in rows if row["room"]] == [site["key"]] * 4
    for key in keys:
        await change_room(database, key, status="ready", status_at=NOW + 200 * S)
    await look(desk, database, 200)
    await look(desk, database, 230)
    assert await letters(database) == ["[ERROR] Berlin: Room offline", "[OVER] Berlin: Room offline"]
    assert {state for _, state in await stored(database)} == {"resolved"}


async def test_a_sites_alert_survives_a_restart_and_ends_when_its_rooms_are_deleted(database, desk, lease):
    berlin = await add_site(database, "berlin")
    for n in range(3):
        await add_room(database, f"b{n}", site=berlin, status="offline")
    await look(desk, database, 90)
    again = AlertDesk(database, lease)
    await look(again, database, 91)
    assert len(await letters(database)) == 1
    async with database.transaction() as tx:
        await tx.execute("DELETE FROM rooms")
    await look(AlertDesk(database, lease), database, 92)
    assert await stored(database) == [("offline", "resolved")]


async def test_who_acknowledges_is_not_told_again(database, desk):
    await rulebook.save_rule(database, Rule("offline", "Offline", Offline(), "error", 0, 30, repeat_s=60))
    await add_room(database, "blue", status="offline")
    await look(desk, database, 0)
    await look(desk, database, 61)
    assert await letters(database) == ["[ERROR] Blue: Offline", "[STILL ERROR] Blue: Offline"]
    alert = (await database.fetch("SELECT key FROM alerts"))[0]["key"]
    assert await alerts.acknowledge(database, alert, "eve", NOW + 62 * S)
    assert not await alerts.acknowledge(database, alert, "ada", NOW + 63 * S)
    await look(desk, database, 200)
    assert len(await letters(database)) == 2


async def test_who_snoozes_is_told_again_when_it_is_over_and_still_wrong(database, desk):
    await add_room(database, "blue", status="offline")
    await look(desk, database, 90)
    alert = (await database.fetch("SELECT key FROM alerts"))[0]["key"]
    assert await alerts.snooze(database, alert, NOW + 600 * S, NOW)
    await look(desk, database, 500)
    assert len(await letters(database)) == 1
    await look(desk, database, 620)
    await look(desk, database, 640)
    assert (await letters(database))[1:] == ["[STILL ERROR] Blue: Room offline"]


async def test_who_acknowledges_before_it_fires_is_told_neither_of_it_nor_of_its_end(database, desk):
    key = await add_room(database, "blue", health=CAMERA)
    await look(desk, database, 0)
    alert = (await database.fetch("SELECT key FROM alerts"))[0]["key"]
    await alerts.acknowledge(database, alert, "eve", NOW)
    await look(desk, database, 60)
    await change_room(database, key, health={})
    await look(desk, database, 61)
    await look(desk, database, 130)
    assert await letters(database) == []
    assert not await alerts.acknowledge(database, alert, "eve", NOW + 140 * S)
    assert not await alerts.snooze(database, alert, NOW + 900 * S, NOW + 140 * S)


async def test_maintenance_holds_back_and_ends_early(database, desk):
    await add_room(database, "blue", tags=("lab",), status="offline")
    key = await rulebook.begin_maintenance(database, Window("tag:lab", NOW, NOW + 3600 * S), "paint", "eve", NOW)
    await look(desk, database, 100)
    assert await stored(database) == [("offline", "pending")]
    await rulebook.end_maintenance(database, key, NOW + 200 * S)
    await look(desk, database, 200)
    assert await stored(database) == [("offline", "firing")]
    with pytest.raises(BadRule, match="after it begins"):
        await rulebook.begin_maintenance(database, Window("org", NOW, NOW - S), "", "eve", NOW)


async def test_a_rule_tells_its_own_channels_and_a_channel_takes_what_is_grave_enough(database, desk):
    await rulebook.save_channel(database, "pager", "Pager", "json://127.0.0.1:9/", least="error")
    await rulebook.save_channel(database, "chat", "Chat", "json://127.0.0.1:9/")
    await rulebook.save_channel(database, "off", "Off", "json://127.0.0.1:9/", enabled=False)
    await rulebook.save_rule(database, Rule("offline", "Offline", Offline(), "warning", channels=("pager", "chat")))
    await add_room(database, "blue", status="offline")
    await look(desk, database, 0)
    rows = await database.fetch("SELECT c.id AS id FROM outbox o JOIN channels c ON c.key = o.channel")
    assert [row["id"] for row in rows] == ["chat"]


async def test_a_rule_that_is_deleted_ends_what_is_open_without_a_word(database, desk):
    await add_room(database, "blue", status="offline")
    await look(desk, database, 90)
    await rulebook.delete_rule(database, "offline")
    await look(desk, database, 91)
    assert await stored(database) == [("offline", "resolved")]


async def test_default_rules_come_once_and_what_an_admin_changed_stays(database, desk):
    await rulebook.delete_rule(database, "hot")
    await rulebook.seed(database)
    rows = await database.fetch("SELECT id FROM alert_rules")
    assert {row["id"] for row in rows} == {rule.id for rule in DEFAULT_RULES} - {"hot"}


async def test_a_room_that_starts_again_and_again_is_seen_by_its_boots(database, desk):
    key = await add_room(database, "blue")
    async with database.transaction() as tx:
        await tx.many(
            "INSERT INTO boots (room, boot, no, heard_at) VALUES ($1, $2, $3, 0)",
            [(key, f"boot{n}", NOW // 1000 - n * 100) for n in range(3)],
        )
    await look(desk, database, 0)
    assert await stored(database) == [("crashes", "firing")]


async def test_a_rule_of_a_newer_release_is_left_alone(database, desk):
    async with database.transaction() as tx:
        await tx.execute("UPDATE alert_rules SET condition = $1 WHERE id = 'hot'", json.dumps({"kind": "smell"}))
    await add_room(database, "blue", health=CAMERA)
    await look(desk, database, 0)
    assert await stored(database) == [("device", "pending")]
