"""The room's settings: a frozen tree. What a key means stands here, what it is by default in `defaults.toml`.

All mistakes of a file, in names and in values, are reported at once, each with what would be right, and nothing is
started.
"""

import dataclasses
import difflib
import os
import tomllib
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from appliance import values
from appliance.errors import SalonError
from appliance.redact import without_secrets

SYSTEM_FILE = Path("/etc/salon/room.toml")
ENVIRONMENT = "SALON_CONFIG"


class BadSettings(SalonError, ValueError):
    """One or more keys are unknown or wrong; the message lists all of them."""

    def __init__(self, message: str, mistakes: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Between:
    """The smallest and the largest number a key takes."""

    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Fits:
    """What a text must be: the check raises `ValueError`."""

    check: Callable[[str], object]
    example: str = ""
    """One that fits, for a list's message."""
    empty: bool = False
    """Whether it may be empty."""


@dataclass(frozen=True, slots=True)
class File:
    """A text that names a file, which is looked at only where the room runs; empty for none."""

    check: Callable[[str], object]


Port = Annotated[int, Between(0, 65535)]
Seconds = Annotated[float, Between(0, 86400)]


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """[room]"""

    name: str
    """What people call the room; shown on the TV and in meetings."""
    timezone: Annotated[str, Fits(values.time_zone, empty=True)]
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

    source: Annotated[str, Fits(values.calendar, empty=True)]
    """file:/path/room.ics, https://… or webcal://…; empty for a room without a calendar, or with source_file."""
    source_file: Annotated[str, File(values.calendar_file)]
    """File with that address, mode 0600, for one that holds a secret."""
    poll_s: Annotated[float, Between(1, 86400)]
    """How often the calendar is read."""
    auto_join_hosts: tuple[Annotated[str, Fits(values.host, "meet.example.org")], ...]
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

    camera: tuple[Annotated[str, Fits(values.camera, "sim:pattern")], ...]
    """file:/clip.mp4 or sim:pattern."""
    microphone: tuple[Annotated[str, Fits(values.microphone, "sim:tone")], ...]
    """file:/clip.mp4, sim:tone or sim:silence."""
    speaker: tuple[Annotated[str, Fits(values.speaker, "sim:sink")], ...]
    """sim:sink, with ?record=/path.wav to keep what was played."""


@dataclass(frozen=True, slots=True)
class DisplaySettings:
    """[display]"""

    screen: Annotated[str, Fits(values.screen)]
    """sdl: (a window), sdl:?fullscreen=1, png:/path/tv.png or null:."""
    width: Annotated[int, Between(320, 3840)]
    height: Annotated[int, Between(180, 2160)]
    picture_address: str
    """Where the TV picture can be looked at over HTTP; empty for nowhere. Not loopback: needs picture_secret_file."""
    picture_port: Port
    """0 takes a free one."""
    picture_secret_file: Annotated[str, File(values.secret)]
    """File with the word that must stand in the picture's address."""


@dataclass(frozen=True, slots=True)
class LivekitServer:
    """[[meetings.livekit]]: a LiveKit server whose rooms may be joined by links to its host."""

    host: Annotated[str, Fits(values.host)]
    """The host in the join links: https://HOST/ROOM."""
    url: Annotated[str, Fits(values.livekit_url)]
    """ws:// or wss:// address of the server."""
    key: str
    """The API key."""
    secret_file: Annotated[str, File(values.secret)]
    """File with the API secret, mode 0600."""


@dataclass(frozen=True, slots=True)
class MeetingSettings:
    """[meetings]"""

    ca_file: Annotated[str, File(values.there)]
    """Certificate to trust beside the system's, such as a hub's own; empty for none."""
    livekit: tuple[LivekitServer, ...]


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """[mqtt]"""

    url: Annotated[str, Fits(values.broker, empty=True)]
    """mqtt://HOST:PORT or mqtts://…; empty for a room that reports nothing."""
    org: Annotated[str, Fits(values.organisation)]
    """The organisation in the topics: a-z, 0-9 and -."""
    username: str
    password_file: Annotated[str, File(values.there)]
    """File whose first line is the password."""
    ca_file: Annotated[str, File(values.there)]
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
    cert_file: Annotated[str, File(values.present)]
    """A certificate to use instead of one of the hub's own making."""
    key_file: Annotated[str, File(values.present)]
    max_participants: Annotated[int, Between(2, 100)]
    """People in one meeting, rooms included. The hub's machine forwards each picture to all of them."""


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """[broker]"""

    address: str
    """Where the embedded broker listens. Not loopback: needs password_file."""
    port: Port
    password_file: Annotated[str, File(values.present)]
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


def load(path: Path | None = None, *, look: bool = False) -> Settings:
    """Read the file given, else $SALON_CONFIG, else /etc/salon/room.toml if it exists, over the defaults.

    With `look` the files it names are looked at too.
    """
    chosen = path or (Path(os.environ[ENVIRONMENT]) if os.environ.get(ENVIRONMENT) else None)
    if chosen is None and not SYSTEM_FILE.exists():
        return parse("", where="the defaults")
    chosen = chosen or SYSTEM_FILE
    try:
        return parse(chosen.read_text(), where=str(chosen), look=look)
    except OSError as err:
        raise BadSettings(f"{chosen} cannot be read: {err.strerror}. Name another file with --config.") from err
    except UnicodeDecodeError as err:
        raise BadSettings(f"{chosen} is not a UTF-8 text file.") from err


def parse(text: str, *, where: str, look: bool = False) -> Settings:
    """Read the text of a room.toml over the defaults."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise BadSettings(f"{where} is not TOML: {err}") from err
    defaults = tomllib.loads((files("appliance") / "defaults.toml").read_text())
    walk = _Walk(look=look)
    mistakes = (*walk.mistakes(Settings, given, ""), *_two_calendars(given))
    if mistakes:
        listed = "\n".join(f"  - {mistake}" for mistake in mistakes)
        raise BadSettings(f"{where} has {len(mistakes)} mistake{'s'[: len(mistakes) > 1]}:\n{listed}", mistakes)
    merged = {name: {**defaults[name], **given.get(name, {})} for name in defaults}
    return typing.cast("Settings", _build(Settings, merged))


def _two_calendars(given: dict[str, Any]) -> Iterator[str]:
    wanted = given.get("calendar")
    if isinstance(wanted, dict) and wanted.get("source") and wanted.get("source_file"):
        yield "calendar.source and calendar.source_file are both set; keep one of them"


@dataclass(frozen=True, slots=True)
class _Walk:
    """Goes through what a file holds and says what is wrong with it."""

    look: bool

    def mistakes(self, kind: Any, given: dict[str, Any], prefix: str) -> Iterator[str]:
        known = get_type_hints(kind, include_extras=True)
        for key, value in given.items():
            name = f"{prefix}{key}"
            if key not in known:
                near = difflib.get_close_matches(key, known, 1, 0.5)
                hint = f"did you mean {prefix}{near[0]}?" if near else f"known here: {', '.join(known)}"
                yield f"{name} is not a setting; {hint}"
            elif dataclasses.is_dataclass(known[key]):
                if isinstance(value, dict):
                    yield from self.mistakes(known[key], value, f"{name}.")
                else:
                    yield f"{name} must be a section, [{name}]"
            else:
                yield from self._wrong(known[key], value, name)

    def _wrong(self, kind: Any, value: Any, name: str) -> Iterator[str]:
        rules = getattr(kind, "__metadata__", ())
        bare = get_args(kind)[0] if rules else kind
        if get_origin(bare) is tuple:
            yield from self._wrong_list(get_args(bare)[0], value, name)
        elif bare is float and type(value) not in {int, float}:
            yield f"{name} must be a number, not {_shown(value)}"
        elif bare is not float and type(value) is not bare:
            words = {str: "text in quotes", int: "a whole number", bool: "true or false"}
            yield f"{name} must be {words[bare]}, not {_shown(value)}"
        else:
            for rule in rules:
                yield from self._against(rule, value, name)

    def _against(self, rule: Between | Fits | File, value: Any, name: str) -> Iterator[str]:
        match rule:
            case Between(least, most):
                if not least <= value <= most:
                    yield f"{name} must be from {least:g} to {most:g}, not {value}"
            case Fits(check, empty=empty):
                if value or not empty:
                    yield from _refusal(check, value, name)
            case File(check):
                if value and self.look:
                    yield from _refusal(check, value, name)

    def _wrong_list(self, item: Any, value: Any, name: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield f"{name} must be {_list_words(item, name)}"
            return
        for number, entry in enumerate(value, 1):
            where = f"{name}[{number}]"
            if not dataclasses.is_dataclass(item):
                yield from self._wrong(item, entry, where)
            elif isinstance(entry, dict):
                yield from self.mistakes(item, entry, f"{where}.")
                fields = (field.name for field in dataclasses.fields(item))
                yield from (f"{where} lacks {field}" for field in fields if field not in entry)
            else:
                yield f"{where} must be a section, [[{name}]]"


def _refusal(check: Callable[[str], object], value: str, name: str) -> Iterator[str]:
    try:
        check(value)
    except ValueError as err:
        yield f"{name}: {without_secrets(str(err))}"


def _list_words(item: Any, name: str) -> str:
    if dataclasses.is_dataclass(item):
        return f"a list of sections, each under [[{name}]]"
    example = next(rule.example for rule in item.__metadata__ if isinstance(rule, Fits))
    return f'a list, such as ["{example}"]'


def _shown(value: Any) -> str:
    """Quote a value in a mistake's message, which everybody may read, without what an address may hold."""
    return without_secrets(repr(value))


def _build(kind: Any, data: Any) -> Any:
    if dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{name: _build(hints[name], data[name]) for name in hints})  # type: ignore[operator]  # a class
    if get_origin(kind) is tuple:
        return tuple(_build(get_args(kind)[0], entry) for entry in data)
    return float(data) if kind is float else data
