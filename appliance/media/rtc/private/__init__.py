"""The one place that touches private names of aiortc, aioice and pylibsrtp: `names.py` lists them all."""

from appliance.media.rtc.private.connection import Connection
from appliance.media.rtc.private.ports import ReceiverPort, SenderPort

__all__ = ["Connection", "ReceiverPort", "SenderPort"]
