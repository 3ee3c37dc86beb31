"""The room as one frozen value: what is booked, what call is on, what the devices really do.

`RoomState` is public: it goes to the panel, the TV and MQTT, so it never holds a join link, a token or a PIN. Those
travel only in media's wish (`wishes.py`).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from appliance.state.camera import CameraAim
from appliance.state.devices import Device, DeviceUse, Expected, Seen, WireUse
from appliance.state.fixtures import Relay
from appliance.state.layout import Layout, PersonId, Source, Tile, View
from appliance.state.preflight import Preflight
from appliance.state.selftest import SelfTest
from appliance.state.sound import Hearing, SoundCheck
from appliance.state.television import Television

MeetingKey = NewType("MeetingKey", str)
"""One occurrence of one event: the iCalendar UID and, for recurring ones, its RECURRENCE-ID."""

Boot = NewType("Boot", str)
"""A program's life, from start to end; random, new at each start."""


class AutoJoin(StrEnum):
    """Whether the room joins this meeting by itself."""

    YES = "yes"
    TOUCH = "touch"
    """It has a link, but somebody must press Join; `Meeting.why` says why."""
    NO = "no"
    """There is nothing the room can join; `Meeting.why` says why."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """One booked occurrence, as everybody may see it."""

    key: MeetingKey
    title: str
    start: datetime
    end: datetime
    organizer: str = ""
    provider: str = ""
    """The kind of meeting server, "livekit" for one; empty without a join link."""
    host: str = ""
    """The server's name without path or secret."""
    auto_join: AutoJoin = AutoJoin.NO
    why: str = ""
    all_day: bool = False


@dataclass(frozen=True, slots=True)
class Agenda:
    """What the calendar says, and how old that knowledge is."""

    meetings: tuple[Meeting, ...] = ()
    """Sorted by start; from now until tomorrow night."""
    fetched_at: datetime | None = None
    """When the source was last read with success (also when it had not changed)."""
    error: str = ""
    """Why the newest reading failed, in words; the meetings are then the last good ones."""
    warning: str = ""
    """Which events were left out because they cannot be understood; the others are fine."""


class Phase(StrEnum):
    """Where a call stands: idle -> joining -> (lobby) -> live -> leaving -> idle, reconnecting beside live."""

    IDLE = "idle"
    JOINING = "joining"
    LOBBY = "lobby"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    LEAVING = "leaving"


@dataclass(frozen=True, slots=True)
class Participant:
    """Somebody else in the call."""

    id: PersonId
    name: str
    mic_muted: bool = False
    camera_on: bool = False
    screen_on: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """The call the room is in, as media reports it."""

    phase: Phase = Phase.IDLE
    key: MeetingKey | None = None
    title: str = ""
    since: datetime | None = None
    """When the phase began."""
    participants: tuple[Participant, ...] = ()
    speakers: tuple[PersonId, ...] = ()
    """Who speaks now, loudest first; changes at most twice a second."""
    reason: str = ""
    """Why the call is reconnecting, or why the last one ended or could not be joined."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The call the room should be in; `Call` says how far that has come."""

    key: MeetingKey
    title: str
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Countdown:
    """The room is about to join by itself; anybody in the room may cancel."""

    key: MeetingKey
    title: str
    start: datetime
    """When the meeting is booked to begin."""
    joins_at: datetime


@dataclass(frozen=True, slots=True)
class Controls:
    """Microphone, camera, loudspeaker and TV. The safe values are the defaults."""

    mic_muted: bool = True
    camera_off: bool = True
    volume: int = 60
    """Percent."""
    view: View = View.GALLERY


@dataclass(frozen=True, slots=True)
class Entry:
    """With what the next call begins; one that is joined from afar begins with both closed."""

    mic_muted: bool = True
    camera_off: bool = True


@dataclass(frozen=True, slots=True)
class Limits:
    """What the machine can bear now of others' pictures. Sound is never held back."""

    fps: int = 30
    """Pictures a second of each person."""
    height: int = 1080
    """Lines of a person's picture; a shared screen stays legible."""
    tiles: int = 49
    """People and screens on the TV."""
    why: str = ""
    """What it suffers from, in words; empty while nothing is held back."""

    def size(self, tile: Tile) -> tuple[int, int]:
        """Return how large a picture is wanted for a tile."""
        if tile.source is Source.SCREEN or tile.h <= self.height:
            return tile.w, tile.h
        return tile.w * self.height // tile.h, self.height


@dataclass(frozen=True, slots=True)
class Senses:
    """What `salon media` reports of itself; the mute state here is what really is captured."""

    connected: bool = False
    mic_muted: bool = True
    camera_off: bool = True
    devices: tuple[DeviceUse, ...] = ()
    limits: Limits = Limits()
    sharing: bool = False
    """A computer is plugged into the room's HDMI input, and everybody sees it."""
    mute_line: bool = False
    """The room's own mute switch is on: nothing else opens the microphone."""
    wires: tuple[WireUse, ...] = ()
    """The mute button, the mute line and the lights."""
    hearing: Hearing = Hearing()
    sound_check: SoundCheck = SoundCheck()
    probed: int = 0
    """How often all devices were tried for a moment."""
    self_test: SelfTest = SelfTest()


@dataclass(frozen=True, slots=True)
class Face:
    """What `salon display` reports of itself."""

    connected: bool = False
    screen: str = ""
    """The presenter's URI: sdl:, png:, null:."""
    width: int = 0
    height: int = 0
    lit: bool = False
    """It presented a picture within the last two seconds."""
    behind: bool = False
    """It cannot draw as fast as pictures come."""
    error: str = ""
    first_remote_frame_at: datetime | None = None
    """When the first picture of somebody else in this call was on the canvas."""


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """One edge of the daemon (calendar, MQTT, a link) or one program that a supervisor gave up on."""

    name: str
    ok: bool
    detail: str = ""
    """What happened and what would help, in words."""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class RoomState:
    """Everything public about the room at one instant."""

    id: str
    name: str
    boot: Boot
    rev: int = 0
    now: datetime | None = None
    """When this value was made, by the room's clock."""
    agenda: Agenda = Agenda()
    countdown: Countdown | None = None
    wanted: Wanted | None = None
    call: Call = Call()
    controls: Controls = Controls()
    """What is wished; `senses` says what is."""
    entry: Entry = Entry()
    aim: CameraAim = CameraAim()
    """Where the camera should look."""
    presets: tuple[int, ...] = ()
    """The numbers of the camera presets that are kept."""
    senses: Senses = Senses()
    face: Face = Face()
    panel_gone: datetime | None = None
    """Since when the touch panel that was there has been missed; None while it is not."""
    layout: Layout = Layout()
    expected: tuple[Expected, ...] = ()
    """The devices that the settings name, in their order."""
    seen: tuple[Seen, ...] = ()
    """What udev says of them, and of others."""
    wired: tuple[WireUse, ...] = ()
    """The wires that the settings name, of which nobody has told anything."""
    fixtures: tuple[WireUse, ...] = ()
    """How relays and the motion sensor do, which are the daemon's own."""
    devices: tuple[Device, ...] = ()
    """The one table of all devices; follows from `expected`, `seen`, the wires, and what media reports."""
    television: Television = Television()
    occupied: bool | None = None
    """Whether somebody is in the room, by its sensor; None where nobody can tell."""
    relays: tuple[Relay, ...] = ()
    services: tuple[ServiceHealth, ...] = ()
    preflight: Preflight | None = None
    """What the newest look ahead of the next meeting found; None before the first."""
    notice: str = ""
    """The newest thing people in the room should read, such as why a join was refused."""
    how_to_join: str = ""
    """One line for the idle TV: how a guest gets into this room's meetings (no secret)."""

    @property
    def simulated(self) -> bool:
        """Whether any device in use is simulated; panel and TV must say so."""
        return any(device.simulated for device in self.senses.devices)

    @property
    def in_use(self) -> frozenset[tuple[str, str]]:
        """Which rows of the table are open right now, by kind and URI."""
        devices = {(use.kind.value, use.uri) for use in self.senses.devices if use.open}
        wires = {(wire.role, wire.uri) for wire in (*self.senses.wires, *self.fixtures) if wire.open}
        return frozenset(devices | wires)
