"""The sections of room.toml: a frozen tree. What a key means stands here, what it is by default in `defaults.toml`."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from appliance import values
from appliance.tree import Between, File, Fits

Port = Annotated[int, Between(0, 65535)]
Seconds = Annotated[float, Between(0, 86400)]


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """[room]"""

    name: Annotated[str, Fits(values.room_name)]
    """What people call the room; shown on the TV and in meetings."""
    timezone: Annotated[str, Fits(values.time_zone, empty=True)]
    """IANA name such as "Europe/Berlin"; empty takes the machine's. A console's is for the clock and the TV's night
    only: bookings that name no zone go by the room's own."""
    how_to_join: str
    """One line on the idle TV that tells guests how to get in; empty shows none."""


@dataclass(frozen=True, slots=True)
class PathSettings:
    """[paths]"""

    state: Annotated[str, Fits(values.folder)]
    """Folder for what must survive a restart: identity, secrets, wishes. Mode 0700."""
    runtime: Annotated[str, Fits(values.sockets_folder)]
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
    """v4l2:SELECTOR, picamera:SELECTOR, file:/clip.mp4 or sim:pattern; empty takes what is plugged in."""
    microphone: tuple[Annotated[str, Fits(values.microphone, "sim:tone")], ...]
    """pipewire:SELECTOR, alsa:SELECTOR, file:/clip.mp4, sim:tone or sim:silence; empty takes what is plugged in."""
    speaker: tuple[Annotated[str, Fits(values.speaker, "sim:sink")], ...]
    """pipewire:SELECTOR, alsa:SELECTOR or sim:sink; empty takes what is plugged in."""
    share: tuple[Annotated[str, Fits(values.capture, "v4l2:534d:2109")], ...]
    """HDMI inputs: whoever plugs a computer in shares its screen."""
    watch: Annotated[str, Fits(values.device_watch)]
    """What tells that devices come and go: udev:, or sim:/path/to/folder."""


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """[camera]: where it looks"""

    ptz: Annotated[str, Fits(values.head, empty=True)]
    """A head with motors: visca:HOST, visca-serial:/dev/ttyUSB0; empty pans and zooms within the picture."""
    framing: bool
    """Frame whoever speaks, until somebody aims the camera by hand. Needs a microphone array or faces."""
    faces: bool
    """Look for faces to frame; nothing of it leaves the room, and nobody is recognised."""
    field_of_view_deg: Annotated[float, Between(20, 180)]
    """How much of the room the camera sees at its widest, from left to right."""
    array_deg: Annotated[float, Between(-180, 180)]
    """Where the camera looks, as the microphone array counts its directions."""


@dataclass(frozen=True, slots=True)
class SoundSettings:
    """[sound]: what is done to what the microphones hear"""

    cancel_echo: bool
    """Take the loudspeaker's sound out. Off if the sound server does it already: never do it twice."""
    suppress_noise: bool
    control_gain: bool
    """Bring near and far voices to the same loudness."""
    double_talk: Annotated[str, Fits(values.double_talk)]
    """auto, on or off: keep people audible while the far end talks; auto when both devices share a clock."""
    beam: bool
    """Listen where somebody talks, with a microphone array."""


@dataclass(frozen=True, slots=True)
class RelayWire:
    """[[wires.relays]]: something the room switches: lights, blinds"""

    name: Annotated[str, Fits(values.relay_name)]
    pin: Annotated[str, Fits(values.wire)]


@dataclass(frozen=True, slots=True)
class WireSettings:
    """[wires]: buttons, switches and lights, as gpio:17?active_low=1; empty for none"""

    mute_button: Annotated[str, Fits(values.wire, empty=True)]
    mute_line: Annotated[str, Fits(values.wire, empty=True)]
    """A switch that wins over everything: while it is on, nothing opens the microphone."""
    mute_light: tuple[Annotated[str, Fits(values.wire, "gpio:27?active_low=1&pull=down")], ...]
    """Red; red and green; or red, green and blue. Wired so that it is red while nobody drives it."""
    call_light: Annotated[str, Fits(values.wire, empty=True)]
    motion: Annotated[str, Fits(values.wire, empty=True)]
    """A motion sensor: tells whether somebody is in the room."""
    occupied_min: Annotated[float, Between(1, 240)]
    """How long the room counts as occupied after the last movement."""
    relays: tuple[RelayWire, ...]


@dataclass(frozen=True, slots=True)
class TvSettings:
    """[tv]: the set itself; what it shows is [display]'s"""

    switch: bool
    """Switch the TV on for people and meetings, and off at night."""
    connector: Annotated[str, Fits(values.connector, empty=True)]
    """HDMI-A-1; empty takes the likeliest."""
    cec: Annotated[str, Fits(values.cec)]
    """auto, off, or a device such as /dev/cec0."""
    dpms: bool
    """Take the picture away where sway owns the screens and there is no CEC."""
    off_from: Annotated[str, Fits(values.clock_time, empty=True)]
    """When the night begins, such as 22:00; empty for none."""
    off_until: Annotated[str, Fits(values.clock_time, empty=True)]
    idle_off_min: Annotated[float, Between(0, 1440)]
    """How long without a sign of people until the TV goes off by day; 0 for never."""


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
    """mqtt://HOST:PORT or mqtts://…; empty for the broker of the console the room is enrolled at, if it is."""
    org: Annotated[str, Fits(values.organisation)]
    """The organisation in the topics: a-z, 0-9 and -."""
    username: str
    password_file: Annotated[str, File(values.there)]
    """File whose first line is the password."""
    ca_file: Annotated[str, File(values.there)]
    """Certificate authority of an mqtts:// broker; empty takes the system's."""
    health_s: Annotated[float, Between(1, 3600)]
    """How often health is sent in a meeting when nothing changes."""
    idle_s: Annotated[float, Between(1, 3600)]
    """How often it is sent between meetings."""
    spool_mb: Annotated[int, Between(1, 65536)]
    """How much disk records may take that the console has not acknowledged."""
    titles: bool
    """Tell the console the titles of meetings. Only the room itself can switch that on."""
    screenshots: Annotated[str, Fits(values.screenshots)]
    """none, interface or picture: what the console may see of the TV. Only the room itself can allow more."""


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
    camera: CameraSettings
    sound: SoundSettings
    wires: WireSettings
    tv: TvSettings
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
