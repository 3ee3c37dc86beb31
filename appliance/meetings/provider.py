"""What every kind of meeting server is to the room: a provider that joins, and a session that tells what happens."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from appliance.errors import SalonError
from appliance.media.rtc.frames import EncodedFrame, InStats, OutStats
from appliance.state.layout import Layout, PersonId
from appliance.state.room import Participant


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

    def request_keyframe(self) -> None: ...

    def stats(self) -> InStats: ...


class Sent(Protocol):
    """One stream that goes out."""

    on_keyframe_request: Callable[[], None] | None

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
    """A person's stream is gone."""

    person: PersonId
    slot: Slot


@dataclass(frozen=True, slots=True)
class Opened:
    """The room's own stream may be sent."""

    slot: Slot
    out: Sent


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over. Always the last event."""

    reason: str
    retryable: bool


Event = RosterChanged | SpeakersChanged | Bound | Unbound | Opened | Ended


class Session(Protocol):
    """One stay in a meeting, from a successful join to `Ended`."""

    def events(self) -> AsyncIterator[Event]:
        """Yield what happens, until `Ended`; one reader."""

    def set_layout(self, layout: Layout) -> None:
        """Ask the server for just these people's pictures at these sizes."""

    def set_muted(self, slot: Slot, *, muted: bool) -> None:
        """Tell the others that the microphone is muted, or the camera off."""

    def expects_media(self) -> bool:
        """Whether somebody in the meeting should be sending something to us now."""

    async def leave(self) -> None:
        """Leave: bounded, and again is harmless."""


class Provider(Protocol):
    """One kind of meeting server."""

    @property
    def name(self) -> str: ...

    def accepts(self, url: str) -> bool:
        """Whether a link leads to this kind of server."""

    async def warm(self, url: str) -> None:
        """Prepare a join: look up, exchange, connect. The room is on no roster and sends no media. Failing is fine."""

    async def join(self, spec: JoinSpec) -> Session:
        """Enter, or raise `JoinFailed`."""


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
