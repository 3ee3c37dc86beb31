"""A seeded bad network between the hub and whoever joins by it: `python -m benchmarks.relay ORDER`, as JSON.

It passes the signalling on and puts its own UDP ports into it, in place of both sides' ICE candidates; so all media
goes through its hands, whatever client it is.
"""

import asyncio
import contextlib
import json
import re
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import aiohttp
from aiohttp import WSMsgType, web
from livekit.protocol import rtc

from appliance.service import run_program
from benchmarks.impair import Network, Way

_HOST = "127.0.0.1"
_CANDIDATE = re.compile(r"a=candidate:\S+ \d+ udp \d+ (\S+) (\d+) typ host.*\r\n", re.IGNORECASE)
_ANY_CANDIDATE = re.compile(r"a=(?:candidate:.*|end-of-candidates)\r\n")
_MID = re.compile(r"(a=mid:.*\r\n)")
_BUFFER = 4 * 1024 * 1024
_DATAGRAM = 2048
_PUBLISHER, _SUBSCRIBER = rtc.SignalTarget.PUBLISHER, rtc.SignalTarget.SUBSCRIBER

Address = tuple[str, int]
_Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


@dataclass(frozen=True, slots=True)
class Order:
    """Which hub, which network, and the seed of its losses."""

    hub: str
    network: Network
    seed: int = 0

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Order":
        order = json.loads(text)
        return cls(**order | {"network": Network(**order["network"])})


class Wire:
    """One peer connection's way through the bad network: the client sees one port, the hub one for each client's."""

    def __init__(self, order: Order, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        falls_at = order.network.clean_until_s
        clean_until = self._loop.time() + falls_at - time.time() if falls_at else None
        self._to_hub = Way(order.network, f"{order.seed} {name} up", clean_until)
        self._to_client = Way(order.network, f"{order.seed} {name} down", clean_until)
        self._front = self._port(self._from_client)
        self._announced = self._new_back()
        """What the hub was told; it becomes the port of the client's first address."""
        self._unclaimed: socket.socket | None = self._announced
        self._backs: dict[Address, socket.socket] = {}
        self._clients: dict[socket.socket, Address] = {}
        self._hub: Address | None = None

    def close(self) -> None:
        for port in {self._front, self._announced, *self._backs.values()}:
            self._loop.remove_reader(port)
            port.close()

    def from_hub(self, sdp: str) -> str:
        """Put the client's port in place of the hub's candidates."""
        found = _CANDIDATE.search(sdp)
        if found is not None:
            self._hub = (found[1], int(found[2]))
        return _with_candidate(sdp, self._front)

    def from_client(self, sdp: str) -> str:
        """Put the hub's port in place of the client's candidates."""
        return _with_candidate(sdp, self._announced)

    def _port(self, received: Callable[[bytes, Address], None]) -> socket.socket:
        port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        port.setblocking(False)
        port.bind((_HOST, 0))

        def drain() -> None:
            with contextlib.suppress(BlockingIOError, ConnectionError):
                while True:
                    received(*port.recvfrom(_DATAGRAM))

        self._loop.add_reader(port, drain)
        return port

    def _new_back(self) -> socket.socket:
        back = self._port(lambda data, _: self._from_hub(back, data))
        return back

    def _from_client(self, data: bytes, client: Address) -> None:
        if client not in self._backs:
            back, self._unclaimed = self._unclaimed or self._new_back(), None
            self._backs[client], self._clients[back] = back, client
        if self._hub is not None:
            self._pass_on(data, self._to_hub, self._backs[client], self._hub)

    def _from_hub(self, back: socket.socket, data: bytes) -> None:
        # what the hub sends before the client shows itself goes nowhere; both try again
        if back in self._clients:
            self._pass_on(data, self._to_client, self._front, self._clients[back])

    def _pass_on(self, data: bytes, way: Way, port: socket.socket, address: Address) -> None:
        now = self._loop.time()
        arrives = way.arrival(len(data), now)
        if arrives is not None:
            self._loop.call_at(arrives, _send, port, data, address)


def _send(port: socket.socket, data: bytes, address: Address) -> None:
    if port.fileno() >= 0:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            port.sendto(data, address)


def _with_candidate(sdp: str, port: socket.socket) -> str:
    host, number = port.getsockname()
    line = f"a=candidate:1 1 udp 2130706431 {host} {number} typ host\r\na=end-of-candidates\r\n"
    return _MID.sub(lambda mid: mid[0] + line, _ANY_CANDIDATE.sub("", sdp))


class Relay:
    """Passes the signalling of everybody who joins by it."""

    def __init__(self, order: Order) -> None:
        self._order = order

    async def join(self, request: web.Request) -> web.StreamResponse:
        """Be between one client and the hub until either hangs up."""
        client = web.WebSocketResponse(autoping=True)
        await client.prepare(request)
        wires = {target: Wire(self._order, str(target)) for target in (_PUBLISHER, _SUBSCRIBER)}
        address = f"{self._order.hub}{request.path_qs}"
        headers = {name: value for name, value in request.headers.items() if name.lower() == "authorization"}
        try:
            async with aiohttp.ClientSession() as session, session.ws_connect(address, headers=headers) as hub:
                tasks = [
                    asyncio.create_task(_pump(client, hub, lambda data: _to_hub(data, wires)), name="to hub"),
                    asyncio.create_task(_pump(hub, client, lambda data: _to_client(data, wires)), name="to client"),
                ]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            for wire in wires.values():
                wire.close()
        return client


async def _pump(source: _Socket, sink: _Socket, change: Callable[[bytes], bytes | None]) -> None:
    async for message in source:
        if message.type is WSMsgType.BINARY:
            changed = change(message.data)
            if changed is not None:
                await sink.send_bytes(changed)


def _to_hub(data: bytes, wires: Mapping["rtc.SignalTarget", Wire]) -> bytes | None:
    request = rtc.SignalRequest.FromString(data)
    match request.WhichOneof("message"):
        case "offer":
            request.offer.sdp = wires[_PUBLISHER].from_client(request.offer.sdp)
        case "answer":
            request.answer.sdp = wires[_SUBSCRIBER].from_client(request.answer.sdp)
        case "trickle":
            return None
    return request.SerializeToString()


def _to_client(data: bytes, wires: Mapping["rtc.SignalTarget", Wire]) -> bytes | None:
    response = rtc.SignalResponse.FromString(data)
    match response.WhichOneof("message"):
        case "offer":
            response.offer.sdp = wires[_SUBSCRIBER].from_hub(response.offer.sdp)
        case "answer":
            response.answer.sdp = wires[_PUBLISHER].from_hub(response.answer.sdp)
        case "trickle":
            return None
    return response.SerializeToString()


async def relay(order: Order) -> None:
    """Serve until cancelled; says at which port."""
    app = web.Application()
    app.router.add_get("/rtc", Relay(order).join)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, _HOST, 0)
    await site.start()
    print(f"relay at {runner.addresses[0][1]}.", flush=True)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    sys.exit(run_program(lambda: relay(Order.from_json(sys.argv[1]))))
