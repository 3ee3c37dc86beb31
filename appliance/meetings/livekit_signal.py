"""LiveKit's signalling connection: protobuf over a WebSocket, and the hub's exchange of a guest link for a ticket."""

import asyncio
import contextlib
import json
import logging
import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import aiohttp
from google.protobuf.message import DecodeError
from livekit.protocol import models, rtc

from appliance.meetings.livekit_link import GuestLink, Ticket
from appliance.meetings.provider import JoinFailed
from appliance.meetings.trust import BadAuthority, authorities, trust_hub
from appliance.state.clean import clean_text

logger = logging.getLogger(__name__)
PROTOCOL = 16
"""17 adds trailers to packets, which we do not make."""
_MAX_MESSAGE = 2 * 1024 * 1024
_MAX_ANSWER = 64 * 1024
_ANSWER_S = 10.0
_GOODBYE_S = 1.0
_REFUSED = {400, 401, 403, 404, 410}


class LiveKitHttp:
    """Opens connections to LiveKit servers and hubs, trusting the system's authorities, one more, and our own hub."""

    def __init__(self, *, ca_file: str = "", hub_certificate: Path | None = None) -> None:
        """`hub_certificate` is where a hub on this machine keeps its own, once it has made it."""
        self._ca_file = ca_file
        self._hub_certificate = hub_certificate
        self._context: ssl.SSLContext | None = None
        self._knows_hub = False

    def trust(self) -> ssl.SSLContext | Literal[True]:
        """Return whom to trust. Reads certificates the first time, which takes a while: not for the event loop."""
        if not self._ca_file and self._hub_certificate is None:
            return True
        if self._context is None:
            try:
                self._context = authorities(self._ca_file)
            except BadAuthority as err:
                raise JoinFailed(str(err), retryable=False) from err
        if self._hub_certificate is not None and not self._knows_hub:
            self._knows_hub = trust_hub(self._context, self._hub_certificate)
        return self._context

    async def exchange(self, link: GuestLink, name: str) -> Ticket:
        """Trade a guest link's secret for a ticket, or raise `JoinFailed`."""
        body = {"link": link.secret, "name": name}
        async with await self._client() as client:
            try:
                async with client.post(f"{link.base}/api/exchange", json=body, allow_redirects=False) as response:
                    answer = await _json(response)
                    status = response.status
            except (aiohttp.ClientError, TimeoutError, OSError) as err:
                raise JoinFailed(_unreachable(link.base, err)) from err
        match answer:
            case {"url": str(url), "token": str(token)} if status == 200 and token.isascii():
                return Ticket(url, token)
        said = clean_text(str(answer.get("error", "")), 120) or f"it answered {status}"
        raise JoinFailed(f"the meeting server refused the link: {said}", retryable=status not in _REFUSED)

    @contextlib.asynccontextmanager
    async def connected(self, ticket: Ticket) -> AsyncIterator["Signal"]:
        """Open the signalling connection; leaving it says goodbye to the server."""
        query = {
            "access_token": ticket.token,
            "protocol": PROTOCOL,
            "auto_subscribe": 1,
            "adaptive_stream": 0,
            "sdk": "python",
            "version": "1.0.0",
        }
        address = f"{ticket.url.rstrip('/')}/rtc?{urlencode(query)}"
        async with await self._client() as client:
            try:
                socket = await client.ws_connect(address, max_msg_size=_MAX_MESSAGE, autoping=True)
            except aiohttp.WSServerHandshakeError as err:
                raise JoinFailed(_refusal(err.status), retryable=err.status not in _REFUSED) from None
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as err:
                raise JoinFailed(_unreachable(ticket.url, err)) from None
            signal = Signal(socket)
            try:
                yield signal
            finally:
                await signal.goodbye()

    async def _client(self) -> aiohttp.ClientSession:
        timeout = aiohttp.ClientTimeout(total=None, connect=_ANSWER_S, sock_connect=_ANSWER_S)
        trust = await asyncio.to_thread(self.trust)
        return aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(ssl=trust))


class Signal:
    """One open signalling connection."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, request: rtc.SignalRequest) -> None:
        """Send a request; raises ConnectionError when the server is gone."""
        await self._socket.send_bytes(request.SerializeToString())

    async def receive(self) -> rtc.SignalResponse | None:
        """Return the next response that makes sense, None when the server hung up."""
        while True:
            message = await self._socket.receive()
            if message.type is aiohttp.WSMsgType.BINARY:
                with contextlib.suppress(DecodeError):
                    return rtc.SignalResponse.FromString(message.data)
                logger.debug("a signalling message makes no sense")
            elif message.type is not aiohttp.WSMsgType.TEXT:
                return None

    async def goodbye(self) -> None:
        """Say that we leave, so that nobody sees a frozen room; the server may be gone."""
        leave = rtc.LeaveRequest(reason=models.DisconnectReason.CLIENT_INITIATED)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                with contextlib.suppress(ConnectionError):
                    await self.send(rtc.SignalRequest(leave=leave))
                await self._socket.close()


async def _json(response: aiohttp.ClientResponse) -> dict[str, Any]:
    async with asyncio.timeout(_ANSWER_S):
        body = bytearray()
        while len(body) < _MAX_ANSWER and (piece := await response.content.read(_MAX_ANSWER - len(body))):
            body += piece
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _refusal(status: int) -> str:
    if status in {401, 403}:
        return "the meeting server refused the room: the link has expired or is not for this meeting"
    if status == 404:
        return "there is no such meeting on the server: check the link in the calendar"
    return f"the meeting server answered {status}"


def _unreachable(url: str, err: BaseException) -> str:
    # what stands before an @ or behind a ? is secret
    host = clean_text(re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2])
    if isinstance(err, aiohttp.ClientConnectorCertificateError):
        return f"{host} shows a certificate the room does not trust: name it in meetings.ca_file in room.toml"
    return f"the meeting server {host} does not answer"
