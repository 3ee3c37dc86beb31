"""What the daemon wants of media and display, and what they report: each one whole value, never a patch.

A wish carries `(boot, rev)` of the daemon; a report carries what was applied, so either side may die at any time
and be told everything again. `CallWish` is the only value that holds a secret link or token.
"""

from dataclasses import dataclass, field
from datetime import datetime

from appliance.state.camera import CameraAim
from appliance.state.devices import DeviceKind, DeviceUse, WireUse
from appliance.state.layout import Layout
from appliance.state.room import Boot, Call, Controls, Limits, MeetingKey, RoomState
from appliance.state.selftest import SelfTest
from appliance.state.sound import Hearing, SoundCheck
from appliance.state.touch import Mark, Touch, Word


@dataclass(frozen=True, slots=True)
class CallWish:
    """The call media should be in. Secret: never logged, never in `RoomState`."""

    key: MeetingKey
    title: str
    url: str = field(repr=False)
    """The join link, with whatever secret it carries."""
    name: str = ""
    """What the room calls itself in the meeting."""
    attempt: int = 0
    """Rises when somebody presses Join again after a failure."""
    ends_at: datetime | None = None
    """How long re-joining is worth trying: the booked end, None without one."""


@dataclass(frozen=True, slots=True)
class Devices:
    """Device URIs in order of preference; media takes the first that works."""

    camera: tuple[str, ...] = ()
    microphone: tuple[str, ...] = ()
    speaker: tuple[str, ...] = ()
    share: tuple[str, ...] = ()

    def of(self, kind: DeviceKind) -> tuple[str, ...]:
        """Return the list of one kind."""
        match kind:
            case DeviceKind.CAMERA:
                return self.camera
            case DeviceKind.MICROPHONE:
                return self.microphone
            case DeviceKind.SPEAKER:
                return self.speaker
            case DeviceKind.SHARE:
                return self.share


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How often devices have come that may be one of the room's."""

    kind: DeviceKind
    times: int


@dataclass(frozen=True, slots=True)
class MediaWish:
    """Everything media should do."""

    boot: Boot
    rev: int
    call: CallWish | None = None
    controls: Controls = Controls()
    devices: Devices = Devices()
    layout: Layout = Layout()
    warm: bool = False
    """A join is near: import the codecs and warm up, but send nothing and be on no roster."""
    display_behind: bool = False
    """The display cannot draw as fast as pictures come: fewer should be sent."""
    word: Word = Word(Mark("", 0))
    """What the daemon says of the microphone, and what it knew then. A wish without one opens nothing."""
    aim: CameraAim = CameraAim()
    arrivals: tuple[Arrivals, ...] = ()
    """Of which kinds a device has come: a better one may be there, and it should be tried for a moment."""
    device_check: int = 0
    """Another number: try all devices for a moment."""
    sound_check: int = 0
    """Another number: measure the room's sound, once. 0: stop."""
    self_test: int = 0
    """Another number: try all devices, play a soft tone and listen for it, and look at the cameras' pictures, once."""
    meeting_ahead: int = 0
    """Another number: a meeting starts then, try the devices unless that was done within a minute."""
    chime: int = 0
    """Rises by one when the room should sound its "joining soon" chime."""


@dataclass(frozen=True, slots=True)
class Applied:
    """Which wish a report answers."""

    boot: Boot
    rev: int


@dataclass(frozen=True, slots=True)
class StreamStats:
    """How one received or sent stream does, over the last two seconds where it does not say otherwise."""

    person: str
    kind: str
    """video or audio."""
    direction: str
    """in or out."""
    frames: int = 0
    """Shown or sent, since the stream began."""
    fps: float = 0.0
    width: int = 0
    height: int = 0
    kbps: float = 0.0
    lost: int = 0
    """Packets that no retransmission brought; of sound, those that were not there when it was their time."""
    loss: float = 0.0
    """Share of the packets that never came, 0 to 1; of a sent stream as its receiver reports it."""
    dropped: int = 0
    """Frames we threw away because newer ones were there."""
    freezes: int = 0
    """Times a moving picture stood still for more than 200 ms, since the stream began."""
    longest_gap_ms: int = 0
    """Between two pictures, since the stream began."""
    jitter_ms: float = 0.0
    """How unevenly packets arrive."""
    rtt_ms: float | None = None
    """To the receiver and back; None before it is known, and of received streams: only who sends can measure it."""
    decode_ms: float = 0.0
    """What one picture took to decode."""
    concealed: float = 0.0
    """Share of the played sound that was invented because nothing had come, 0 to 1."""
    delay_ms: float = 0.0
    """How long sound waits for packets that are late."""


@dataclass(frozen=True, slots=True)
class MediaReport:
    """Everything media is and does."""

    boot: Boot
    applied: Applied | None = None
    call: Call = Call()
    wanted: CallWish | None = None
    """The call media itself still holds to, so that a new daemon can adopt it; secret like the wish."""
    controls: Controls = Controls()
    """What is really in force at the capture gate."""
    touch: Touch = Touch(Mark("", 0))
    """The newest touch of the room's own mute button or line."""
    mute_line: bool = False
    """The mute line is asserted, or cannot be read: nothing opens the microphone."""
    devices: tuple[DeviceUse, ...] = ()
    wires: tuple[WireUse, ...] = ()
    streams: tuple[StreamStats, ...] = ()
    limits: Limits = Limits()
    """What the machine can bear; the layout honours it."""
    sharing: bool = False
    """A computer is plugged into the room's HDMI input and shared."""
    hearing: Hearing = Hearing()
    sound_check: SoundCheck = SoundCheck()
    """The last one, or the one that runs."""
    probed: int = 0
    """How often all devices were tried for a moment."""
    self_test: SelfTest = SelfTest()


@dataclass(frozen=True, slots=True)
class DisplayWish:
    """What display should show: the public room, whole."""

    boot: Boot
    rev: int
    room: RoomState


@dataclass(frozen=True, slots=True)
class DisplayReport:
    """Everything display is and does."""

    boot: Boot
    applied: Applied | None = None
    screen: str = ""
    width: int = 1920
    height: int = 1080
    lit: bool = False
    fps: float = 0.0
    behind: bool = False
    """It cannot draw as fast as pictures come."""
    stale: tuple[str, ...] = ()
    """People whose tile is greyed because their picture stopped."""
    first_remote_frame_at: datetime | None = None
    """When the first remote picture of this call was on the canvas."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Meters:
    """Sound levels, ten times a second; beside the state, because only the newest matters."""

    microphone: float = 0.0
    """RMS, 0 to 1, before the mute gate (so that the panel can say "you are muted")."""
    speaker: float = 0.0
