"""Takes what a console sends this room: opens it, hands on what may be done, and counts and tells of what may not."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from appliance.state.room import ServiceHealth
from appliance.telemetry.calls import CallDesk
from appliance.telemetry.connection import Incoming
from appliance.telemetry.gate import Gate, trusting
from appliance.telemetry.protocol.codec import BadPayload
from appliance.telemetry.protocol.orders import Desired, Jobs
from appliance.telemetry.protocol.payloads import CallAck, Reported
from appliance.telemetry.protocol.signed import NotSigned
from appliance.telemetry.protocol.topics import Topics

logger = logging.getLogger(__name__)
SERVICE = "orders"


class Orders(Protocol):
    """What becomes of orders that last: the room's configuration and its jobs."""

    async def configure(self, desired: Desired) -> None:
        """Take a configuration."""

    async def work(self, jobs: Jobs) -> None:
        """Take the open jobs."""

    def reported(self) -> Reported:
        """Return the configuration in force."""


@dataclass(slots=True, kw_only=True)
class OrderDesk:
    """Takes one message at a time."""

    topics: Topics
    host: str
    """The broker's, by the settings."""
    calls: CallDesk
    orders: Orders | None
    keys: tuple[bytes, ...]
    """Of the console this room is enrolled at."""
    now: Callable[[], datetime]
    tell: Callable[[ServiceHealth], None]
    _trouble: str = field(default="", init=False)

    async def take(self, message: Incoming) -> CallAck | None:
        """Do what a message asks; returns the answer where there is somebody to answer to."""
        topics = self.topics
        # each message by itself: the first ones come while the connection is being made
        gate = Gate(topics, trusting(self.keys, host=self.host, peer=message.peer))
        try:
            if message.topic == topics.call:
                return await self.calls.take(message.payload, retained=message.retained, read=gate.call)
            if not message.payload or self.orders is None:
                return None  # a console that wants nothing any more clears what the broker retains
            if message.topic == topics.desired:
                await self.orders.configure(gate.desired(message.payload, self.now()))
            elif message.topic == topics.jobs:
                await self.orders.work(gate.jobs(message.payload, self.now()))
        except BadPayload as err:
            self._refuse(message.topic.rpartition("/")[2], err)
            return None
        self._be_well()
        return None

    def _refuse(self, leaf: str, err: BadPayload) -> None:
        self.calls.refused += 1
        remedy = " Somebody else may be at the broker, or the console has a new key." if _strange(err) else ""
        text = f"An order from the console (down/{leaf}) was refused: {err}.{remedy}"
        if text != self._trouble:
            logger.warning("%s", text)
            self._trouble = text
            self.tell(ServiceHealth(SERVICE, ok=False, detail=text, since=self.now()))

    def _be_well(self) -> None:
        if self._trouble:
            self._trouble = ""
            self.tell(ServiceHealth(SERVICE, ok=True, since=self.now()))


def _strange(err: BadPayload) -> bool:
    return isinstance(err, NotSigned)
