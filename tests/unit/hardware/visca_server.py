"""Simulated VISCA cameras for tests, and heads at them."""

from collections.abc import Callable

from hardware.camera.sim_visca import SimulatedVisca
from hardware.camera.sim_visca_server import ViscaServer

WAYS: dict[str, Callable[[ViscaServer], str]] = {
    "sony": lambda server: f"visca:127.0.0.1:{server.udp}",
    "raw": lambda server: f"visca:127.0.0.1:{server.raw_udp}?raw=1",
    "tcp": lambda server: f"visca:127.0.0.1:{server.tcp}?raw=1&tcp=1",
    "serial": lambda server: f"visca-serial:{server.serial}",
}


def quick(**options) -> ViscaServer:
    """Return a camera that crosses its range in half a second."""
    return ViscaServer(SimulatedVisca(across_s=0.5), **options)
