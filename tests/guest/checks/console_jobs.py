"""An installed room does a console's jobs by systemd, and its user may do nothing else: real units, real polkit."""

# limit: 400

import base64
import gzip
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import installed_room
import paho.mqtt.client as paho
from check import read, step, within
from installed_room import as_salon, shown

from appliance.restarting import UNITS
from appliance.telemetry.protocol.orders import Job, JobKind, Jobs, Order, body_of
from appliance.telemetry.protocol.records import BatchAck, decode_batch, encode_ack
from appliance.telemetry.protocol.topics import Topics

START_S, JOB_S = 90.0, 120.0
SETTINGS = """\
[room]
name = "Aquarium"
[devices]
camera = ["sim:pattern"]
microphone = ["sim:silence"]
speaker = ["sim:sink"]
[tv]
cec = "off"
[mqtt]
url = "mqtt://127.0.0.1:1883"
"""
MEDIA, DISPLAY, PANEL, DAEMON = UNITS
REFUSED = (
    ("systemctl", "stop", DAEMON),
    ("systemctl", "restart", DAEMON),
    ("systemctl", "start", PANEL),
    ("systemctl", "try-restart", "salon-hub.service"),
    ("systemctl", "try-restart", "systemd-journald.service"),
    ("systemctl", "kill", MEDIA),
    ("systemctl", "mask", "--runtime", PANEL),
    ("systemctl", "enable", "--runtime", "salon-hub.service"),
    ("systemctl", "set-environment", "PATH=/tmp"),
    ("systemctl", "set-property", "--runtime", MEDIA, "TasksMax=1"),
    ("systemctl", "daemon-reload"),
    ("systemctl", "poweroff"),
    ("systemctl", "halt"),
    ("systemctl", "isolate", "rescue.target"),
    ("systemd-run", "--no-ask-password", "/bin/true"),
    ("loginctl", "enable-linger", "root"),
)
"""What somebody who has taken a program of the room over might try."""


class Console:
    """A console at the broker of this machine: sends jobs, keeps what comes."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self.contents: list[Any] = []
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe(topics.batch, qos=1)
        self._client.on_message = lambda _client, _data, message: self._take(message.payload)
        within(20, "the broker", self._connects)
        self._client.loop_start()

    def _connects(self) -> bool:
        try:
            self._client.connect("127.0.0.1", 1883)
        except OSError:
            return False
        return True

    def _take(self, payload: bytes) -> None:
        _, batch = decode_batch(payload)
        self.contents += [record.content for record in batch.records]
        ack = BatchAck(batch.head.of, batch.head.first, batch.head.last)
        self._client.publish(self._topics.ack, encode_ack(ack), qos=1)

    def ask(self, kind: JobKind) -> None:
        expires = int(time.time() * 1000) + 600_000
        body = body_of(self._topics, Order.JOBS, Jobs((Job(kind, kind, expires),)), expires=expires)
        self._client.publish(self._topics.jobs, json.dumps(body), qos=1, retain=True)

    def ends(self, kind: JobKind) -> Any:
        """Wait for a job's end and return what the room said of it."""
        return within(JOB_S, f"the end of {kind}", lambda: self._end(kind))

    def _end(self, kind: JobKind) -> Any:
        told = [content for content in list(self.contents) if getattr(content, "job", None) == kind]
        return next((report for report in told if getattr(report, "state", None) in ("succeeded", "failed")), None)

    def file(self, kind: JobKind) -> bytes:
        """Return the file that a job brought."""
        told = [content for content in list(self.contents) if getattr(content, "job", None) == kind]
        parts = sorted((part for part in told if hasattr(part, "data")), key=lambda part: part.index)
        return b"".join(base64.b64decode(part.data) for part in parts)


@contextmanager
def broker() -> Iterator[None]:
    process = subprocess.Popen(["mosquitto", "-p", "1883"], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def harmless(target: str) -> Iterator[None]:
    """Have a target of systemd's end nothing, however it is reached."""
    path = installed_room.DROP_INS / target
    path.write_text("[Unit]\nDescription=Reached, and nothing happens\n")
    installed_room.run("systemctl", "daemon-reload")
    try:
        yield
    finally:
        installed_room.run("systemctl", "stop", target)
        path.unlink()
        installed_room.run("systemctl", "daemon-reload")


def pids() -> list[str]:
    return [shown(unit, "MainPID") for unit in (MEDIA, DISPLAY, DAEMON)]


subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
with installed_room.installed(SETTINGS), broker():
    for unit in (MEDIA, DISPLAY, PANEL):
        installed_room.stand_in(unit)
    with step("the room starts"):
        installed_room.run("systemctl", "start", MEDIA, DISPLAY, DAEMON)
    room = within(START_S, "the room's id", lambda: read("/var/lib/salon/room-id"))
    console = Console(Topics("home", room))

    with step("its user is refused whatever no job needs"):
        began = pids()
        for command in REFUSED:
            code, said = as_salon(*command)
            assert code != 0, f"the room's user could {' '.join(command)}: {said}"
            assert "denied" in said or "authentication required" in said, f"{' '.join(command)}: {said}"
        assert pids() == began

    with step("a job brings the room's journal"):
        console.ask(JobKind.LOGS)
        end = console.ends(JobKind.LOGS)
        assert end.state == "succeeded", end
        text = gzip.decompress(console.file(JobKind.LOGS)).decode()
        assert "Aquarium is ready" in text, text

    with step("a job starts the room's programs anew, and no other"):
        console.ask(JobKind.RESTART)
        end = console.ends(JobKind.RESTART)
        assert end.state == "succeeded", end
        assert not set(pids()) & set(began), (began, pids())
        assert shown(PANEL, "ActiveState") == "inactive"  # nobody had started it
        installed_room.run("systemctl", "mask", "--runtime", PANEL)
        assert as_salon("systemctl", "try-restart", PANEL) == (0, "")  # nor may one that is switched off fail the job
        installed_room.run("systemctl", "unmask", "--runtime", PANEL)

    with step("a job starts the machine anew"), harmless("reboot.target"):
        console.ask(JobKind.REBOOT)
        within(JOB_S, "the reboot", lambda: shown("reboot.target", "ActiveState") == "active" or console._end("reboot"))
        assert shown("reboot.target", "ActiveState") == "active", console._end(JobKind.REBOOT)
