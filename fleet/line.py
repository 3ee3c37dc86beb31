"""The console's connection to a broker: paho on a thread of its own, seen from asyncio. MQTT 3.1.1, QoS 1."""

import asyncio
import select
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from appliance.errors import SalonError
from appliance.mqtt import TidySocket, hang_up, heard
from appliance.telemetry.protocol.address import BrokerAddress

_KEEPALIVE_S = 30
_CONNECT_S = 5
_WAIT_S = 10
_IN_FLIGHT = 200
_MANY = 500
"""Packets read together after which there is no rest: the broker has more to tell than it can keep for long."""
_QUEUED = 20_000
"""Messages in paho's memory. What does not fit is dropped: acknowledgements and orders are said again."""


class BrokerUnreachable(SalonError, OSError):
    """The console cannot talk to the broker; says why and what would help."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where the broker is, and how to get in."""

    address: BrokerAddress
    client_id: str = ""
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


class Line:
    """An open connection, as a context. `over` ends when it does; `hear` is called on the connection's own thread.

    `hear` gets topic, payload and whether the broker had kept it; of a too large payload only so much that it is seen
    to be too large. With `gather_s` it rests so long after what it has read, unless that was much: to wake for a
    message costs more than to read it, and who speaks after a silence is heard at once.
    """

    def __init__(
        self,
        access: Access,
        *,
        subscribe: Sequence[str] = (),
        hear: Callable[[str, bytes, bool], None],
        qos: int = 1,
        gather_s: float = 0.0,
    ) -> None:
        self._access = access
        self._subscribe = tuple((topic, qos) for topic in subscribe)
        self._hear = hear
        self._gather_s = gather_s
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._closing = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mqtt")

    async def __aenter__(self) -> Self:
        """Connect, be let in and subscribe, or raise `BrokerUnreachable`."""
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

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 1) -> None:
        """Say something to a room; what cannot be sent is dropped, since all of it is said again."""
        self._client.publish(topic, payload, qos=qos, retain=retain)

    def why_over(self) -> str:
        """Return why the connection ended, in words."""
        err = self.over.exception() if self.over.done() and not self.over.cancelled() else None
        why = getattr(err, "strerror", None) or err or "it hung up"
        return f"The MQTT broker at {self._access.address} cannot be used ({why}); is it running?"

    async def _welcome(self) -> None:
        either: set[asyncio.Future[Any]] = {self._ready, self.over}
        await asyncio.wait(either, timeout=_WAIT_S, return_when=asyncio.FIRST_COMPLETED)
        where = f"The MQTT broker at {self._access.address}"
        if self._ready.done():
            if (code := self._ready.result()).is_failure:
                raise BrokerUnreachable(f"{where} refuses: {code}. Check the password.")
        elif self.over.done():
            raise BrokerUnreachable(self.why_over())
        else:
            raise BrokerUnreachable(f"{where} cannot be used (it says nothing); is it running?")

    async def _close(self) -> None:
        self._closing = True
        await hang_up(self._client, self.over, self._thread)

    def _make_client(self) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2, self._access.client_id, clean_session=True, reconnect_on_failure=False
        )
        client.connect_timeout = _CONNECT_S
        client.max_inflight_messages_set(_IN_FLIGHT)
        client.max_queued_messages_set(_QUEUED)
        # with this set, publish() only queues, and the socket belongs to one thread
        client.on_socket_register_write = lambda _c, _u, _sock: None
        client.on_connect = self._on_connect
        client.on_subscribe = lambda _c, _u, _mid, codes, _p: self._in_loop(codes[0])
        client.on_message = self._on_message
        try:
            self._let_in(client)
        except (OSError, UnicodeDecodeError) as err:
            raise BrokerUnreachable(f"Cannot read the password_file, ca_file or cert_file for MQTT: {err}.") from err
        return client

    def _let_in(self, client: paho.Client) -> None:
        access = self._access
        if access.username or access.password_file:
            password = Path(access.password_file).read_text().partition("\n")[0].strip()
            client.username_pw_set(access.username, password)
        if access.address.tls:
            context = ssl.create_default_context(cafile=access.ca_file or None)
            context.sslsocket_class = TidySocket
            if access.cert_file:
                context.load_cert_chain(access.cert_file, access.key_file)
            client.tls_set_context(context)

    def _talk(self) -> None:
        """Connect and run until it is over; on paho's thread, and whatever happens there ends in `over`."""
        self._client.connect(self._access.address.host, self._access.address.port, _KEEPALIVE_S)
        if self._closing:
            self._client.disconnect()
        while self._client.loop(1.0) == MQTTErrorCode.MQTT_ERR_SUCCESS:
            if self._gather_s and self._read_all() < _MANY:
                time.sleep(self._gather_s)

    def _read_all(self) -> int:
        """Read what has arrived together, but no more than `_MANY` packets: what we say goes out in between."""
        read = 0
        while (
            read < _MANY
            and _has_more(self._client.socket())
            and self._client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
        ):
            read += 1
        return read

    def _on_connect(self, client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _props: Any) -> None:
        if self._subscribe and not code.is_failure:
            client.subscribe(list(self._subscribe))
        else:
            self._in_loop(code)

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        if found := heard(message):
            self._hear(*found, message.retain)

    def _in_loop(self, code: ReasonCode) -> None:
        self._loop.call_soon_threadsafe(self._settle, code)

    def _settle(self, code: ReasonCode) -> None:
        if not self._ready.done():
            self._ready.set_result(code)


def _has_more(sock: Any) -> bool:
    if sock is None:
        return False
    # what TLS has read ahead is no more at the socket
    if isinstance(sock, ssl.SSLSocket) and sock.pending():
        return True
    return bool(select.select([sock], [], [], 0)[0])
