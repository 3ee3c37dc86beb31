"""One connection to an MQTT broker: paho on a thread of its own, seen from asyncio. QoS 1.

All that is needed is MQTT 3.1.1; what 5 adds where the broker speaks it is said at its place.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from appliance.mqtt import TidySocket, hang_up, heard
from appliance.telemetry.protocol.address import BrokerAddress
from appliance.telemetry.reporter import Outgoing

logger = logging.getLogger(__name__)

KEEPALIVE_S = 30
_CONNECT_S = 5
_WAIT_S = 10
_FIVE_S = 2
"""A broker that knows MQTT 5 answers within this time."""
_NO_FIVE = 132
"""Unsupported protocol version; paho says it for the answer of 3.1.1 as well."""
_TAKEN_OVER = 142
_QUEUED = 64
"""Messages in paho's memory; what does not fit is dropped, the next health replaces it."""


class BrokerAway(OSError):
    """The broker cannot be used; says why and what would help."""


class NotInFive(BrokerAway):
    """The broker does not take MQTT 5; it may take 3.1.1."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to get in."""

    address: BrokerAddress
    client_id: str
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    certificate_file: str = ""
    """The room's own certificate and its key, PEM; empty for none."""
    five: bool = False
    """Speak MQTT 5."""
    will_delay_s: int = 0
    """With MQTT 5 the broker waits so long before it declares the client lost: a short loss is none."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message from the broker; of a too large one only so much that it is seen to be too large."""

    topic: str
    payload: bytes
    retained: bool
    peer: str = ""
    """The address of the broker that really answered."""


class Connection:
    """An open connection, as a context. `over` ends when it does; messages come to `hear` in the event loop."""

    def __init__(
        self,
        access: Access,
        *,
        will: Outgoing,
        subscribe: Sequence[str],
        hear: Callable[[Incoming], None],
        on_taken: Callable[[str, str], None] = lambda _topic, _why_not: None,
    ) -> None:
        self._access = access
        self._subscribe = tuple(subscribe)
        self._hear = hear
        self._on_taken = on_taken
        """With MQTT 5: told of each message whether the broker took it, and if not, why."""
        self._loop = asyncio.get_running_loop()
        self._accepted: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._answered: asyncio.Future[None] = self._loop.create_future()
        self._asked: dict[int, tuple[str, ...]] = {}
        """Topics of each request to listen that the broker has not answered yet."""
        self._unacked: dict[int, str] = {}
        self._all_acked = asyncio.Event()
        self._closing = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mqtt")
        self._will = will
        self.taken_over = False
        """With MQTT 5: it ended because another client came with the same id."""
        self.listening: frozenset[str] = frozenset()
        """The topics the broker lets this client hear."""
        self._peer = ""

    async def __aenter__(self) -> Self:
        """Connect, be accepted and subscribe, or raise `BrokerAway`."""
        self._client = await asyncio.to_thread(self._make_client)
        self.over = self._loop.run_in_executor(self._thread, self._talk)
        try:
            await self._welcome()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    def send(self, message: Outgoing) -> bool:
        """Publish; False for what cannot be sent now and is dropped, since all of it is said again."""
        properties = None
        if self._access.five and message.worth_s is not None:
            properties = _properties(PacketTypes.PUBLISH, MessageExpiryInterval=message.worth_s)
        info = self._client.publish(message.topic, message.payload, qos=1, retain=message.retain, properties=properties)
        if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._unacked[info.mid] = message.topic
            self._all_acked.clear()
            return True
        return False

    @property
    def refused(self) -> tuple[str, ...]:
        """The topics the broker does not let this client hear."""
        return tuple(topic for topic in self._subscribe if topic not in self.listening)

    def ask_again(self) -> None:
        """Ask once more to hear what was refused: a cluster that has just lost a node refuses what it cannot do yet."""
        if refused := self.refused:
            _, request = self._client.subscribe([(topic, 1) for topic in refused])
            if request is not None:
                self._asked[request] = refused

    async def acked(self) -> None:
        """Wait until the broker has everything that was sent."""
        if self._unacked:
            await self._all_acked.wait()

    def why_over(self) -> str:
        """Return why the connection ended, in words."""
        err = self.over.exception() if self.over.done() and not self.over.cancelled() else None
        where = f"The MQTT broker at {self._access.address}"
        match err:
            case None:
                return f"{where} closed the connection."
            case ssl.SSLError():
                return f"{where} has no certificate this room trusts ({err.reason or err}); check ca_file and the name."
            case OSError():
                return f"{where} does not answer ({err.strerror or err or type(err).__name__}); is it running?"
        return f"{where} does not speak MQTT ({type(err).__name__})."

    async def _welcome(self) -> None:
        code = await self._welcomed_in_five() if self._access.five else await self._before_over(self._accepted)
        if code.is_failure:
            advice = "check username and password_file" if code.value in {134, 135} else "look at its log"
            raise BrokerAway(f"The MQTT broker at {self._access.address} refuses this room ({code}); {advice}.")
        await self._before_over(self._answered)
        for topic in self.refused:
            logger.info("The MQTT broker does not let this room listen to %s", topic)

    async def _welcomed_in_five(self) -> ReasonCode:
        """Return the answer, or raise `NotInFive`: some refuse, some hang up, and amqtt says nothing at all."""
        try:
            code: ReasonCode = await self._before_over(self._accepted, min(_FIVE_S, _WAIT_S))
        except BrokerAway as err:
            if not self.over.done() or self.over.exception() is None:
                raise NotInFive(str(err)) from err
            raise
        if code.value == _NO_FIVE:
            raise NotInFive(f"The MQTT broker at {self._access.address} does not speak MQTT 5.")
        return code

    async def _before_over(self, future: asyncio.Future[Any], within_s: float | None = None) -> Any:
        try:
            async with asyncio.timeout(within_s or _WAIT_S):
                await asyncio.wait({future, self.over}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError as err:
            raise BrokerAway(f"The MQTT broker at {self._access.address} accepts calls but says nothing.") from err
        if not future.done():
            raise BrokerAway(self.why_over())
        return future.result()

    async def _close(self) -> None:
        self._closing = True
        await hang_up(self._client, self.over, self._thread)

    def _make_client(self) -> paho.Client:
        five = self._access.five
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            self._access.client_id,
            clean_session=None if five else True,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = _CONNECT_S
        client.max_queued_messages_set(_QUEUED)
        delay = self._access.will_delay_s
        will = _properties(PacketTypes.WILLMESSAGE, WillDelayInterval=delay) if five else None
        client.will_set(self._will.topic, self._will.payload, qos=1, retain=self._will.retain, properties=will)
        client.on_connect = self._on_connect
        client.on_subscribe = lambda _c, _u, mid, codes, _p: self._in_loop(self._on_granted, mid, codes)
        client.on_publish = lambda _c, _u, mid, code, _p: self._in_loop(self._on_acked, mid, code)
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        # with this set, publish() only queues, and the socket belongs to one thread
        client.on_socket_register_write = lambda _c, _u, _sock: None
        self._let_in(client)
        return client

    def _let_in(self, client: paho.Client) -> None:
        access = self._access
        if access.password_file or access.username:
            client.username_pw_set(access.username, read_password(access.password_file))
        if access.address.tls:
            try:
                context = ssl.create_default_context(cafile=access.ca_file or None)
            except OSError as err:
                raise BrokerAway(f"{access.ca_file} holds no certificates for MQTT; check ca_file.") from err
            if access.certificate_file:
                self._show_certificate(context)
            context.sslsocket_class = TidySocket
            client.tls_set_context(context)

    def _show_certificate(self, context: ssl.SSLContext) -> None:
        try:
            context.load_cert_chain(self._access.certificate_file)
        except OSError as err:
            raise BrokerAway("The room's own certificate cannot be read; enrol the room again: salon setup.") from err

    def _talk(self) -> None:
        """Connect and run until it is over; on paho's thread, and whatever happens there ends in `over`."""
        address = self._access.address
        if self._access.five:
            # the session outlives the connection as long as the will waits, or it would be spoken at once
            kept = _properties(PacketTypes.CONNECT, SessionExpiryInterval=self._access.will_delay_s)
            self._client.connect(address.host, address.port, KEEPALIVE_S, clean_start=False, properties=kept)
        else:
            self._client.connect(address.host, address.port, KEEPALIVE_S)
        if self._closing:
            self._client.disconnect()
        while self._client.loop(1.0) == MQTTErrorCode.MQTT_ERR_SUCCESS:
            pass

    def _on_connect(self, client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _props: Any) -> None:
        if isinstance(line := client.socket(), socket.socket):
            with suppress(OSError):
                self._peer = str(line.getpeername()[0])
        if not code.is_failure:
            self.ask_again()
        self._in_loop(_settle, self._accepted, code)

    def _on_granted(self, request: int, grants: list[ReasonCode]) -> None:
        asked = zip(self._asked.pop(request, ()), grants, strict=False)
        self.listening |= {topic for topic, grant in asked if not grant.is_failure}
        _settle(self._answered, None)

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        if found := heard(message):
            self._in_loop(self._hear, Incoming(*found, message.retain, self._peer))

    def _on_disconnect(self, _client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _props: Any) -> None:
        # it may be told twice, and the second time without the reason
        self.taken_over = self.taken_over or code.value == _TAKEN_OVER

    def _in_loop(self, callback: Callable[..., None], *args: Any) -> None:
        self._loop.call_soon_threadsafe(callback, *args)

    def _on_acked(self, mid: int, code: ReasonCode) -> None:
        topic = self._unacked.pop(mid, "")
        if self._access.five and topic:
            self._on_taken(topic, str(code) if code.is_failure else "")
        if not self._unacked:
            self._all_acked.set()


def read_password(path: str) -> str | None:
    """Return the first line of a password file."""
    if not path:
        return None
    try:
        return Path(path).read_text().partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as err:
        raise BrokerAway(f"The MQTT password cannot be read from {path}; check password_file.") from err


def _settle(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _properties(packet: int, **values: int) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call]  # paho's one class without types
    for name, value in values.items():
        setattr(properties, name, value)
    return properties
