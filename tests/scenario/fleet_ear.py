"""A stranger at the room's broker: hears everything, and asks for things."""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from story import sees

from appliance.telemetry.protocol.codec import encode_call
from appliance.telemetry.protocol.orders import Job, JobKind, Jobs, Order, body_of
from appliance.telemetry.protocol.payloads import Call
from appliance.telemetry.protocol.topics import Topics
from benchmarks.room import Room

ORG = "demo"


class FleetEar:
    """What was said at the broker while this was open."""

    def __init__(self, client: paho.Client) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._client = client
        client.on_message = lambda _client, _data, message: self.heard.append((message.topic, message.payload))

    def ask(self, room_id: str, wish: str, **args: str) -> dict[str, Any]:
        """Call a room and return its answer."""
        topics, call_id = Topics(ORG, room_id), secrets.token_hex(8)
        call = Call(call_id, wish, int(time.time() * 1000) + 60_000, args)
        self.say(topics.call, encode_call(call))
        sees(lambda: any(answer["id"] == call_id for answer in self.answers(topics)))
        return next(answer for answer in self.answers(topics) if answer["id"] == call_id)

    def order(self, room_id: str, kind: JobKind, **args: str) -> None:
        """Give a room a job, as the console's retained list of jobs."""
        topics, expires = Topics(ORG, room_id), int(time.time() * 1000) + 60_000
        jobs = Jobs((Job(secrets.token_hex(8), kind, expires, args=args),))
        self.say(topics.jobs, json.dumps(body_of(topics, Order.JOBS, jobs, expires=expires)).encode(), retain=True)

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send something, as a console would."""
        self._client.publish(topic, payload, qos=1, retain=retain)

    def answers(self, topics: Topics) -> list[dict[str, Any]]:
        """Return all answers of a room so far."""
        events = [json.loads(payload) for topic, payload in list(self.heard) if topic == topics.event]
        return [event["data"] for event in events if event.get("data")]


@contextmanager
def listening(room: Room) -> Iterator[FleetEar]:
    """Connect to the room's broker, as soon as there is one, and hear all its topics."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    ear, subscribed = FleetEar(client), []
    client.on_connect = lambda *_: client.subscribe("#", qos=1)
    client.on_subscribe = lambda *_: subscribed.append(True)
    sees(lambda: _connects(client, room.stage.broker_port))
    client.loop_start()
    try:
        sees(lambda: bool(subscribed))
        yield ear
    finally:
        client.disconnect()
        client.loop_stop()


def _connects(client: paho.Client, port: int) -> bool:
    with suppress(OSError):
        client.connect("127.0.0.1", port)
        return True
    return False
