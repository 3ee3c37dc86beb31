"""What media is told at its start. Apart from what uses it, because that loads codecs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from appliance.media.wires import Wires
from appliance.meetings.livekit_link import Server
from appliance.state.devices import DeviceUse, WireUse
from appliance.state.sound import Hearing


@dataclass(frozen=True, slots=True)
class SoundSettings:
    """What the room's owner wants done with the sound."""

    cancel_echo: bool = True
    suppress_noise: bool = True
    control_gain: bool = True
    prefilter: Literal["auto", "on", "off"] = "auto"
    """The linear stage before the echo canceller; auto: on while microphone and loudspeaker share a clock."""
    beam: bool = True
    """Steer an array at who talks; else its first microphone is sent."""
    voice_model: bool = True
    """Silero's; else loudness."""


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """Where the camera looks."""

    ptz: str = ""
    """A head with motors, as a URI; empty pans and zooms within the picture."""
    faces: bool = False
    """Look for faces to frame."""
    field_of_view_deg: float = 70.0
    array_deg: float = 0.0
    """Where the camera looks, as the microphone array counts."""


@dataclass(frozen=True, slots=True)
class StudioOptions:
    """Both."""

    sound: SoundSettings = SoundSettings()
    camera: CameraOptions = CameraOptions()


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """What `salon media` is told at its start."""

    gate_file: Path
    """Where the mute state is kept."""
    frames_socket: Path
    """Where display fetches the pictures."""
    meters_socket: Path
    """Where anybody may watch the sound levels."""
    identity: str
    """How the room is known to meeting servers whose keys it has."""
    group: int | None = None
    """Group of the sockets."""
    ca_file: str = ""
    hub_certificate: Path | None = None
    """Where a hub on this machine keeps the certificate it makes itself."""
    livekit: Mapping[str, Server] = field(default_factory=dict)
    """LiveKit servers by the host in their links."""
    wires: Wires = Wires()
    """The room's own mute button, mute line and lights."""
    studio: StudioOptions = StudioOptions()


@dataclass(frozen=True, slots=True)
class News:
    """Who wants to know what; all are called in the event loop."""

    device: Callable[[DeviceUse], None] = lambda _: None
    """How a device does."""
    sharing: Callable[[bool], None] = lambda _: None
    """Whether there is a screen to share."""
    hearing: Callable[[Hearing], None] = lambda _: None
    """What the microphones make out."""
    wire: Callable[[WireUse], None] = lambda _: None
    """How the camera's head does."""
