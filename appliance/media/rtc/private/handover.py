# ruff: noqa: SLF001 - this folder is the one place that touches private names of others; names.py lists them
"""A connected transport's sockets and SRTP sessions go to the native engine; STUN and DTLS come back from it."""

import asyncio
import ctypes
from collections.abc import Mapping
from functools import partial
from typing import Any

from aioice import Connection as IceConnection
from aioice.ice import CandidatePair, StunProtocol
from aiortc.rtcdtlstransport import RTCDtlsTransport

from appliance.media.rtc.native.engine import Engine, EngineFailed, is_media
from appliance.media.rtc.native.srtp import address_of
from appliance.media.rtc.native.transport import NativeTransport


def hand_over(dtls: RTCDtlsTransport, library: ctypes.CDLL, *, ssrc: int, patient: bool) -> NativeTransport:
    """Hand a transport over in the moment it is connected. Requests for lost packets go out in the name of `ssrc`.

    Of many, who is `patient` is told of several pictures at once.

    Where the engine cannot take it, the transport is left as it was, and `EngineFailed` is raised.
    """
    sessions = dtls._rx_srtp, dtls._tx_srtp
    native = NativeTransport(
        Engine.of_running_loop(library),
        ssrc=ssrc,
        receive=address_of(sessions[0]._srtp[0]),
        send=address_of(sessions[1]._srtp[0]),
        patient=patient,
        keep=sessions,
    )
    ice = dtls.transport._connection
    try:
        numbers = _take_sockets(ice, native)
    except EngineFailed:
        native.close()
        raise
    # from here on Python decrypts nothing
    vars(dtls)["_rx_srtp"] = None

    async def send(data: bytes) -> None:
        if dtls.state != "connected" or native.closed:
            raise ConnectionError("not connected")
        native.send(data)

    vars(dtls)["_send_rtp"] = send
    _follow(ice, native, numbers)
    _inject_waiting(ice, native)
    return native


def _take_sockets(ice: IceConnection, native: NativeTransport) -> dict[object, int]:
    """Let the engine read what aioice reads: all of it or nothing. Return the sockets' numbers."""
    loop: Any = asyncio.get_running_loop()
    sockets = {protocol: protocol.transport.get_extra_info("socket") for protocol in ice._protocols}
    numbers: dict[object, int] = {}
    for protocol, sock in sockets.items():
        numbers[protocol] = native.add_socket(sock, partial(_receive, protocol))
    for sock in sockets.values():
        loop._remove_reader(sock.fileno())
    return numbers


def _receive(protocol: StunProtocol, data: bytes, source: tuple[str, int]) -> None:
    # the engine goes on for a moment when aioice has closed its end, and there would be no answering
    if not protocol.transport.is_closing():
        protocol.datagram_received(data, source)


def _follow(ice: IceConnection, native: NativeTransport, numbers: Mapping[object, int]) -> None:
    """Let the engine send where aioice would."""
    loop: Any = asyncio.get_running_loop()
    chosen: CandidatePair | None = None

    def follow() -> None:
        nonlocal chosen
        pair = ice._nominated.get(1)
        if pair is not None and pair is not chosen:
            chosen = pair
            native.route(numbers[pair.protocol], pair.remote_addr)

    # a check may nominate another pair, in a task that runs after this one
    native.on_datagram = lambda: loop.call_soon(follow)
    follow()


def _inject_waiting(ice: IceConnection, native: NativeTransport) -> None:
    waiting = [ice._queue.get_nowait() for _ in range(ice._queue.qsize())]
    for item in waiting:
        if item is not None and is_media(item[0]):
            native.inject(item[0])
        else:
            ice._queue.put_nowait(item)
