"""What the daemon's parts share: the public state, and the will behind it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import starmap

from appliance.calendars.agenda import Bookings
from appliance.desired import Desired, DesiredFile, begun
from appliance.dispatch import Context, Dispatcher, next_entry
from appliance.lifecycle.rules import as_decided
from appliance.link.messages import new_boot
from appliance.plugged import arrived, expected_devices, expected_wires, seen_devices, share_inputs
from appliance.seats import MediaSeat
from appliance.sections import Settings
from appliance.service import utc_now
from appliance.state.camera import CameraAim
from appliance.state.commands import Ack, Command, JoinMeeting, Origin
from appliance.state.devices import DeviceKind, WireUse
from appliance.state.events import (
    AgendaChanged,
    CallWanted,
    CameraAimed,
    ControlsWanted,
    DevicesSeen,
    FixturesChanged,
    OccupancyChanged,
    PanelGone,
    PreflightEnded,
    RelaysChanged,
    ServiceChanged,
    TelevisionChanged,
)
from appliance.state.fixtures import Relay
from appliance.state.preflight import Preflight
from appliance.state.reducer import with_devices
from appliance.state.room import Agenda, Entry, MeetingKey, RoomState, ServiceHealth, Wanted
from appliance.state.store import RoomStore
from appliance.state.television import Television
from appliance.state.wishes import Arrivals, Devices, MediaWish
from hardware.ports import Found

AUTO = ("auto:",)
"""What is used of a kind of which the settings name none: whatever is plugged in."""


def wanted_devices(settings: Settings) -> Devices:
    """Return the lists of preference: those of the settings, else whatever is plugged in."""
    devices = settings.devices
    return Devices(devices.camera or AUTO, devices.microphone or AUTO, devices.speaker or AUTO, devices.share)


class Room:
    """What the daemon's parts share: the public state, and the will behind it."""

    def __init__(self, settings: Settings, room_id: str, *, now: Callable[[], datetime] = utc_now) -> None:
        self._settings = settings
        self._now = now
        self.boot = new_boot()
        about = settings.room
        self._devices = wanted_devices(settings)
        self._found: tuple[Found, ...] = ()
        self._arrivals: Mapping[DeviceKind, int] = {}
        self._meeting_ahead = 0
        self._self_test = 0
        state = RoomState(
            room_id,
            about.name,
            self.boot,
            how_to_join=about.how_to_join,
            expected=expected_devices(self._devices),
            wired=expected_wires(settings),
        )
        self.store = RoomStore(with_devices(state, now()), now=now)
        self.links: dict[MeetingKey, str] = {}
        self._booked = Agenda()
        joining = settings.joining
        self._entry = Entry(joining.enter_muted, joining.enter_camera_off)
        self._file = DesiredFile(settings.state_dir / "desired.json")
        self.desired = begun(self._file.load())
        if settings.camera.framing and self.desired.aim == CameraAim():
            self.desired = replace(self.desired, aim=CameraAim(framing=True))
        self.dispatcher = Dispatcher(context=self._context, save=self._file.save, adopt=self._adopt)
        self.media = MediaSeat(self.store, self.boot, change=self.dispatcher.change)
        self.touched: Callable[[], None] = lambda: None
        """Somebody in the room touched something."""
        self.switch: Callable[[Mapping[str, bool]], None] = lambda _: None
        """Switches lights and blinds."""
        self.joining: Callable[[Origin], None] = lambda _: None
        """Somebody asked for a call."""

    def _context(self) -> Context:
        return Context(self.store.state, self.desired, self.links, self._entry, self._now())

    def _adopt(self, desired: Desired) -> None:
        self.desired = desired
        self.switch(desired.switched)
        self.show_desired()

    def show_desired(self) -> None:
        """Make the public state and media's wish say what is desired."""
        call = self.desired.call
        self._show_agenda()
        self.store.apply(CallWanted(Wanted(call.key, call.title, call.ends_at) if call else None))
        self.store.apply(ControlsWanted(self.desired.controls, next_entry(self.desired, self._entry)))
        self.store.apply(CameraAimed(self.desired.aim, tuple(preset.number for preset in self.desired.presets)))
        self.publish_wish()

    def publish_wish(self) -> None:
        """Tell media the whole wish; the same one again goes nowhere."""
        state, devices = self.store.state, self._devices
        check = state.senses.sound_check
        if check.at is not None and check.asked == self.desired.sound_check:
            # answered: a media that starts anew must not do it again
            self.desired = replace(self.desired, sound_check=0)
        self.media.wish(
            MediaWish(
                boot=self.boot,
                rev=0,
                call=self.desired.call,
                controls=self.desired.controls,
                devices=replace(devices, share=share_inputs(devices, self._found)),
                arrivals=tuple(starmap(Arrivals, self._arrivals.items())),
                layout=state.layout,
                display_behind=state.face.behind,
                warm=state.countdown is not None,
                word=self.desired.word,
                aim=self.desired.aim,
                device_check=self.desired.device_check,
                sound_check=self.desired.sound_check,
                self_test=self._self_test,
                meeting_ahead=self._meeting_ahead,
                chime=0 if state.countdown is None else int(state.countdown.start.timestamp()),
            )
        )

    async def command(self, command: Command, origin: Origin) -> Ack:
        """Do what somebody asks for, or say why not."""
        if origin is Origin.TOUCH:
            self.touched()
        if isinstance(command, JoinMeeting):
            self.joining(origin)
        return await self.dispatcher.dispatch(command, origin)

    def take_bookings(self, bookings: Bookings) -> None:
        """Take in what the calendar says."""
        self.links = {key: link.url for key, link in bookings.links.items()}
        self._booked = bookings.agenda
        self._show_agenda()

    def _show_agenda(self) -> None:
        """Show what is booked as what was decided makes it: a meeting the room left promises nothing."""
        self.store.apply(AgendaChanged(as_decided(self._booked, self.desired.decided)))

    def take_devices(self, found: tuple[Found, ...]) -> None:
        """Take in what is plugged in; media looks at what came."""
        devices = replace(self._devices, share=share_inputs(self._devices, found))
        came = arrived(self._found, found, devices)
        self._arrivals = {**self._arrivals, **{kind: self._arrivals.get(kind, 0) + 1 for kind in sorted(came)}}
        self._found = found
        self.store.apply(DevicesSeen(seen_devices(self.store.state.expected, found)))
        self.publish_wish()

    def take_television(self, television: Television) -> None:
        """Take in how the TV set is."""
        self.store.apply(TelevisionChanged(television))

    def take_panel_gone(self, since: datetime | None) -> None:
        """Take in that the touch panel is missed, or back."""
        self.store.apply(PanelGone(since))

    def take_occupancy(self, there: bool | None) -> None:
        """Take in whether somebody is in the room."""
        self.store.apply(OccupancyChanged(there))

    def take_relays(self, relays: tuple[Relay, ...]) -> None:
        """Take in how lights and blinds are."""
        self.store.apply(RelaysChanged(relays))

    def take_fixtures(self, wires: tuple[WireUse, ...]) -> None:
        """Take in whether relays and the motion sensor work."""
        self.store.apply(FixturesChanged(wires))

    def take_health(self, health: ServiceHealth) -> None:
        """Take in how an edge service does."""
        self.store.apply(ServiceChanged(health))

    def take_preflight(self, preflight: Preflight) -> None:
        """Take in what stands against the next meeting."""
        self.store.apply(PreflightEnded(preflight))

    def try_devices(self, start: datetime) -> None:
        """Have media try the devices ahead of the meeting that starts then, as it may: no lamp lights for nothing."""
        self._meeting_ahead = int(start.timestamp())
        self.publish_wish()

    def test_devices(self) -> int:
        """Have media test devices, sound and pictures; returns the number under which it will answer."""
        self._self_test = max(int(self._now().timestamp() * 1000), self._self_test + 1)
        self.publish_wish()
        return self._self_test

    async def follow(self) -> None:
        """Publish a new wish whenever layout or countdown call for one."""
        async for _ in self.store.watch():
            self.publish_wish()
