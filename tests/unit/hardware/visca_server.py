"""Simulated VISCA cameras for tests, and heads at them."""

import contextlib
from collections.abc import Callable
from functools import partial

from hardware.camera.sim_visca import SimulatedVisca
from hardware.camera.sim_visca_server import ViscaServer
from hardware.camera.visca import Request
from hardware.camera.visca_link import ViscaLink
from hardware.camera.visca_wire import Raw, Serial, SonyUdp, Wire

HOME = Request(b"\x06\x04")
"""Turn straight ahead: a command that every camera takes."""
STANDBY, AWAKE = Request(b"\x04\x00\x03"), Request(b"\x04\x00\x02")

WAYS: dict[str, Callable[[ViscaServer], str]] = {
    "sony": lambda server: f"visca:127.0.0.1:{server.udp}",
    "raw": lambda server: f"visca:127.0.0.1:{server.raw_udp}?raw=1",
    "tcp": lambda server: f"visca:127.0.0.1:{server.tcp}?raw=1&tcp=1",
    "serial": lambda server: f"visca-serial:{server.serial}",
}

WIRES: dict[str, Callable[[ViscaServer], Callable[[], Wire]]] = {
    "sony": lambda server: partial(SonyUdp, "127.0.0.1", server.udp, 0.3),
    "raw": lambda server: partial(Raw, "127.0.0.1", server.raw_udp, 0.3, tcp=False),
    "tcp": lambda server: partial(Raw, "127.0.0.1", server.tcp, 0.3, tcp=True),
    "serial": lambda server: partial(Serial, server.serial, 9600, 1),
}


def link(wire: Callable[[], Wire], reply_s: float = 0.25) -> contextlib.closing[ViscaLink]:
    """Return a conversation that is closed behind its `with`."""
    return contextlib.closing(ViscaLink(wire, place="the ceiling", check="Check the plug.", reply_s=reply_s))


def sony(server: ViscaServer) -> contextlib.closing[ViscaLink]:
    """Return a conversation over Sony's VISCA over IP."""
    return link(WIRES["sony"](server))


def quick(**options) -> ViscaServer:
    """Return a camera that crosses its range in half a second."""
    return ViscaServer(SimulatedVisca(across_s=0.5), **options)
