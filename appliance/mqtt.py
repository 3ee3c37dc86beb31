"""What the room's connection to an MQTT broker and the console's have in common: paho on a thread of its own."""

import asyncio
import ssl
from concurrent.futures import ThreadPoolExecutor

import paho.mqtt.client as paho

from appliance.telemetry.protocol.codec import MAX_BYTES

_CLOSE_S = 2


class TidySocket(ssl.SSLSocket):
    """Closes itself when the other side is not trusted; paho would leave it open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


async def hang_up(client: paho.Client, over: asyncio.Future[None], thread: ThreadPoolExecutor) -> None:
    """Disconnect, and give the thread a moment to end; `over` is what runs on it."""
    client.disconnect()
    # as soon as it has nothing more to do: also if nobody waits for that below
    thread.shutdown(wait=False)
    # a thread that still waits for a silent host ends by itself within the connect timeout
    await asyncio.wait({over}, timeout=_CLOSE_S)
    over.cancel()
    if not over.cancelled():
        over.exception()


def heard(message: paho.MQTTMessage) -> tuple[str, bytes] | None:
    """Return topic and payload, None of a topic that is no text; of a too large payload just too much."""
    try:
        return message.topic, bytes(message.payload[: MAX_BYTES + 1])
    except UnicodeDecodeError:
        return None
