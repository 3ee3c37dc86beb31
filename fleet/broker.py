"""An MQTT broker to try things out with: amqtt in one process, for a handful of rooms. Production wants mosquitto.

It keeps nothing on disk. We own the listening socket and the streams, because amqtt bounds neither the size of a
message nor the patience with a client that says nothing.
"""

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.errors import SalonError

logger = logging.getLogger(__name__)

MAX_PACKET = 256 * 1024
_FIRST_BYTE_S = 10
_SILENCE_S = 120
"""A client that says nothing for so long is gone; amqtt itself never gives up on one."""
_MOST_CLIENTS = 500


class BrokerProblem(SalonError, OSError):
    """The broker cannot start; says why and what would help."""


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """Where to listen, and for whom."""

    address: str = "127.0.0.1"
    port: int = 1883
    """0 takes a free one."""
    password_file: str = ""
    """Its first line is the password of all clients; needed for any address that others can reach."""


@dataclass(slots=True)
class _Guests:
    """The connections that are open; each ends on its own errors, and all end with the broker."""

    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (err := task.exception()):
            logger.warning("A client of the broker was dropped: %r", err)


async def run_broker(settings: BrokerSettings, *, on_ready: Callable[[int], None]) -> None:
    """Run until cancelled; `on_ready` gets the port once clients may come. Raises `BrokerProblem`."""
    password = await asyncio.to_thread(_password, settings)
    broker = _make_broker(password)
    guests = _Guests()

    def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(guests.tasks) >= _MOST_CLIENTS:
            writer.close()
            return
        task = asyncio.create_task(_serve(broker, reader, writer), name="broker-client")
        guests.tasks.add(task)
        task.add_done_callback(guests.ended)

    await broker.start()
    try:
        server = await _listen(settings, welcome)
        port = server.sockets[0].getsockname()[1]
        logger.info("The MQTT broker listens on %s:%s", settings.address, port)
        on_ready(port)
        async with server:
            await server.serve_forever()
    finally:
        for task in guests.tasks:
            task.cancel()
        # amqtt calls the end of its own loop an error, with a traceback
        with _silent(logging.getLogger("amqtt.broker")):
            await broker.shutdown()


@contextmanager
def _silent(chatter: logging.Logger) -> Iterator[None]:
    was, chatter.disabled = chatter.disabled, True
    try:
        yield
    finally:
        chatter.disabled = was


def _password(settings: BrokerSettings) -> str:
    if not settings.password_file:
        if not _loopback(settings.address):
            raise BrokerProblem(
                f"The broker would be open to everybody at {settings.address}: "
                "name a password_file, or listen on 127.0.0.1."
            )
        return ""
    try:
        password = Path(settings.password_file).read_text().partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as err:
        raise BrokerProblem(f"The broker's password cannot be read from {settings.password_file}.") from err
    if not password:
        raise BrokerProblem(f"{settings.password_file} is empty; its first line must be the broker's password.")
    return password


def _loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _make_broker(password: str) -> Any:
    # amqtt reports every visitor and every broken packet; what its user must know, this module says
    logging.getLogger("amqtt").setLevel(logging.ERROR)
    logging.getLogger("transitions").setLevel(logging.ERROR)
    from amqtt.broker import Broker  # noqa: PLC0415 - only who runs a broker pays for amqtt

    door = "fleet.broker_door.PasswordDoor" if password else "amqtt.plugins.authentication.AnonymousAuthPlugin"
    return Broker(
        {
            "listeners": {"default": {"type": "external"}},
            "plugins": {door: {"password": password} if password else {}},
        }
    )


async def _listen(
    settings: BrokerSettings, welcome: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]
) -> asyncio.Server:
    where = f"{settings.address}:{settings.port}"
    try:
        return await asyncio.start_server(welcome, settings.address, settings.port, limit=MAX_PACKET)
    except OSError as err:
        raise BrokerProblem(
            f"The MQTT broker cannot listen on {where} ({err.strerror}); stop what uses it, or set another port."
        ) from err


async def _serve(broker: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    from fleet.broker_door import BoundedReader, QuietWriter  # noqa: PLC0415 - imports amqtt

    try:
        async with asyncio.timeout(_FIRST_BYTE_S):
            first = await reader.read(1)
        if first:
            bounded = BoundedReader(reader, first, most=MAX_PACKET, silence_s=_SILENCE_S)
            await broker.external_connected(bounded, QuietWriter(writer), "default")
    except (TimeoutError, ConnectionError, asyncio.IncompleteReadError):
        logger.debug("A client went away in mid-sentence")
    finally:
        writer.close()
