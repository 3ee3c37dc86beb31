from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.telemetry.protocol.codec import encode
from appliance.telemetry.protocol.payloads import CallPhase, Ending, Health, Info, Issue, Severity, Stamp, State
from appliance.telemetry.protocol.topics import Topics
from fleet.console import table
from fleet.rooms import Fleet, Presence

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
ROOM = Topics("home", "room-1")
STAMP = Stamp(1, "boot-1", 1, int(NOW.timestamp() * 1000) - 90_000)


def heard(*bodies, fleet=None, retained=False):
    fleet = fleet or Fleet()
    for body in bodies:
        topic = {State: ROOM.state, Info: ROOM.info, Health: ROOM.health}[type(body)]
        fleet.hear(topic, encode(STAMP, body), retained=retained, now=NOW)
    return fleet


def lost(bd):
    return State(online=False, bd=bd, ended=Ending.LOST)


def test_a_room_is_online_lost_or_gone_on_purpose():
    assert heard(State(True, 1)).rooms[ROOM].presence is Presence.ONLINE
    assert heard(State(True, 1), lost(1)).rooms[ROOM].presence is Presence.LOST
    goodbye = State(online=False, bd=1, ended=Ending.STOPPED)
    assert heard(State(True, 1), goodbye).rooms[ROOM].presence is Presence.OFFLINE


def test_a_late_will_of_an_older_session_means_nothing():
    room = heard(State(True, 4), State(True, 5), lost(4)).rooms[ROOM]
    assert (room.presence, room.bd) == (Presence.ONLINE, 5)


def test_a_room_that_lost_its_memory_is_believed_when_it_is_there():
    assert heard(State(True, 9), State(True, 1)).rooms[ROOM].presence is Presence.ONLINE


def test_what_the_broker_kept_is_dated_by_the_room_and_what_is_live_by_us():
    assert heard(State(True, 1), retained=True).rooms[ROOM].seen == NOW - timedelta(seconds=90)
    assert heard(State(True, 1)).rooms[ROOM].seen == NOW


def test_a_clock_from_another_age_is_no_reason_to_fall_over():
    fleet = Fleet()
    fleet.hear(ROOM.state, encode(Stamp(1, "b", 1, 2**62), State(True, 1)), retained=True, now=NOW)
    assert fleet.rooms[ROOM].seen == NOW


def test_a_room_whose_state_is_cleared_is_forgotten():
    fleet = heard(State(True, 1))
    fleet.hear(ROOM.state, b"", retained=False, now=NOW)
    assert not fleet.rooms


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from([ROOM.state, ROOM.info, ROOM.health, ROOM.event, "x"]), st.binary())))
def test_nonsense_is_counted_and_hides_no_room(messages):
    fleet = heard(State(True, 1), Info("Blue"))
    for topic, payload in messages:
        if payload:
            fleet.hear(topic, payload, retained=False, now=NOW)
    assert fleet.refused == sum(bool(payload) for topic, payload in messages if topic not in {"x", ROOM.event})
    assert fleet.rooms[ROOM].name == "Blue"


def test_invented_rooms_are_bounded(monkeypatch):
    monkeypatch.setattr("fleet.rooms.MOST_ROOMS", 2)
    fleet = Fleet()
    for number in range(4):
        fleet.hear(Topics("home", f"r{number}").state, encode(STAMP, State(True, 1)), retained=False, now=NOW)
    assert (len(fleet.rooms), fleet.refused) == (2, 2)


def test_the_table_is_aligned_and_strangers_names_cannot_break_it():
    health = Health(CallPhase.LIVE, issues=(Issue("a", Severity.ERROR, "x"), Issue("b", Severity.ERROR, "y")))
    fleet = heard(State(True, 1, phase=CallPhase.IDLE), Info("Blue\n\x1b[31mroom"), health)
    attic = Topics("home", "attic")
    fleet.hear(attic.state, encode(STAMP, lost(3)), retained=True, now=NOW)
    assert table(fleet.rooms.values(), NOW) == [
        "ROOM    NAME           STATE   PHASE  LAST SEEN  ISSUES",
        "attic                  lost    -      1 min ago  -",
        "room-1  Blue [31mroom  online  live   now        2",
    ]
