"""Listens to all rooms of an organisation: paho on its own thread, the fleet's picture in asyncio."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from appliance.telemetry.protocol.address import BrokerAddress, broker_address
from appliance.telemetry.protocol.codec import MAX_BYTES, encode_call
from appliance.telemetry.protocol.payloads import Call
from appliance.telemetry.protocol.topics import Topics, every_room
from fleet.rooms import Fleet

_CONNECT_S = 5
_WAIT_S = 10
_CLOSE_S = 2


class BrokerUnreachable(OSError):
    """The console cannot listen; says why and what would help."""


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """Which broker to listen to, and how to get in."""

    url: str = "mqtt://127.0.0.1:1883"
    org: str = "home"
    username: str = ""
    password_file: str = ""
    ca_file: str = ""
    listen_s: float = 3.0
    """How long `salon console --once` waits for rooms to answer."""


class _TidySocket(ssl.SSLSocket):
    """Closes itself when the other side is not trusted; paho would leave it open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


class Ingest:
    """The fleet as it is told; `changed` is set at each message."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.fleet = Fleet()
        self.changed = asyncio.Event()
        self._now = now

    def hear(self, topic: str, payload: bytes, retained: bool) -> None:
        self.fleet.hear(topic, payload, retained=retained, now=self._now())
        self.changed.set()


class Line:
    """An open connection to the broker."""

    def __init__(self, client: paho.Client) -> None:
        self._client = client

    def call(self, room: Topics, call: Call) -> None:
        """Ask something of a room; the answer is an event of it."""
        self._client.publish(room.call, encode_call(call), qos=1)


@asynccontextmanager
async def listening(settings: ConsoleSettings, ingest: Ingest) -> AsyncIterator[Line]:
    """Be connected and subscribed to every room, or raise `BrokerUnreachable`."""
    address = broker_address(settings.url)
    loop = asyncio.get_running_loop()
    subscribed: asyncio.Future[ReasonCode] = loop.create_future()
    client = await asyncio.to_thread(_client, settings, address)
    _wire(client, settings.org, ingest, loop.call_soon_threadsafe, subscribed)
    thread = ThreadPoolExecutor(1, thread_name_prefix="ingest")
    over = loop.run_in_executor(thread, _talk, client, address)
    try:
        await _subscribed(subscribed, over, address)
        yield Line(client)
    finally:
        client.disconnect()
        await asyncio.wait({over}, timeout=_CLOSE_S)
        over.cancel()
        thread.shutdown(wait=False)


def _client(settings: ConsoleSettings, address: BrokerAddress) -> paho.Client:
    client = paho.Client(CallbackAPIVersion.VERSION2, clean_session=True, reconnect_on_failure=False)
    client.connect_timeout = _CONNECT_S
    # with this set, publish() only queues, and the socket belongs to one thread
    client.on_socket_register_write = lambda _c, _u, _sock: None
    try:
        if settings.username or settings.password_file:
            password = Path(settings.password_file).read_text().partition("\n")[0].strip()
            client.username_pw_set(settings.username, password)
        if address.tls:
            context = ssl.create_default_context(cafile=settings.ca_file or None)
            context.sslsocket_class = _TidySocket
            client.tls_set_context(context)
    except (OSError, UnicodeDecodeError) as err:
        raise BrokerUnreachable(f"Cannot read the password_file or ca_file for MQTT: {err}.") from err
    return client


def _wire(
    client: paho.Client,
    org: str,
    ingest: Ingest,
    in_loop: Callable[..., object],
    subscribed: asyncio.Future[ReasonCode],
) -> None:
    def settle(code: ReasonCode) -> None:
        if not subscribed.done():
            subscribed.set_result(code)

    def on_connect(client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _props: Any) -> None:
        if code.is_failure:
            in_loop(settle, code)
        else:
            client.subscribe(every_room(org), qos=1)

    def on_subscribe(_client: paho.Client, _data: Any, _mid: int, codes: list[ReasonCode], _props: Any) -> None:
        in_loop(settle, codes[0])

    def on_message(_client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        in_loop(ingest.hear, topic, bytes(message.payload[: MAX_BYTES + 1]), message.retain)

    client.on_connect = on_connect
    client.on_subscribe = on_subscribe
    client.on_message = on_message


def _talk(client: paho.Client, address: BrokerAddress) -> None:
    client.connect(address.host, address.port)
    while client.loop(1.0) == MQTTErrorCode.MQTT_ERR_SUCCESS:
        pass


async def _subscribed(answer: asyncio.Future[ReasonCode], over: asyncio.Future[None], address: BrokerAddress) -> None:
    either: set[asyncio.Future[Any]] = {answer, over}
    await asyncio.wait(either, timeout=_WAIT_S, return_when=asyncio.FIRST_COMPLETED)
    if answer.done():
        if answer.result().is_failure:
            raise BrokerUnreachable(f"The MQTT broker at {address} refuses: {answer.result()}. Check the password.")
        return
    err = over.exception() if over.done() else TimeoutError("it says nothing")
    why = getattr(err, "strerror", None) or err or "it hung up"
    raise BrokerUnreachable(f"The MQTT broker at {address} cannot be used ({why}); is it running?")
