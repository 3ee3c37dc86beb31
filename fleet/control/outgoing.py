"""What the console says to rooms, as messages. Pure.

Nothing rests on a broker's memory: whoever sends these says them again after each connection, to each room that is
born again, and before they expire.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.state.wire import to_json
from appliance.telemetry.protocol.codec import dump
from appliance.telemetry.protocol.orders import MOST_JOBS, Bound, Desired, Job, Jobs, Order, body_of
from appliance.telemetry.protocol.payloads import Call
from appliance.telemetry.protocol.signed import sign
from appliance.telemetry.protocol.topics import Topics

LIFE_MS = 7 * 24 * 3600 * 1000
"""An order that lasts expires then, unless it is said again, which it is every day."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to a room."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Voice:
    """Speaks for the console of an organisation. Without a key only rooms on the broker's own machine listen."""

    org: str
    key: Ed25519PrivateKey | None

    def desired(self, room: str, rev: int, doc: Mapping[str, Any], now: int) -> Message:
        """Return the configuration a room should have."""
        topics = Topics(self.org, room)
        body = body_of(topics, Order.DESIRED, Desired(rev, dict(doc)), expires=now + LIFE_MS)
        return Message(topics.desired, self._sealed(body), retain=True)

    def jobs(self, room: str, jobs: Sequence[Job], now: int) -> list[Message]:
        """Return a room's open jobs, the oldest first; without any the broker need keep nothing."""
        topics = Topics(self.org, room)
        body = body_of(topics, Order.JOBS, Jobs(tuple(jobs[:MOST_JOBS])), expires=now + LIFE_MS)
        told = Message(topics.jobs, self._sealed(body), retain=bool(jobs))
        # the room believes what is signed; the empty message after it is for the broker alone
        return [told] if jobs else [told, Message(topics.jobs, b"", retain=True)]

    def call(self, room: str, call: Call) -> Message:
        """Return a live request."""
        topics = Topics(self.org, room)
        body = {
            **to_json(Bound(Order.CALL, self.org, room, call.expires)),
            "id": call.id,
            "cmd": call.cmd,
            "args": dict(call.args),
        }
        return Message(topics.call, self._sealed(body))

    def silence(self, room: str) -> list[Message]:
        """Take away what the broker keeps for, and of, a room that is not ours any more."""
        topics = Topics(self.org, room)
        kept = (topics.desired, topics.jobs, topics.state, topics.info, topics.reported)
        return [Message(topic, b"", retain=True) for topic in kept]

    def _sealed(self, body: dict[str, Any]) -> bytes:
        return sign(body, self.key) if self.key else dump(body)
