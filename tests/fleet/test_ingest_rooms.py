"""What rooms say of themselves, in the database: the same on SQLite and PostgreSQL."""

import json

from ingest_desk import Desk
from room_voice import IDLE, NOON, Voice

from appliance.telemetry.protocol.codec import dump, encode
from appliance.telemetry.protocol.payloads import (
    Answer,
    CallAck,
    CallPhase,
    Ending,
    Event,
    Issue,
    Reported,
    Severity,
)
from fleet.ingest.known import DUPLICATE
from fleet.refusal import Refusal

MINUTE = 60_000


async def test_a_room_that_is_heard_is_listed_with_its_name_and_status(desk):
    voice = Voice()
    disk = Issue("disk", Severity.WARNING, "The disk is nearly full.")
    await desk.hear(voice.state(bd=7), voice.info("Blue room"), voice.health(issues=(disk,)))
    room = await desk.room()
    assert (room["name"], room["status"], room["presence"], room["bd"]) == ("Blue room", "warning", "online", 7)
    assert (room["worst"], room["issue_count"], room["health_at"]) == ("The disk is nearly full.", 1, NOON)
    assert room["due_at"] == NOON + 75_000
    assert json.loads(room["health"])["issues"][0]["id"] == "disk"
    assert json.loads(room["state"])["online"] is True


async def test_the_version_that_a_room_runs_is_remembered_also_when_the_ingest_begins_anew(desk):
    voice = Voice()
    await desk.hear(voice.info(sw="0.2.0"))
    fresh = Desk(desk.database)
    await fresh.hear(voice.health())
    assert (await fresh.room())["sw"] == "0.2.0"
    await fresh.hear(voice.info(sw="0.3.0"))
    assert (await fresh.room())["sw"] == "0.3.0"


async def test_a_room_that_reports_without_its_state_is_to_tell_everything_again(desk):
    voice = Voice()
    await desk.hear(voice.health())
    assert (await desk.room())["untold"]
    await desk.hear(voice.state())
    assert not (await desk.room())["untold"]
    await desk.hear(voice.health())
    assert not (await desk.room())["untold"]
    again = Voice(boot="boot-2")
    await desk.hear(again.health())
    assert (await desk.room())["untold"]
    await desk.hear(again.state(bd=2), again.health())
    assert not (await desk.room())["untold"]


async def test_a_room_of_which_only_the_kept_state_is_known_is_to_tell_everything_again(desk):
    voice = Voice()
    await desk.hear(voice.state(retained=True))
    assert (await desk.room())["untold"]
    await desk.hear(voice.state(), voice.health())
    assert not (await desk.room())["untold"]
    await desk.hear(voice.state(retained=True))
    assert not (await desk.room())["untold"]


async def test_each_change_raises_the_version_that_viewers_ask_by(desk):
    voice, other = Voice(), Voice("room-2")
    await desk.hear(voice.state(), other.state())
    first = (await desk.room())["version"]
    await desk.hear(voice.health())
    assert (await desk.room())["version"] == first + 1
    assert (await desk.room("room-2"))["version"] == first
    assert (await desk.rows("value", "counters WHERE name = 'rooms'", "name")) == [(first + 1,)]


async def test_a_status_remembers_since_when(desk):
    voice = Voice()
    await desk.hear(voice.state(), voice.health())
    began = (await desk.room())["status_at"]
    voice.at += MINUTE
    await desk.hear(voice.health())
    assert (await desk.room())["status_at"] == began == NOON


async def test_a_clock_ten_years_off_is_a_warning_and_loses_nothing(desk):
    voice = Voice(ahead_ms=10 * 365 * 24 * 3600 * 1000)
    await desk.hear(voice.state(), voice.health(), voice.batch(1, IDLE))
    room = await desk.room()
    assert (room["status"], room["skew_ms"]) == ("warning", -voice.ahead_ms)
    assert "clock is 315360000 s ahead" in room["worst"]
    assert [row[3] for row in await desk.samples()] == [NOON]


async def test_the_last_will_of_an_older_session_means_nothing(desk):
    old, new = Voice(boot="a"), Voice(boot="b")
    await desk.hear(old.state(bd=1), new.state(bd=2), old.state(online=False, bd=1, ended=Ending.LOST))
    assert (await desk.room())["presence"] == "online"
    await desk.hear(new.state(online=False, bd=2, ended=Ending.LOST))
    room = await desk.room()
    assert (room["presence"], room["status"]) == ("lost", "offline")


async def test_a_goodbye_is_no_loss(desk):
    voice = Voice()
    await desk.hear(voice.state(bd=1), voice.state(online=False, bd=1, ended=Ending.STOPPED))
    assert (await desk.room())["presence"] == "offline"


async def test_an_ingest_that_has_just_started_believes_the_will_it_missed(database):
    voice = Voice()
    await Desk(database).hear(voice.state(bd=3))
    again = Desk(database)
    await again.hear(voice.state(online=False, bd=3, ended=Ending.LOST, retained=True))
    assert (await again.room())["presence"] == "lost"


async def test_health_that_somebody_had_kept_is_not_how_the_room_is(desk):
    voice = Voice()
    kept = voice.health()._replace(retained=True)
    await desk.hear(voice.state(retained=True), kept)
    room = await desk.room()
    assert (room["health"], room["seen_at"], room["status"]) == (None, 0, "new")


async def test_a_room_without_its_birth_is_there_when_it_says_how_it_is(desk):
    await desk.hear(Voice().health(CallPhase.LIVE))
    room = await desk.room()
    assert (room["presence"], room["status"]) == ("online", "meeting")


async def test_two_machines_with_one_identity_are_told_and_both_are_stored(desk):
    one, two = Voice(boot="a", no=1), Voice(boot="b", no=2)
    await desk.hear(one.state(bd=1), one.batch(1, IDLE), two.state(bd=50), two.batch(1, IDLE), one.state(bd=2))
    await desk.hear(one.health(), one.batch(2, IDLE))
    room = await desk.room()
    assert (room["status"], room["worst"]) == ("warning", DUPLICATE)
    assert len(await desk.samples()) == 3
    assert await desk.rows("type, severity", "events") == [("identity.duplicate", "error")]
    one.at += 11 * MINUTE
    await desk.hear(one.health())
    assert (await desk.room())["trouble"] == ""


async def test_a_restarted_room_is_no_second_machine(desk):
    for number, boot in enumerate("abcdef"):
        await desk.hear(Voice(boot=boot).state(bd=number))
    assert (await desk.room())["trouble"] == ""


async def test_a_retired_room_is_not_listened_to(desk):
    voice = Voice()
    await desk.hear(voice.state())
    async with desk.database.transaction() as tx:
        await tx.execute("UPDATE counters SET value = value + 1 WHERE name = 'rooms'")
        await tx.execute(
            "UPDATE rooms SET retired_at = $1, version = (SELECT value FROM counters WHERE name = 'rooms')", NOON
        )
    assert await desk.hear(voice.health(), voice.batch(1, IDLE)) == []
    assert desk.counts.refused[Refusal.RETIRED] == 2
    assert (await desk.room())["health"] is None


async def test_strangers_are_listed_up_to_a_bound(database):
    desk = Desk(database, most_unenrolled=2)
    await desk.hear(*(Voice(f"room-{number}").state() for number in range(4)))
    assert await desk.rows("id, status, enrolled_at", "rooms", "id") == [
        ("room-0", "new", None),
        ("room-1", "new", None),
    ]
    assert desk.counts.refused[Refusal.TOO_MANY_ROOMS] == 2
    async with database.transaction() as tx:
        await tx.execute("UPDATE counters SET value = value + 1 WHERE name = 'rooms'")
        await tx.execute(
            "INSERT INTO rooms (id, enrolled_at, version) SELECT $1, $2, value FROM counters WHERE name = 'rooms'",
            *("room-3", NOON),
        )
    await desk.hear(Voice("room-3").health())
    assert (await desk.room("room-3"))["status"] == "ready"


async def test_what_another_process_has_changed_is_respected(desk):
    voice = Voice()
    await desk.hear(voice.state(), voice.health())
    async with desk.database.transaction() as tx:
        await tx.execute("UPDATE counters SET value = value + 1 WHERE name = 'rooms'")
        await tx.execute(
            "UPDATE rooms SET presence = 'silent', status = 'offline', "
            "version = (SELECT value FROM counters WHERE name = 'rooms')"
        )
    await desk.hear(voice.info("Renamed"))
    assert (await desk.room())["status"] == "offline"
    await desk.hear(voice.health())
    assert (await desk.room())["status"] == "ready"


async def test_an_answer_to_a_call_is_an_event_once(desk):
    voice = Voice()
    body = Event("call.ack", data=CallAck("c1", "mute", Answer.REFUSED, "Only a touch can."))
    letter = voice.letter(voice.topics.event, encode(voice.stamp(), body))
    await desk.hear(letter, letter)
    ((type_, text, data),) = await desk.rows("type, text, data", "events")
    assert (type_, text, json.loads(data)["id"]) == ("call.refused", "Only a touch can.", "c1")


async def test_what_is_in_force_is_known_by_its_revision(desk):
    voice = Voice()
    body = Reported(rev=12, seen=13, doc={"room": {"name": "Blue"}})
    await desk.hear(voice.letter(voice.topics.reported, encode(voice.stamp(), body), retained=True))
    room = await desk.room()
    assert (room["rev_applied"], json.loads(room["reported"])["doc"]) == (12, {"room": {"name": "Blue"}})


async def test_hostile_messages_are_counted_by_reason(desk):
    voice = Voice()
    topic = voice.topics.health
    letters = {
        Refusal.NO_ROOM: voice.letter("rooms/v1/other/room-1/up/health", b"{}"),
        Refusal.TOO_LARGE: voice.letter(topic, b" " * 70_000),
        Refusal.MALFORMED: voice.letter(topic, b'{"phase":'),
        Refusal.WRONG_SHAPE: voice.letter(topic, dump({"phase": 5})),
        Refusal.NEXT_VERSION: voice.letter("rooms/v1/home/room-1/up/mood", b"{}"),
    }
    assert await desk.hear(*letters.values(), voice.health()) == []
    assert dict(desk.counts.refused) == dict.fromkeys(letters, 1)
    assert (await desk.room())["status"] == "ready"
