"""What every kind of meeting server is to the room: a provider that joins, and a session that tells what happens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from appliance.errors import SalonError
from appliance.media.rtc.frames import EncodedFrame, InStats, OutStats, SenderClock
from appliance.state.layout import Layout, PersonId
from appliance.state.room import Limits, Participant


class JoinFailed(SalonError):
    """The meeting could not be entered; the text is for people."""

    def __init__(self, reason: str, *, retryable: bool = True) -> None:
        super().__init__(reason)
        self.retryable = retryable


class Slot(StrEnum):
    """What one stream of a person is."""

    MICROPHONE = "microphone"
    CAMERA = "camera"
    SCREEN = "screen"
    SCREEN_AUDIO = "screen_audio"


class Received(Protocol):
    """One stream that comes in, in encoded frames; another person is another `Received`."""

    on_frame: Callable[[EncodedFrame], None] | None

    @property
    def clock(self) -> SenderClock | None:
        """How timestamps and the sender's clock hang together, once it has said so."""

    def request_keyframe(self) -> None: ...

    def stats(self) -> InStats: ...


class Sent(Protocol):
    """One stream that goes out."""

    codec: str
    on_keyframe_request: Callable[[], None] | None
    on_bitrate: Callable[[int], None] | None
    """Hears how many bits per second there is room for."""

    @property
    def wanted(self) -> frozenset[str] | None:
        """The layers that somebody receives; None while the server has not said so. Read from any thread."""

    @property
    def simulcast(self) -> bool:
        """Whether each frame is wanted in several layers."""

    @property
    def waiting(self) -> int:
        """How many frames wait for the network to take them. Read from any thread."""

    def send(self, frame: EncodedFrame) -> None: ...

    def stats(self) -> OutStats: ...


@dataclass(frozen=True, slots=True)
class JoinSpec:
    """What a provider needs to enter."""

    url: str = field(repr=False)
    name: str
    """What the room calls itself."""


@dataclass(frozen=True, slots=True)
class RosterChanged:
    """Everybody else who is in the meeting now."""

    participants: tuple[Participant, ...]


@dataclass(frozen=True, slots=True)
class SpeakersChanged:
    """Who speaks, loudest first, as the server hears it."""

    speakers: tuple[PersonId, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """A person's stream is there."""

    person: PersonId
    slot: Slot
    media: Received


@dataclass(frozen=True, slots=True)
class Unbound:
    """A person's stream is gone; another may have taken its place already."""

    person: PersonId
    slot: Slot
    media: Received


@dataclass(frozen=True, slots=True)
class Opened:
    """The room's own stream may be sent."""

    slot: Slot
    out: Sent


@dataclass(frozen=True, slots=True)
class Closed:
    """The room's own stream is not wanted any more."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class Joined:
    """The room is in: others see it on their roster. Always the first event."""


Event = Joined | RosterChanged | SpeakersChanged | Bound | Unbound | Opened | Closed


@dataclass(frozen=True, slots=True)
class Ended:
    """Why a session is over."""

    reason: str
    retryable: bool
    """Whether joining again is worth trying."""


class Session(Protocol):
    """One stay in a meeting. Cancelling `run` leaves, within two seconds."""

    async def run(self, tell: Callable[[Event], None]) -> Ended:
        """Join, stay and leave; raises `JoinFailed` when that is as far as it comes."""

    def set_layout(self, layout: Layout, limits: Limits) -> None:
        """Ask the server for just these people's pictures at these sizes."""

    def set_muted(self, slot: Slot, *, muted: bool) -> None:
        """Tell the others that the microphone is muted, or the camera off."""

    def set_sharing(self, *, sharing: bool) -> None:
        """Publish the room's own shared screen, or take it away. `Opened` and `Closed` say when that is done."""


class Provider(Protocol):
    """One kind of meeting server."""

    @property
    def name(self) -> str: ...

    def accepts(self, url: str) -> bool:
        """Whether a link leads to this kind of server."""

    def session(self, spec: JoinSpec) -> Session:
        """Return a stay in the meeting behind the link, not begun yet."""


class NoProvider(JoinFailed):
    """A link that leads to no kind of server the room knows."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"the room cannot join this link; it knows {', '.join(names)}", retryable=False)


def provider_for(url: str, providers: Sequence[Provider]) -> Provider:
    """Return the first provider that knows the link, or raise `NoProvider`."""
    for provider in providers:
        if provider.accepts(url):
            return provider
    raise NoProvider([provider.name for provider in providers])
