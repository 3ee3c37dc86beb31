"""What a room says, as values, and what may be asked of it.

Payloads grow by adding keys only: a word of a fixed list that we do not know reads as "unknown", null means "not
measurable". Nobody's name, no meeting's title and no link has a place here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self


class Word(StrEnum):
    """A fixed list that newer rooms may extend: what we do not know reads as `unknown`."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        return cls("unknown") if isinstance(value, str) and value != "unknown" else None


class ClockSync(Word):
    """Whether the room's clock may be believed."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class CallPhase(Word):
    """Where the room's call stands."""

    IDLE = "idle"
    JOINING = "joining"
    LOBBY = "lobby"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    LEAVING = "leaving"
    UNKNOWN = "unknown"


class Ending(Word):
    """Why a room is not online."""

    STOPPED = "stopped"
    """It said goodbye."""
    LOST = "lost"
    """The broker spoke its last will."""
    UNKNOWN = "unknown"


class Severity(Word):
    """How bad an issue is."""

    WARNING = "warning"
    """The room works, somebody should look."""
    ERROR = "error"
    """A meeting would suffer now."""
    INFO = "info"
    UNKNOWN = "unknown"


class TvPower(Word):
    """What is known of the TV's power."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"


class Answer(Word):
    """What became of a call."""

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What every message of a room begins with. (room, boot, seq) is its identity and order; never order by clock."""

    v: int
    boot: str
    """Random, new at each start of the daemon."""
    seq: int
    """Strictly increasing within a boot."""
    ts: int
    """Wall clock, milliseconds since 1970."""
    mono: int = 0
    """Milliseconds since the machine started."""
    sync: ClockSync = ClockSync.UNKNOWN


@dataclass(frozen=True, slots=True)
class State:
    """`up/state`, retained; the last will is one with online false."""

    online: bool
    bd: int
    """Number of this MQTT session, rising for ever: a will older than the newest session means nothing."""
    sw: str = ""
    model: str | None = None
    ip: str | None = None
    phase: CallPhase | None = None
    ended: Ending | None = None


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """One device in use; `driver` is its URI's scheme."""

    kind: str
    name: str
    driver: str
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Attached:
    """One device that is plugged in, whether the room uses it or not."""

    kind: str
    name: str
    id: str
    """Stays the same whatever the system calls it: usb:VENDOR:PRODUCT:SERIAL, or another bus and its place on it."""


@dataclass(frozen=True, slots=True)
class ScreenInfo:
    """The TV as the display program sees it."""

    driver: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Info:
    """`up/info`, retained: the inventory, only on change."""

    name: str
    sw: str = ""
    model: str | None = None
    os: str | None = None
    devices: tuple[DeviceInfo, ...] = ()
    screen: ScreenInfo | None = None
    commands: tuple[str, ...] = ()
    """What `down/call` may ask of this room."""
    attached: tuple[Attached, ...] = ()
    serial: str | None = None
    """The machine's own number."""
    kernel: str | None = None
    timezone: str = ""
    """The room's, an IANA name."""
    addresses: tuple[str, ...] = ()
    """By which the machine reaches others."""


@dataclass(frozen=True, slots=True)
class Gauges:
    """The machine; null is not measurable here."""

    cpu: float | None = None
    """Busy share of all cores since the reading before, 0 to 1."""
    load1: float | None = None
    mem_total_mb: int | None = None
    mem_available_mb: int | None = None
    temp_c: float | None = None
    disk_free_mb: int | None = None
    """Where the room keeps its state."""
    uptime_s: int | None = None


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """How one device does that the room's settings name, or that is plugged in all the same."""

    kind: str
    open: bool
    """In use now."""
    healthy: bool
    """Nothing is known to be wrong with it."""
    id: str = ""
    """Its place in the room's list, camera-1; of one that no setting names, what it is."""
    expected: bool = True
    """The settings name it."""
    present: bool | None = None
    """Null where nobody can tell without opening it."""
    chosen: bool = False
    """In use, or the one that will be."""


@dataclass(frozen=True, slots=True)
class StreamSum:
    """All streams of one kind and direction together: nobody's in particular."""

    kind: str
    direction: str
    count: int
    kbps: float
    lost: int
    dropped: int
    fps: float = 0.0
    """The mean of all."""
    loss: float = 0.0
    """The worst share of packets lost, 0 to 1."""
    freezes: int = 0
    """Times a picture stood still for more than 200 ms, since the streams began."""
    longest_gap_ms: int = 0
    jitter_ms: float = 0.0
    """The worst."""
    rtt_ms: float | None = None
    """The worst; null of received streams."""
    decode_ms: float = 0.0
    """The mean of all."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong now; the id stays the same for as long as it lasts."""

    id: str
    severity: Severity
    text: str
    remedy: str = ""
    since: int | None = None
    """Milliseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The verdict of the room's own pre-flight: could it hold its next meeting now?"""

    ok: bool
    at: int
    """When the pre-flight ended, milliseconds since 1970."""
    because: tuple[str, ...] = ()
    """The ids of the issues that stand against it; empty when ok."""
    next_at: int | None = None
    """When its next meeting starts, milliseconds since 1970; never which."""


@dataclass(frozen=True, slots=True)
class Health:
    """`up/health`: the newest wins, so `issues` is always the full list."""

    phase: CallPhase
    participants: int = 0
    """How many others are in the call; never who."""
    mic_muted: bool = True
    camera_off: bool = True
    gauges: Gauges = Gauges()
    devices: tuple[DeviceHealth, ...] = ()
    streams: tuple[StreamSum, ...] = ()
    issues: tuple[Issue, ...] = ()
    calls_refused: int = 0
    """Calls of this boot that were malformed, forbidden, late or unknown."""
    occupied: bool | None = None
    """Whether somebody is in the room, by its sensor; null without one."""
    mute_line: bool = False
    """The room's own mute switch is on: nothing else opens the microphone."""
    tv: TvPower = TvPower.UNKNOWN
    echo_reduction_db: int | None = None
    """By how much the far end is quieter in what is sent than at the microphone; null before it was heard."""
    ready: Ready | None = None
    """Null before the first pre-flight."""
    every_s: int = 30
    """When the next report is due at the latest: a console may call a room silent after two and a half times that."""
    spooled: int = 0
    """Records that wait for the console's answer."""
    spool_age_s: int | None = None
    """How long the oldest of them has waited; null when none does, or no clock can tell."""


@dataclass(frozen=True, slots=True)
class CallAck:
    """The answer to one call."""

    id: str
    cmd: str
    status: Answer
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """`up/event`: something happened once."""

    type: str
    sev: Severity = Severity.INFO
    issue_key: str | None = None
    data: CallAck | None = None


@dataclass(frozen=True, slots=True)
class KeyTrouble:
    """One key of the desired configuration that the room did not take as it was."""

    key: str
    reason: str


IN_A_MEETING = "in a meeting"
"""What a configuration waits for, in `Reported.waits`."""


@dataclass(frozen=True, slots=True)
class Reported:
    """`up/reported`, retained: the configuration in force."""

    rev: int = 0
    """The desired revision in force; 0 for the room's own settings alone."""
    seen: int = 0
    """The newest desired revision that arrived; above `rev` while it waits for the room to be idle, or was refused."""
    waits: str = ""
    """Why `seen` is not in force: empty, "in a meeting", or why it was refused."""
    doc: dict[str, Any] = field(default_factory=dict)
    """The keys a console may set, as they are in force: sections of keys, as in room.toml."""
    troubles: tuple[KeyTrouble, ...] = ()
    """Keys of `seen` that are unknown, wrong, or held back by the room's own privacy settings."""


CALL_ACK = "call.ack"
"""The event type of an answer."""
Body = State | Info | Health | Event | Reported


@dataclass(frozen=True, slots=True)
class Call:
    """`down/call`: a live request, worth something only until it expires."""

    id: str
    cmd: str
    expires: int
    """Milliseconds since 1970."""
    args: Mapping[str, str] = field(default_factory=dict)
