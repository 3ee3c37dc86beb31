"""What anybody may ask of the room. Panel, CLI, MQTT and calendar speak this one language; each gets an `Ack`."""

from dataclasses import dataclass
from enum import StrEnum

from appliance.state.layout import View
from appliance.state.room import MeetingKey


class Origin(StrEnum):
    """Who asks. Only a touch in the room may unmute or switch the camera on."""

    TOUCH = "touch"
    """The panel or a button in the room."""
    CLI = "cli"
    """An operator on the machine, perhaps over SSH: as far away as MQTT for privacy's sake."""
    REMOTE = "remote"
    """MQTT, the console or REST."""
    CALENDAR = "calendar"
    """The room's own rules."""


@dataclass(frozen=True, slots=True)
class JoinMeeting:
    """Join a booked meeting now; without a key, the one that is on or comes next."""

    key: MeetingKey | None = None


@dataclass(frozen=True, slots=True)
class JoinUrl:
    """Join the meeting behind a link now."""

    url: str


@dataclass(frozen=True, slots=True)
class CancelJoin:
    """Do not join the meeting that is being counted down."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave the call, or stop joining it. The room then stays out of this occurrence."""


@dataclass(frozen=True, slots=True)
class SetMicMuted:
    """Mute or unmute the room's microphone."""

    muted: bool


@dataclass(frozen=True, slots=True)
class SetCameraOff:
    """Switch the room's camera off or on."""

    off: bool


@dataclass(frozen=True, slots=True)
class SetVolume:
    """Set the loudspeaker, 0 to 100 percent."""

    percent: int


@dataclass(frozen=True, slots=True)
class SetView:
    """Show everybody alike, or who speaks large. A shared screen is always large."""

    view: View


@dataclass(frozen=True, slots=True)
class MoveCamera:
    """Turn or zoom the camera by so much of its reach; automatic framing ends."""

    pan: float = 0.0
    tilt: float = 0.0
    zoom: float = 0.0


@dataclass(frozen=True, slots=True)
class FrameCamera:
    """Let the room frame whoever speaks by itself, or not."""

    framing: bool


@dataclass(frozen=True, slots=True)
class KeepPreset:
    """Keep where the camera looks now."""

    number: int


@dataclass(frozen=True, slots=True)
class RecallPreset:
    """Let the camera look where it was when this preset was kept."""

    number: int


@dataclass(frozen=True, slots=True)
class SwitchRelay:
    """Switch the room's lights or blinds."""

    name: str
    on: bool


@dataclass(frozen=True, slots=True)
class CheckDevices:
    """Try all devices for a moment."""


@dataclass(frozen=True, slots=True)
class CheckSound:
    """Play a sweep and measure how loudspeaker, room and microphones do."""


Command = (
    JoinMeeting
    | JoinUrl
    | CancelJoin
    | Leave
    | SetMicMuted
    | SetCameraOff
    | SetVolume
    | SetView
    | MoveCamera
    | FrameCamera
    | KeepPreset
    | RecallPreset
    | SwitchRelay
    | CheckDevices
    | CheckSound
)


class AckStatus(StrEnum):
    """What became of a command."""

    OK = "ok"
    REFUSED = "refused"
    """It was understood and is not allowed now."""
    FAILED = "failed"
    """It was tried and did not work."""


@dataclass(frozen=True, slots=True)
class Ack:
    """The answer to every command."""

    status: AckStatus = AckStatus.OK
    reason: str = ""
    """In the user's words, with what would help; empty when ok."""

    @classmethod
    def refused(cls, reason: str) -> "Ack":
        """Answer that the command is not allowed now, and why."""
        return cls(AckStatus.REFUSED, reason)

    @classmethod
    def failed(cls, reason: str) -> "Ack":
        """Answer that the command was tried in vain, and why."""
        return cls(AckStatus.FAILED, reason)
