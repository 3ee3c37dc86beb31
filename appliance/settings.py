"""The room's settings: a frozen tree. What a key means stands here, what it is by default in `defaults.toml`.

All mistakes of a file are reported at once, each with the nearest name that exists, and nothing is started.
"""

import dataclasses
import difflib
import os
import tomllib
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from appliance.errors import SalonError
from appliance.redact import without_secrets

SYSTEM_FILE = Path("/etc/salon/room.toml")
ENVIRONMENT = "SALON_CONFIG"


class BadSettings(SalonError, ValueError):
    """One or more keys are unknown or wrong; the message lists all of them."""


@dataclass(frozen=True, slots=True)
class Between:
    """The smallest and the largest number a key takes."""

    least: float
    most: float


Port = Annotated[int, Between(0, 65535)]
Seconds = Annotated[float, Between(0, 86400)]


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """[room]"""

    name: str
    """What people call the room; shown on the TV and in meetings."""
    timezone: str
    """IANA name such as "Europe/Berlin"; empty takes the machine's."""
    how_to_join: str
    """One line on the idle TV that tells guests how to get in; empty shows none."""


@dataclass(frozen=True, slots=True)
class PathSettings:
    """[paths]"""

    state: str
    """Folder for what must survive a restart: identity, secrets, wishes. Mode 0700."""
    runtime: str
    """Folder for the sockets between the programs; emptied by a reboot."""


@dataclass(frozen=True, slots=True)
class CalendarSettings:
    """[calendar]"""

    source: str
    """file:/path/room.ics, https://… or webcal://…; empty for a room without a calendar, or with source_file."""
    source_file: str
    """File with that address, mode 0600, for one that holds a secret."""
    poll_s: Annotated[float, Between(1, 86400)]
    """How often the calendar is read."""
    auto_join_hosts: tuple[str, ...]
    """Meeting servers the room may join by itself; a link to any other needs a touch."""


@dataclass(frozen=True, slots=True)
class JoiningSettings:
    """[joining]"""

    lead_s: Seconds
    """How long before a meeting's start "joining soon" and its countdown appear."""
    min_countdown_s: Annotated[float, Between(3, 600)]
    """The shortest countdown, for meetings that appear late: time to press Cancel."""
    alone_s: Seconds
    """How long the room stays alone in a meeting whose booked time is over."""
    enter_muted: bool
    """Enter meetings with the microphone muted."""
    enter_camera_off: bool
    """Enter meetings with the camera off."""


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """[devices]: URIs in order of preference; the first that works is used."""

    camera: tuple[str, ...]
    """file:/clip.mp4 or sim:pattern."""
    microphone: tuple[str, ...]
    """file:/clip.mp4, sim:tone or sim:silence."""
    speaker: tuple[str, ...]
    """sim:sink, with ?record=/path.wav to keep what was played."""


@dataclass(frozen=True, slots=True)
class DisplaySettings:
    """[display]"""

    screen: str
    """sdl: (a window), sdl:?fullscreen=1, png:/path/tv.png or null:."""
    width: Annotated[int, Between(320, 3840)]
    height: Annotated[int, Between(180, 2160)]
    picture_address: str
    """Where the TV picture can be looked at over HTTP; empty for nowhere. Not loopback: needs picture_secret_file."""
    picture_port: Port
    """0 takes a free one."""
    picture_secret_file: str
    """File with the word that must stand in the picture's address."""


@dataclass(frozen=True, slots=True)
class LivekitServer:
    """[[meetings.livekit]]: a LiveKit server whose rooms may be joined by links to its host."""

    host: str
    """The host in the join links: https://HOST/ROOM."""
    url: str
    """ws:// or wss:// address of the server."""
    key: str
    """The API key."""
    secret_file: str
    """File with the API secret, mode 0600."""


@dataclass(frozen=True, slots=True)
class MeetingSettings:
    """[meetings]"""

    ca_file: str
    """Certificate to trust beside the system's, such as a hub's own; empty for none."""
    livekit: tuple[LivekitServer, ...]


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """[mqtt]"""

    url: str
    """mqtt://HOST:PORT or mqtts://…; empty for a room that reports nothing."""
    org: str
    """The organisation in the topics: a-z, 0-9 and -."""
    username: str
    password_file: str
    ca_file: str
    """Certificate authority of an mqtts:// broker; empty takes the system's."""
    health_s: Annotated[float, Between(1, 3600)]
    """How often health is sent when nothing changes."""


@dataclass(frozen=True, slots=True)
class HubSettings:
    """[hub]"""

    address: str
    """Where the hub listens. Not loopback: it then speaks HTTPS."""
    port: Port
    public_host: str
    """The name guests use in links, if it is not the address."""
    cert_file: str
    """A certificate to use instead of one of the hub's own making."""
    key_file: str
    max_participants: Annotated[int, Between(2, 100)]
    """People in one meeting, rooms included. The hub's machine forwards each picture to all of them."""


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """[broker]"""

    address: str
    """Where the embedded broker listens. Not loopback: needs password_file."""
    port: Port
    password_file: str
    """File whose first line is the password of all clients, mode 0600."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything."""

    room: RoomSettings
    paths: PathSettings
    calendar: CalendarSettings
    joining: JoiningSettings
    devices: DeviceSettings
    display: DisplaySettings
    meetings: MeetingSettings
    mqtt: MqttSettings
    hub: HubSettings
    broker: BrokerSettings

    @property
    def state_dir(self) -> Path:
        """Where what must survive is kept."""
        return Path(self.paths.state).expanduser()

    @property
    def runtime_dir(self) -> Path:
        """Where the sockets are."""
        return Path(os.path.expandvars(self.paths.runtime)).expanduser()


def load(path: Path | None = None) -> Settings:
    """Read the file given, else $SALON_CONFIG, else /etc/salon/room.toml if it exists, over the defaults."""
    chosen = path or (Path(os.environ[ENVIRONMENT]) if os.environ.get(ENVIRONMENT) else None)
    if chosen is None and not SYSTEM_FILE.exists():
        return parse("", where="the defaults")
    chosen = chosen or SYSTEM_FILE
    try:
        return parse(chosen.read_text(), where=str(chosen))
    except OSError as err:
        raise BadSettings(f"{chosen} cannot be read: {err.strerror}. Name another file with --config.") from err
    except UnicodeDecodeError as err:
        raise BadSettings(f"{chosen} is not a UTF-8 text file.") from err


def parse(text: str, *, where: str) -> Settings:
    """Read the text of a room.toml over the defaults."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise BadSettings(f"{where} is not TOML: {err}") from err
    defaults = tomllib.loads((files("appliance") / "defaults.toml").read_text())
    mistakes = list(_mistakes(Settings, given, ""))
    if mistakes:
        listed = "\n".join(f"  - {mistake}" for mistake in mistakes)
        raise BadSettings(f"{where} has {len(mistakes)} mistake{'s'[: len(mistakes) > 1]}:\n{listed}")
    merged = {name: {**defaults[name], **given.get(name, {})} for name in defaults}
    return typing.cast("Settings", _build(Settings, merged))


def _mistakes(kind: Any, given: dict[str, Any], prefix: str) -> Iterator[str]:
    known = get_type_hints(kind, include_extras=True)
    for key, value in given.items():
        name = f"{prefix}{key}"
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.5)
            hint = f"did you mean {prefix}{near[0]}?" if near else f"known here: {', '.join(known)}"
            yield f"{name} is not a setting; {hint}"
        elif dataclasses.is_dataclass(known[key]):
            if isinstance(value, dict):
                yield from _mistakes(known[key], value, f"{name}.")
            else:
                yield f"{name} must be a section, [{name}]"
        else:
            yield from _wrong(known[key], value, name)


def _wrong(kind: Any, value: Any, name: str) -> Iterator[str]:
    limits = next((extra for extra in getattr(kind, "__metadata__", ()) if isinstance(extra, Between)), None)
    bare = get_args(kind)[0] if limits else kind
    if get_origin(bare) is tuple:
        yield from _wrong_list(get_args(bare)[0], value, name)
    elif bare is float and type(value) not in {int, float}:
        yield f"{name} must be a number, not {_shown(value)}"
    elif bare is not float and type(value) is not bare:
        words = {str: "text in quotes", int: "a whole number", bool: "true or false"}
        yield f"{name} must be {words[bare]}, not {_shown(value)}"
    elif limits and not limits.least <= value <= limits.most:
        yield f"{name} must be from {limits.least:g} to {limits.most:g}, not {value}"


def _shown(value: Any) -> str:
    """Quote a value in a mistake's message, which everybody may read, without what an address may hold."""
    return without_secrets(repr(value))


def _wrong_list(item: Any, value: Any, name: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{name} must be a list, such as [{name.rpartition('.')[2]!r}]"
        return
    for number, entry in enumerate(value, 1):
        where = f"{name}[{number}]"
        if not dataclasses.is_dataclass(item):
            yield from _wrong(item, entry, where)
        elif isinstance(entry, dict):
            yield from _mistakes(item, entry, f"{where}.")
            yield from (f"{where} lacks {field.name}" for field in dataclasses.fields(item) if field.name not in entry)
        else:
            yield f"{where} must be a section, [[{name}]]"


def _build(kind: Any, data: Any) -> Any:
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{name: _build(hints[name], data[name]) for name in hints})  # type: ignore[operator]  # a class
    if get_origin(kind) is tuple:
        return tuple(_build(get_args(kind)[0], entry) for entry in data)
    return float(data) if kind is float else data
