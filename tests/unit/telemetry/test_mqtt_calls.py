import asyncio
import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.state.commands import (
    Ack,
    CancelJoin,
    JoinMeeting,
    JoinUrl,
    Leave,
    Origin,
    SetMicMuted,
    SetVolume,
)
from appliance.state.room import MeetingKey
from appliance.telemetry.calls import REMOTE_COMMANDS, CallDesk, Journal
from appliance.telemetry.protocol.payloads import Answer
from appliance.telemetry.store import Stored, TelemetryFile

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)


class Office:
    """A desk, and what came of it."""

    def __init__(self, ack=None, journal=None):
        self.ack = ack or Ack()
        self.asked = []
        self.births = 0
        self.kept = []
        self.desk = CallDesk(
            dispatch=self.dispatch,
            rebirth=self.rebirth,
            now=lambda: NOW,
            keep=self.keep,
            journal=journal or Journal(),
        )

    async def dispatch(self, command, origin):
        self.asked.append((command, origin))
        return self.ack

    async def keep(self, journal):
        self.kept.append([entry.ack.status for entry in journal.entries.values()])

    def rebirth(self):
        self.births += 1


def call(cmd, call_id="c1", expires=NOW_MS + 30_000, **args):
    return json.dumps({"id": call_id, "cmd": cmd, "args": args, "expires": expires}).encode()


@pytest.mark.parametrize(
    ("payload", "command"),
    [
        (call("join_next"), JoinMeeting()),
        (call("join", key="uid-1"), JoinMeeting(MeetingKey("uid-1"))),
        (call("leave"), Leave()),
        (call("mute"), SetMicMuted(muted=True)),
    ],
)
async def test_a_call_becomes_a_command_from_afar(payload, command):
    office = Office()
    ack = await office.desk.take(payload)
    assert (ack.id, ack.status) == ("c1", Answer.OK)
    assert office.asked == [(command, Origin.REMOTE)]


async def test_rebirth_is_not_the_rooms_business():
    office = Office()
    assert (await office.desk.take(call("rebirth"))).status is Answer.OK
    assert (office.births, office.asked) == (1, [])


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (call("unmute"), "Only a touch in the room can unmute its microphone."),
        (call("camera_on"), "Only a touch in the room can switch its camera on."),
        (call("dance"), "Unknown command 'dance'; known: join, join_next, leave, mute, rebirth."),
        (call("mute", muted="false"), "mute takes no args."),
        (call("join"), 'join takes args {"key": "the meeting\'s key"}.'),
        (call("join", key="k", url="https://x"), 'join takes args {"key": "the meeting\'s key"}.'),
        (call("leave", expires=NOW_MS), "The call had expired; check that both clocks are right and ask again."),
        (call("leave", expires=NOW_MS + 3_600_001), "expires is too far ahead; at most 3600 s."),
    ],
)
async def test_what_may_not_be_asked_is_refused_with_the_reason_and_counted(payload, reason):
    office = Office()
    ack = await office.desk.take(payload)
    assert (ack.status, ack.reason) == (Answer.REFUSED, reason)
    assert (office.asked, office.desk.refused) == ([], 1)


async def test_the_rooms_own_refusal_reaches_the_caller():
    office = Office(Ack.refused("There is no meeting to join."))
    ack = await office.desk.take(call("join_next"))
    assert (ack.status, ack.reason) == (Answer.REFUSED, "There is no meeting to join.")


async def test_a_repeated_call_gets_the_first_answer_and_is_not_done_again():
    office = Office(Ack.failed("The hub is away."))
    first = await office.desk.take(call("join_next"))
    office.ack = Ack()
    assert await office.desk.take(call("join_next")) == first
    assert len(office.asked) == 1


async def test_a_call_is_written_down_before_it_is_done():
    office = Office()
    await office.desk.take(call("leave"))
    assert office.kept == [[Answer.FAILED], [Answer.OK]]


async def test_a_call_that_a_restart_interrupted_is_not_done_again(tmp_path):
    first, file = Office(), TelemetryFile(tmp_path / "mqtt.json")

    async def crash(command, origin):
        raise KeyboardInterrupt

    async def keep(journal):
        file.save(Stored(1, tuple(journal.entries.values())))

    first.desk.dispatch, first.desk.keep = crash, keep
    with pytest.raises(KeyboardInterrupt):
        await first.desk.take(call("leave"))
    second = Office(journal=Journal({entry.ack.id: entry for entry in file.load().calls}))
    ack = await second.desk.take(call("leave"))
    assert (ack.status, second.asked) == (Answer.FAILED, [])
    assert "restarted" in ack.reason


async def test_the_journal_is_bounded_and_forgets_what_is_expired():
    office = Office(journal=Journal(limit=2))
    for number in range(2):
        assert (await office.desk.take(call("leave", f"c{number}"))).status is Answer.OK
    assert (await office.desk.take(call("leave", "c2"))).reason == "Too many calls; ask again later."
    office.desk.now = lambda: datetime.fromtimestamp(NOW_MS / 1000 + 31, UTC)
    assert (await office.desk.take(call("leave", "c2", expires=NOW_MS + 60_000))).status is Answer.OK
    assert list(office.desk.journal.entries) == ["c2"]


async def test_a_room_that_does_not_answer_is_a_failure_in_words(monkeypatch):
    monkeypatch.setattr("appliance.telemetry.calls._ANSWER_WITHIN_S", 0.01)
    office = Office()

    async def forever(command, origin):
        await asyncio.Event().wait()

    office.desk.dispatch = forever
    ack = await office.desk.take(call("leave"))
    assert ack.status is Answer.FAILED
    assert "did not answer" in ack.reason


async def test_nonsense_is_counted_and_warned_of_once(caplog):
    office = Office()
    for payload in (b"", b"\xff", b"[]", b"{}", b'{"id": "x\\u0000"}'):
        assert await office.desk.take(payload) is None
    assert await office.desk.take(call("leave"), retained=True) is None
    assert office.desk.refused == 6
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_a_broken_call_with_an_id_is_answered():
    office = Office()
    ack = await office.desk.take(b'{"id": "c9", "cmd": 7}')
    assert (ack.id, ack.status, office.desk.refused) == ("c9", Answer.REFUSED, 1)


WORDS = st.sampled_from(
    [
        *REMOTE_COMMANDS,
        *("unmute", "camera_on", "camera_off", "set_mic_muted", "SetMicMuted", "SetCameraOff", "join_url", "MUTE"),
        *(kind.__name__ for kind in (JoinUrl, CancelJoin, SetVolume)),
    ]
)
VALUES = st.sampled_from(["", "false", "true", "0", "uid-1", "https://x/y"]) | st.booleans() | st.none() | st.text()
ARGS = st.dictionaries(st.sampled_from(["muted", "off", "key", "url", "type"]) | st.text(), VALUES, max_size=3)
CALLS = st.fixed_dictionaries(
    {"id": st.sampled_from(["a", "b", "c"]), "cmd": WORDS | st.text(), "expires": st.just(NOW_MS + 1)},
    optional={"args": ARGS, "muted": st.booleans(), "off": st.booleans(), "type": WORDS},
)
MESSAGES = st.lists(
    st.tuples(CALLS.map(lambda data: json.dumps(data).encode()) | st.binary(max_size=40), st.booleans()), max_size=12
)


# a slow machine's first look at Unicode takes seconds
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(MESSAGES)
def test_no_sequence_of_messages_unmutes_or_switches_a_camera_on(messages):
    office = Office()

    async def hear():
        for payload, retained in messages:
            await office.desk.take(payload, retained=retained)

    asyncio.run(hear())
    allowed = (JoinMeeting, Leave)
    for command, origin in office.asked:
        assert origin is Origin.REMOTE
        assert isinstance(command, allowed) or command == SetMicMuted(muted=True)
