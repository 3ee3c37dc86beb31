"""Runs the real livekit-server for as long as a `with` block lasts."""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from livekit import api
from livekit_build import livekit_server_program

READY_S = 20.0


@dataclass(frozen=True, slots=True)
class LiveKitServer:
    """A running server: where it is, and what makes tokens for it."""

    address: str
    port: int
    key: str
    secret: str = field(repr=False)
    log: Path

    @property
    def url(self) -> str:
        return f"ws://{self.address}:{self.port}"

    def token(self, identity: str, *, room: str, name: str | None = None) -> str:
        """Return what lets one person into one room for an hour."""
        token = api.AccessToken(self.key, self.secret).with_identity(identity).with_name(name or identity)
        grants = api.VideoGrants(room_join=True, room=room)
        return token.with_ttl(timedelta(hours=1)).with_grants(grants).to_jwt()


@contextmanager
def livekit_server(
    address: str, port: int | None = None, *, as_before: LiveKitServer | None = None
) -> Iterator[LiveKitServer]:
    """Start a server at an address of this machine (a free port unless told), and kill it at the end.

    `as_before`: a server that has ended, whose port and keys this one takes over.
    """
    program = livekit_server_program()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="livekit-")))
        key, secret = f"key-{secrets.token_hex(4)}", secrets.token_urlsafe(32)
        server = LiveKitServer(address, port or free_port(address), key, secret, folder / "log")
        if as_before is not None:
            server = replace(as_before, log=server.log)
        config = folder / "livekit.yaml"
        config.touch(mode=0o600)
        config.write_text(json.dumps(_config(server)))  # every JSON is YAML
        log = stack.enter_context(server.log.open("wb"))
        process = stack.enter_context(
            subprocess.Popen([program, "--config", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        )
        stack.callback(process.kill)  # it keeps nothing, and its orderly end takes 10 s
        _wait_until_ready(server, process)
        yield server


def _config(server: LiveKitServer) -> dict[str, object]:
    return {
        "port": server.port,
        "bind_addresses": [server.address],
        "keys": {server.key: server.secret},
        "rtc": {
            "tcp_port": free_port(server.address),
            "udp_port": free_port(server.address, socket.SOCK_DGRAM),
            "use_external_ip": False,
            "node_ip": server.address,
            "enable_loopback_candidate": server.address.startswith("127."),
        },
        # With its own TURN the server names itself to the clients, where it would name public STUN servers.
        "turn": {"enabled": True, "udp_port": free_port(server.address, socket.SOCK_DGRAM)},
        "logging": {"level": "info", "json": False},
    }


def free_port(address: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port that is free at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(server: LiveKitServer, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{server.address}:{server.port}/", timeout=1):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.05)  # it tells nobody when it listens
    raise RuntimeError(f"livekit-server was not ready after {READY_S:.0f} s:\n{server.log.read_text()[-3000:]}")
