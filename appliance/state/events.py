"""Facts that change the room, in the past tense. Whoever observes one tells the store; only the reducer judges it."""

from dataclasses import dataclass
from datetime import datetime

from appliance.state.camera import CameraAim
from appliance.state.devices import Seen, WireUse
from appliance.state.fixtures import Relay
from appliance.state.layout import Layout
from appliance.state.preflight import Preflight
from appliance.state.room import Agenda, Controls, Countdown, Entry, ServiceHealth, Wanted
from appliance.state.television import Television
from appliance.state.wishes import DisplayReport, MediaReport


@dataclass(frozen=True, slots=True)
class AgendaChanged:
    """The calendar was read, or could not be."""

    agenda: Agenda


@dataclass(frozen=True, slots=True)
class CountdownChanged:
    """A countdown to an automatic join began, moved or ended."""

    countdown: Countdown | None


@dataclass(frozen=True, slots=True)
class CallWanted:
    """The room was asked to be in this call, or in none."""

    wanted: Wanted | None


@dataclass(frozen=True, slots=True)
class ControlsWanted:
    """Somebody set microphone, camera or volume."""

    controls: Controls
    entry: Entry = Entry()
    """What the next call begins with, by that."""


@dataclass(frozen=True, slots=True)
class CameraAimed:
    """Somebody said where the camera should look, or kept a preset."""

    aim: CameraAim
    presets: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class MediaReported:
    """Media said what it is and does."""

    report: MediaReport
    current: bool = True
    """It had taken up the newest wish; if not, what it says of the call is about an older one."""


@dataclass(frozen=True, slots=True)
class MediaLost:
    """Media's link is gone: nothing is known to capture, and nothing is known to be seen."""


@dataclass(frozen=True, slots=True)
class DisplayReported:
    """Display said what it is and does."""

    report: DisplayReport


@dataclass(frozen=True, slots=True)
class DisplayLost:
    """Display's link is gone."""


@dataclass(frozen=True, slots=True)
class PanelGone:
    """The room has had no touch panel since then, and did before; None once there is one."""

    since: datetime | None


@dataclass(frozen=True, slots=True)
class DevicesSeen:
    """Devices came or went; always the whole list."""

    seen: tuple[Seen, ...]


@dataclass(frozen=True, slots=True)
class TelevisionChanged:
    """The TV was plugged in, pulled, switched, or cannot be switched."""

    television: Television


@dataclass(frozen=True, slots=True)
class OccupancyChanged:
    """Somebody came, or nobody has moved for a while; None when nobody can tell any more."""

    occupied: bool | None


@dataclass(frozen=True, slots=True)
class RelaysChanged:
    """Lights or blinds were switched, or cannot be."""

    relays: tuple[Relay, ...]


@dataclass(frozen=True, slots=True)
class FixturesChanged:
    """Relays or the motion sensor work, or do not; always all of them."""

    wires: tuple[WireUse, ...]


@dataclass(frozen=True, slots=True)
class LayoutChanged:
    """The tiles on the TV were placed anew."""

    layout: Layout


@dataclass(frozen=True, slots=True)
class ServiceChanged:
    """An edge service came up, failed, or says something new."""

    health: ServiceHealth


@dataclass(frozen=True, slots=True)
class PreflightEnded:
    """The room looked ahead of its next meeting."""

    preflight: Preflight


@dataclass(frozen=True, slots=True)
class NoticeGiven:
    """There is something the people in the room should read; empty takes it away."""

    text: str


Event = (
    AgendaChanged
    | CountdownChanged
    | CallWanted
    | ControlsWanted
    | CameraAimed
    | MediaReported
    | MediaLost
    | DisplayReported
    | DisplayLost
    | PanelGone
    | DevicesSeen
    | TelevisionChanged
    | OccupancyChanged
    | RelaysChanged
    | FixturesChanged
    | LayoutChanged
    | ServiceChanged
    | PreflightEnded
    | NoticeGiven
)
