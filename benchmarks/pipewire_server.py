"""A PipeWire for a benchmark or a test: a real one that needs no sound card and no session, in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hardware.audio.pipewire_dump import of_type, parsed, properties

READY_S = 20.0
_CHANGE_S = 5.0


@dataclass
class PipeWireServer:
    """What runs, and what was plugged in."""

    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)

    def start(self, name: str, *command: str) -> None:
        log = Path(self.environment["XDG_RUNTIME_DIR"]) / f"{name}.log"
        with log.open("ab") as out:
            # a session of its own: a ^C at the terminal is for pytest
            self.processes[name] = subprocess.Popen(
                command, env=self.environment, stdout=out, stderr=out, start_new_session=True
            )

    def sink(self, name: str, channels: int = 1, rate: int = 48000, positions: str = "") -> None:
        """Plug in a loudspeaker that nobody hears."""
        self._plug(name, "Audio/Sink", channels, rate, positions)

    def source(self, name: str, channels: int = 1, rate: int = 48000, positions: str = "") -> None:
        """Plug in a microphone; it hears what it is linked to."""
        self._plug(name, "Audio/Source/Virtual", channels, rate, positions)

    def unplug(self, name: str) -> None:
        self.run("pactl", "unload-module", self.modules.pop(name))
        wait_until(lambda: name not in self.nodes(), f"{name} gone")

    def link(self, sink: str, source: str) -> None:
        """Let a microphone hear a loudspeaker, channel by channel, in the order of both."""
        count = int(self.nodes()[source]["audio.channels"])
        wait_until(lambda: len(self._ports("-o", f"{sink}:")) == count, f"ports of {sink}")
        wait_until(lambda: len(self._ports("-i", f"{source}:")) == count, f"ports of {source}")
        for out, into in zip(self._ports("-o", f"{sink}:"), self._ports("-i", f"{source}:"), strict=True):
            self.run("pw-link", out, into)

    def relink(self, source: str, stream: str, order: tuple[int, ...]) -> None:
        """Give a stream's channels another order, after half a second in which it hears nothing."""
        outs, ins = self._ports("-o", f"{source}:"), self._ports("-i", f"{stream}:")
        node = self.nodes()[stream]["object.id"]
        for one in of_type(parsed(self.run("pw-dump")), "Link"):
            if properties(one)["link.input.node"] == node:
                self.run("pw-link", "-d", str(one["id"]))
        time.sleep(0.5)
        for channel, out in zip(order, outs, strict=True):
            self.run("pw-link", out, ins[channel])

    def nodes(self) -> dict[str, Mapping[str, Any]]:
        """Return the properties of everything that makes or takes sound, by its name."""
        return {
            properties(one).get("node.name", ""): properties(one)
            for one in of_type(parsed(self.run("pw-dump")), "Node")
        }

    def default(self, key: str) -> str:
        return self.run("pactl", f"get-default-{key}").strip()

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Let PipeWire hang."""
        os.kill(self.processes["pipewire"].pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.processes["pipewire"].pid, signal.SIGCONT)

    def run(self, *command: str) -> str:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=10, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def works(self, *command: str) -> bool:
        return (
            subprocess.run(command, env=self.environment, capture_output=True, timeout=10, check=False).returncode == 0
        )

    def _plug(self, name: str, media_class: str, channels: int, rate: int, positions: str) -> None:
        settings = [f"media.class={media_class}", f"sink_name={name}", f"channels={channels}", f"rate={rate}"]
        if positions:
            settings.append(f"channel_map={positions}")
        self.modules[name] = self.run("pactl", "load-module", "module-null-sink", *settings).strip()
        wait_until(lambda: name in self.nodes(), f"{name} there")

    def _ports(self, direction: str, prefix: str) -> list[str]:
        # listed in the order of the channels
        return [line for line in self.run("pw-link", direction).splitlines() if line.startswith(prefix)]


@contextlib.contextmanager
def pipewire_server() -> Iterator[PipeWireServer]:
    """Run a PipeWire with its session manager and its pulse server."""
    folder = Path(tempfile.mkdtemp(prefix="salon-pw-", dir="/tmp"))  # sockets have short names
    server = PipeWireServer(_environment(folder))
    try:
        bus = server.environment["DBUS_SESSION_BUS_ADDRESS"]
        server.start("dbus", "dbus-daemon", "--session", "--nofork", f"--address={bus}")
        wait_until((folder / "bus").exists, "the bus", READY_S)
        server.start("pipewire", "pipewire")
        wait_until(lambda: server.works("pw-dump"), "pipewire", READY_S)
        server.start("wireplumber", "wireplumber")
        # pactl makes this folder too, and 0.3.65 ends when that happens between its own look and its mkdir
        (folder / "pulse").mkdir(mode=0o700)
        server.start("pulse", "pipewire-pulse")
        wait_until(lambda: server.works("pactl", "info"), "pipewire-pulse", READY_S)
        # the session manager's own answer to "nothing there": it works
        wait_until(lambda: "auto_null" in server.nodes(), "wireplumber", READY_S)
        yield server
    finally:
        for process in reversed(server.processes.values()):
            process.kill()
            process.wait()
        shutil.rmtree(folder)


def _environment(folder: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PIPEWIRE_", "PULSE_", "XDG_"))}
    return kept | {
        "XDG_RUNTIME_DIR": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "XDG_STATE_HOME": str(folder),
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus",
    }


def wait_until(holds: Callable[[], object], what: str, timeout_s: float = _CHANGE_S) -> None:
    """Wait until something is so; fails after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s:.0f} s"
        time.sleep(0.02)
