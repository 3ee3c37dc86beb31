"""The demo's world on disk: settings for a room on simulated devices, and a calendar with a meeting soon."""

import json
import os
import secrets
import socket
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

CLIP = Path(__file__).parent / "clips" / "big-buck-bunny.mp4"
ROOM_NAME = "Aquarium"
TONE_HZ = 440
TITLE = "Design review"
ORG = "demo"
_LATER = (("Planning with the Lyon office", 75, 45, "Inès Moreau"), ("Interview: site lead", 180, 60, "Jonas Weber"))


@dataclass(frozen=True, slots=True)
class Stage:
    """Where everything of one demo is."""

    folder: Path
    """State, sockets and logs; short, because Unix sockets take 107 characters."""
    out: Path
    """What the demo leaves behind."""
    hub_port: int
    broker_port: int
    picture_port: int
    console_port: int

    @property
    def config(self) -> Path:
        return self.folder / "room.toml"

    @property
    def calendar(self) -> Path:
        return self.folder / "calendar.ics"

    @property
    def runtime(self) -> Path:
        return self.folder / "run"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def console_config(self) -> Path:
        return self.folder / "console.toml"

    @property
    def console_state(self) -> Path:
        return self.folder / "console"

    @property
    def note(self) -> Path:
        """Where guest link, addresses and commands stand while the demo runs; readable by its owner alone."""
        return self.out / "room.txt"

    @property
    def speaker(self) -> Path:
        return self.folder / "speaker.wav"


def build(out: Path, screen: str = "") -> Stage:
    """Make folders and settings; the ports are free ones, so that two demos can run. `screen` is as in the settings."""
    out.mkdir(parents=True, exist_ok=True)
    stage = Stage(Path(tempfile.mkdtemp(prefix="salon-demo-")), out, *_free_ports(4))
    stage.calendar.write_text(_calendar([]))
    stage.config.write_text(_settings(stage, screen or f"png:{stage.out / 'tv.png'}"))
    stage.console_state.mkdir(mode=0o700)
    stage.console_config.write_text(_console_settings(stage))
    return stage


def schedule(stage: Stage, link: str, start: datetime, length: timedelta) -> None:
    """Book the meeting behind `link`, and two later ones that make it an ordinary day."""
    booked = [_event(TITLE, start, length, "Ada Lindqvist", f"URL:{link}")]
    for title, after_min, length_min, organizer in _LATER:
        begins = (start + timedelta(minutes=after_min)).replace(second=0)
        booked.append(_event(title, begins, timedelta(minutes=length_min), organizer))
    scratch = stage.calendar.with_suffix(".new")
    scratch.write_text(_calendar(booked))
    scratch.replace(stage.calendar)


def from_here(path: Path) -> str:
    """Return a path as somebody in this folder would type it."""
    near = os.path.relpath(path)
    return str(path) if near.startswith("..") else near


def _settings(stage: Stage, screen: str) -> str:
    text = json.dumps  # TOML's basic strings are JSON's
    return f"""\
[room]
name = {text(ROOM_NAME)}
how_to_join = {text(f"The guest link is in {from_here(stage.note)}")}

[paths]
state = {text(str(stage.state))}
runtime = {text(str(stage.runtime))}

[calendar]
source = {text(f"file:{stage.calendar}")}
poll_s = 1
auto_join_hosts = ["127.0.0.1"]

[joining]
min_countdown_s = 3

[devices]
camera = [{text(f"sim:pattern?mark={ROOM_NAME}")}]
microphone = ["sim:tone?hz={TONE_HZ}"]
speaker = [{text(f"sim:sink?record={stage.speaker}")}]

[display]
screen = {text(screen)}
picture_address = "127.0.0.1"
picture_port = {stage.picture_port}

[mqtt]
url = "mqtt://127.0.0.1:{stage.broker_port}"
org = "{ORG}"

[hub]
port = {stage.hub_port}

[broker]
port = {stage.broker_port}
"""


def _console_settings(stage: Stage) -> str:
    return f"""\
[console]
state = {json.dumps(str(stage.console_state))}
org = "{ORG}"

[mqtt]
url = "mqtt://127.0.0.1:{stage.broker_port}"

[web]
port = {stage.console_port}
"""


def _calendar(events: list[str]) -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Salon//Demo//EN", *events, "END:VCALENDAR", ""]
    return "\r\n".join(lines)


def _event(title: str, start: datetime, length: timedelta, organizer: str, *more: str) -> str:
    lines = [
        "BEGIN:VEVENT",
        f"UID:{secrets.token_hex(8)}@demo.invalid",
        f"DTSTAMP:{_stamp(datetime.now(UTC))}",
        f"DTSTART:{_stamp(start)}",
        f"DTEND:{_stamp(start + length)}",
        f"SUMMARY:{title}",
        f"ORGANIZER;CN={organizer}:mailto:organizer@demo.invalid",
        *more,
        "END:VEVENT",
    ]
    return "\r\n".join(lines)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports
