import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.telemetry.protocol.address import BadBrokerUrl, BrokerAddress, broker_address
from appliance.telemetry.protocol.codec import MAX_BYTES, BadCall, BadPayload, decode, decode_call, encode, encode_call
from appliance.telemetry.protocol.payloads import (
    Call,
    CallAck,
    CallPhase,
    ClockSync,
    Event,
    Health,
    Info,
    Issue,
    Severity,
    Stamp,
    State,
)
from appliance.telemetry.protocol.topics import Topics, every_room, spoken_by

# a slow machine's first look at Unicode takes seconds
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
STAMP = Stamp(1, "boot-1", 7, 1_790_000_000_000, 5000, ClockSync.YES)
KINDS = [State, Info, Health, Event]
WORDS = st.text(st.characters(codec="utf-8"), max_size=200)
ISSUES = st.builds(Issue, WORDS, st.sampled_from(Severity), WORDS, WORDS, st.none() | st.integers(0, 2**60))
BODIES = st.one_of(
    st.builds(State, st.booleans(), st.integers(0, 2**60), WORDS, st.none() | WORDS, st.none() | WORDS),
    st.builds(Info, WORDS, WORDS, commands=st.lists(WORDS, max_size=5).map(tuple)),
    st.builds(Health, st.sampled_from(CallPhase), issues=st.lists(ISSUES, max_size=5).map(tuple)),
    st.builds(Event, WORDS, data=st.none() | st.builds(CallAck, WORDS, WORDS, st.just("ok"), WORDS)),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=20,
)


@PATIENT
@given(BODIES)
def test_what_is_encoded_is_decoded_to_the_same(body):
    assert decode(type(body), encode(STAMP, body)) == (STAMP, body)


@PATIENT
@given(st.sampled_from(KINDS), st.binary(max_size=300) | JSON.map(lambda data: json.dumps(data).encode()))
def test_any_bytes_are_read_or_refused_in_words(kind, payload):
    for read in (lambda: decode(kind, payload), lambda: decode_call(payload)):
        try:
            read()
        except BadPayload as err:
            assert 0 < len(str(err)) < 300  # noqa: PT017 - either outcome is fine


def test_unknown_keys_are_ignored_and_unknown_words_read_as_unknown():
    message = {**json.loads(encode(STAMP, State(True, 1))), "colour": "blue", "phase": "levitating", "sync": "step"}
    stamp, state = decode(State, json.dumps(message).encode())
    assert state == State(True, 1, phase=CallPhase.UNKNOWN)
    assert stamp == replace(STAMP, sync=ClockSync.UNKNOWN)


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"\xff\xfe{}", "not JSON in UTF-8"),
        (b'"' + b"x" * MAX_BYTES + b'"', "more than 65536 bytes"),
        (b"[" * 60_000, "nested more than 16 deep"),
        (b'{"a":' * 16 + b"1" + b"}" * 16, "nested more than 16 deep"),
        (b'{"a":"' + b"x" * 1025 + b'"}', "text of more than 1024 bytes"),
        (b'{"a":NaN}', "not finite"),
        (b'{"a":1e999}', "not finite"),
        (b'{"a":' + b"9" * 30 + b"}", "beyond 64 bits"),
        (b'{"a":' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"a":"\\ud800"}', "not Unicode"),
        (b"[]", "not a JSON object"),
        (b"{}", "missing"),
    ],
)
def test_what_breaks_a_limit_is_refused(payload, why):
    with pytest.raises(BadPayload, match=why):
        decode(State, payload)


def test_text_at_the_limit_passes():
    _, info = decode(Info, encode(STAMP, Info("é" * 512)))
    assert info.name == "é" * 512


def test_a_call_survives_the_way():
    call = Call("c-1", "join", 5, {"key": "abc"})
    assert decode_call(encode_call(call)) == call


@pytest.mark.parametrize("call_id", [None, 7, "", "x" * 65, "a b", "ü", "a\n"])
def test_a_call_without_a_usable_id_has_nobody_to_answer_to(call_id):
    with pytest.raises(BadPayload) as caught:
        decode_call(json.dumps({"id": call_id, "cmd": "leave", "expires": 1}).encode())
    assert not isinstance(caught.value, BadCall)


@pytest.mark.parametrize(
    "wrong", [{"cmd": None}, {"cmd": ["leave"]}, {"expires": "5"}, {"expires": True}, {"args": []}, {"args": {"a": 1}}]
)
def test_a_wrong_call_with_an_id_can_be_answered(wrong):
    with pytest.raises(BadCall) as caught:
        decode_call(json.dumps({"id": "c1", "cmd": "leave", "expires": 1, **wrong}).encode())
    assert caught.value.call_id == "c1"


def test_topics_name_ids_only():
    topics = Topics("acme", "room-1")
    assert topics.state == "rooms/v1/acme/room-1/up/state"
    assert topics.call == "rooms/v1/acme/room-1/down/call"
    assert every_room("acme") == "rooms/v1/acme/+/up/#"
    assert spoken_by(topics.health) == (topics, "health")


@pytest.mark.parametrize("word", ["", "Blue Room", "a/b", "+", "#", "x" * 37, "ü", "a\n"])
def test_what_could_escape_its_level_is_no_topic(word):
    with pytest.raises(ValueError, match="topic"):
        Topics("acme", word)
    with pytest.raises(ValueError, match="topic"):
        Topics(word, "room-1")


@pytest.mark.parametrize("topic", ["", "rooms/v1/acme/room-1/down/call", "rooms/v2/a/b/up/state", "rooms/v1/A/b/up/x"])
def test_a_topic_no_room_says_is_nobodys(topic):
    assert spoken_by(topic) is None


def test_broker_addresses():
    assert broker_address("mqtt://broker.example") == BrokerAddress("broker.example", 1883)
    assert broker_address("mqtts://[::1]") == BrokerAddress("::1", 8883, tls=True)
    assert broker_address("mqtt://127.0.0.1:5000/") == BrokerAddress("127.0.0.1", 5000)


@pytest.mark.parametrize("url", ["", "broker", "http://x", "mqtt://", "mqtt://x:99999", "mqtt://x/path", "mqtt://["])
def test_a_wrong_broker_address_is_answered_with_a_right_one(url):
    with pytest.raises(BadBrokerUrl, match="mqtt://host:1883"):
        broker_address(url)


@pytest.mark.parametrize("url", ["mqtt://me:secret@x", "mqtt://me:secret@x:99999"])
def test_a_password_in_the_address_is_refused_and_not_repeated(url):
    with pytest.raises(BadBrokerUrl) as caught:
        broker_address(url)
    assert "secret" not in str(caught.value)
