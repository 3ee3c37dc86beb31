"""Whose orders a room takes: signed by its own console, for this room, on this topic, in time; nobody else's."""

import asyncio
import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from appliance.state.commands import Ack, Leave, Origin
from appliance.telemetry.calls import CallDesk
from appliance.telemetry.connection import Incoming
from appliance.telemetry.gate import trusting
from appliance.telemetry.order_desk import OrderDesk
from appliance.telemetry.protocol.codec import encode_call
from appliance.telemetry.protocol.orders import Desired, Job, JobKind, Jobs, Order, body_of, call_body
from appliance.telemetry.protocol.payloads import Answer, Call, Reported
from appliance.telemetry.protocol.signed import public_of, sign
from appliance.telemetry.protocol.topics import Topics

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
SOON = NOW_MS + 30_000
HERE, ELSEWHERE = Topics("home", "room-1"), Topics("home", "room-2")
KEY, ANOTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
CALL = Call("c1", "leave", SOON)
DESIRED = Desired(7, {"joining": {"enter_muted": True}})
JOBS = Jobs((Job("j1", JobKind.REBOOT, SOON),))


@dataclass
class Room:
    """A desk, and what came through to the room."""

    desk: OrderDesk = field(init=False)
    peer: str = ""
    done: list = field(default_factory=list)
    health: list = field(default_factory=list)

    async def dispatch(self, command, origin):
        self.done.append((command, origin))
        return Ack()

    async def keep(self, journal):
        pass

    async def configure(self, desired):
        self.done.append(desired)

    async def work(self, jobs):
        self.done.append(jobs)

    def reported(self):
        return Reported()

    def take(self, topic, payload, *, retained=False):
        return asyncio.run(self.desk.take(Incoming(topic, payload, retained, self.peer)))


def a_room(*keys, host="127.0.0.1", peer="127.0.0.1"):
    room = Room()
    calls = CallDesk(dispatch=room.dispatch, rebirth=lambda: None, now=lambda: NOW, keep=room.keep)
    room.desk = OrderDesk(
        topics=HERE,
        host=host,
        calls=calls,
        orders=room,
        keys=tuple(public_of(key) for key in keys),
        now=lambda: NOW,
        tell=room.health.append,
    )
    room.peer = peer
    return room


def signed(order, topics=HERE, key=KEY, expires=SOON):
    if isinstance(order, Call):
        return sign(call_body(topics, order), key)
    return sign(
        body_of(topics, Order.DESIRED if isinstance(order, Desired) else Order.JOBS, order, expires=expires), key
    )


def plain(order):
    return json.loads(signed(order))["body"].encode()


TO_HERE = {"org": "home", "room": "room-1", "expires": SOON}
WAYS = [(HERE.call, CALL, (Leave(), Origin.REMOTE)), (HERE.desired, DESIRED, DESIRED), (HERE.jobs, JOBS, JOBS)]


@pytest.mark.parametrize(("topic", "order", "done"), WAYS)
def test_what_the_pinned_console_signed_is_done(topic, order, done):
    room = a_room(KEY, host="broker.example.org", peer="192.0.2.1")
    room.take(topic, signed(order))
    assert (room.done, room.health, room.desk.calls.refused) == ([done], [], 0)


@pytest.mark.parametrize(("topic", "order", "done"), WAYS)
def test_while_the_consoles_key_is_changed_both_keys_count(topic, order, done):
    room = a_room(ANOTHER, KEY)
    room.take(topic, signed(order))
    assert room.done == [done]


@pytest.mark.parametrize(("topic", "order", "done"), WAYS)
def test_a_room_without_a_console_takes_orders_from_a_broker_on_its_own_machine(topic, order, done):
    room = a_room()
    room.take(topic, plain(order))
    room.take(topic, signed(order))  # by whomever: a signature means nothing here
    assert room.done[0] == done
    assert room.desk.calls.refused == 0


def test_a_plain_call_on_a_loopback_broker_needs_no_addressee():
    room = a_room()
    assert room.take(HERE.call, encode_call(CALL)).status is Answer.OK


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("broker.lan", "192.0.2.1"),
        ("127.0.0.1", "192.0.2.1"),
        ("broker.lan", "127.0.0.1"),
        ("127.0.0.1", ""),
        ("::1", "fe80::1%eth0"),
    ],
)
@pytest.mark.parametrize(("topic", "order", "done"), WAYS)
def test_from_a_broker_elsewhere_nothing_unsigned_is_taken(topic, order, done, host, peer):
    room = a_room(host=host, peer=peer)
    room.take(topic, plain(order))
    room.take(topic, signed(order))
    assert room.done == []
    assert room.desk.calls.refused == 2


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_loopback_has_many_names(host, peer):
    assert trusting((), host=host, peer=peer).unsigned
    assert not trusting((public_of(KEY),), host=host, peer=peer).unsigned


@pytest.mark.parametrize(("topic", "order", "done"), WAYS)
@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(plain, id="not signed"),
        pytest.param(lambda order: signed(order, key=ANOTHER), id="by another console"),
        pytest.param(lambda order: signed(order, ELSEWHERE), id="for another room"),
        pytest.param(lambda order: signed(order, Topics("other", "room-1")), id="for another organisation"),
        pytest.param(lambda order: signed(order).replace(b'\\"home\\"', b'\\"hole\\"'), id="tampered with"),
        pytest.param(lambda order: signed(order).replace(b'"sig":"', b'"sig":"A'), id="a signature too long"),
    ],
)
def test_an_order_that_is_not_right_does_nothing_and_is_counted(topic, order, done, spoilt):
    room = a_room(KEY)
    room.take(topic, spoilt(order))
    assert room.done == []
    assert room.desk.calls.refused == 1


WRONG_TOPICS = [(topic, order) for topic, right, _ in WAYS for _, order, _ in WAYS if order is not right]


NEXT = {"v": 2, "zones": ["north"]}
"""What a body of the next version may say besides."""


def test_what_the_next_version_says_besides_is_left_out_and_the_rest_is_done():
    room = a_room(KEY)
    job = {"id": "j1", "kind": "reboot", "expires": SOON, **NEXT}
    room.take(HERE.jobs, sign({"kind": "jobs", **TO_HERE, "jobs": [job], **NEXT}, KEY))
    room.take(HERE.desired, sign({"kind": "desired", **TO_HERE, "rev": 7, "doc": DESIRED.doc, **NEXT}, KEY))
    room.take(HERE.call, sign({"kind": "call", **TO_HERE, "id": "c1", "cmd": "leave", "args": {}, **NEXT}, KEY))
    assert room.done == [JOBS, DESIRED, (Leave(), Origin.REMOTE)]
    assert room.health == []


def test_a_job_of_the_next_version_is_handed_on_as_unknown_beside_those_that_are_known():
    room = a_room(KEY)
    jobs = [{"id": "j0", "kind": "paint", "expires": SOON}, {"id": "j1", "kind": "reboot", "expires": SOON}]
    room.take(HERE.jobs, sign({"kind": "jobs", **TO_HERE, "jobs": jobs}, KEY))
    (heard,) = room.done
    assert [(job.id, job.kind) for job in heard.jobs] == [("j0", JobKind.UNKNOWN), ("j1", JobKind.REBOOT)]


@pytest.mark.parametrize("topic", [HERE.call, HERE.desired, HERE.jobs])
def test_an_order_of_a_kind_of_the_next_version_does_nothing_is_told_and_holds_nothing_up(topic):
    room = a_room(KEY)
    body = {"kind": "paint", **TO_HERE, "id": "c1", "cmd": "leave", "rev": 7, "doc": {}, "jobs": []}
    room.take(topic, sign(body, KEY))
    assert (room.done, room.desk.calls.refused) == ([], 1)
    room.take(HERE.jobs, signed(JOBS))
    assert room.done == [JOBS]


@pytest.mark.parametrize(("topic", "order"), WRONG_TOPICS)
def test_an_order_counts_on_its_own_topic_only(topic, order):
    room = a_room(KEY)
    room.take(topic, signed(order))
    assert room.done == []
    assert room.desk.calls.refused == 1


@pytest.mark.parametrize(("topic", "order", "done"), WAYS[1:])
def test_an_expired_order_does_nothing(topic, order, done):
    room = a_room(KEY)
    room.take(topic, signed(order, expires=NOW_MS))
    assert room.done == []
    assert "has expired" in room.health[0].detail


def test_a_signed_call_that_has_expired_or_was_retained_does_nothing():
    room = a_room(KEY)
    late = room.take(HERE.call, signed(Call("c1", "leave", NOW_MS)))
    assert late.status is Answer.REFUSED
    assert room.take(HERE.call, signed(CALL), retained=True) is None
    assert room.done == []


def test_a_signed_call_is_done_once():
    room = a_room(KEY)
    answers = [room.take(HERE.call, signed(CALL)) for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(room.done) == 1


def test_who_sends_a_plain_call_to_an_enrolled_room_is_told_why_it_is_refused():
    answer = a_room(KEY).take(HERE.call, encode_call(CALL))
    assert (answer.id, answer.status) == ("c1", Answer.REFUSED)
    assert "not signed by this room's console" in answer.reason


def test_a_refused_order_is_an_issue_until_a_good_one_comes_and_is_logged_once(caplog):
    room = a_room(KEY)
    for _ in range(3):
        room.take(HERE.desired, signed(DESIRED, ELSEWHERE))
    assert [(health.name, health.ok) for health in room.health] == [("orders", False)]
    assert len(caplog.records) == 1
    room.take(HERE.desired, signed(DESIRED))
    assert room.health[-1].ok


def test_an_empty_message_only_clears_what_the_broker_retained():
    room = a_room(KEY)
    room.take(HERE.desired, b"")
    assert (room.done, room.desk.calls.refused) == ([], 0)


MESSAGES = st.one_of(
    st.binary(max_size=200),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["v", "key", "sig", "body", "kind"]), inner)
        ),
    ).map(lambda data: json.dumps(data).encode()),
    st.tuples(st.sampled_from([CALL, DESIRED, JOBS]), st.integers(0, 600), st.integers(1, 255)).map(
        lambda what: _flipped(signed(what[0]), what[1], what[2])
    ),
)


def _flipped(message, place, mask):
    place %= len(message)
    return message[:place] + bytes([message[place] ^ mask]) + message[place + 1 :]


@given(MESSAGES, st.sampled_from([HERE.call, HERE.desired, HERE.jobs]))
def test_no_message_that_the_console_did_not_sign_does_anything(message, topic):
    room = a_room(KEY)
    room.take(topic, message)
    if room.done:  # whitespace, or a spelling of the same text: the signature still stands over what was done
        envelope = json.loads(message)
        KEY.public_key().verify(
            base64.urlsafe_b64decode(envelope["sig"]), b"salon order v1\n" + envelope["body"].encode()
        )
