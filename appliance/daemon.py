"""`salon daemon`, the brain: the room's state, its rules, its links. Holds no codec and no native media code.

This file is the composition root: read it top to bottom to see what a room is made of.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from appliance.calendars.agenda import Bookings, JoinPolicy
from appliance.calendars.cache import CalendarCache
from appliance.calendars.sources import open_source
from appliance.calendars.watcher import CalendarRules, CalendarWatcher
from appliance.conductor import Conductor
from appliance.desired import Desired, DesiredFile
from appliance.director import Director
from appliance.dispatch import Context, Dispatcher, next_entry
from appliance.lifecycle.rules import Timing, as_decided
from appliance.link import faults
from appliance.link.messages import new_boot
from appliance.link.server import Handler, LinkServer
from appliance.programs import calendar_address, group_of, is_installed, room_zone, runtime_dir
from appliance.seats import CommandSeat, DisplaySeat, MediaSeat, WatchSeat, origin_at_panel
from appliance.service import notify, supervised, utc_now, watchdog
from appliance.settings import Settings
from appliance.state.commands import Origin
from appliance.state.events import AgendaChanged, CallWanted, ControlsWanted, ServiceChanged
from appliance.state.room import Agenda, Entry, MeetingKey, RoomState, ServiceHealth, Wanted
from appliance.state.store import RoomStore
from appliance.state.wishes import Devices, MediaWish
from provisioning.identity import room_identity

logger = logging.getLogger(__name__)
_ADOPTION_S = 2.0
_FAULTS_EVERY_S = 2.0


class Room:
    """What the daemon's parts share: the public state, and the will behind it."""

    def __init__(self, settings: Settings, room_id: str, *, now: Callable[[], datetime] = utc_now) -> None:
        self._settings = settings
        self._now = now
        self.boot = new_boot()
        about = settings.room
        state = RoomState(room_id, about.name, self.boot, how_to_join=about.how_to_join)
        self.store = RoomStore(state, now=now)
        self.links: dict[MeetingKey, str] = {}
        self._booked = Agenda()
        joining = settings.joining
        self._entry = Entry(joining.enter_muted, joining.enter_camera_off)
        self._file = DesiredFile(settings.state_dir / "desired.json")
        self.desired = self._file.load()
        self.dispatcher = Dispatcher(context=self._context, save=self._file.save, adopt=self._adopt)
        self.media = MediaSeat(self.store, self.boot, change=self.dispatcher.change)

    def _context(self) -> Context:
        return Context(self.store.state, self.desired, self.links, self._entry, self._now())

    def _adopt(self, desired: Desired) -> None:
        self.desired = desired
        self.show_desired()

    def show_desired(self) -> None:
        """Make the public state and media's wish say what is desired."""
        call = self.desired.call
        self._show_agenda()
        self.store.apply(CallWanted(Wanted(call.key, call.title, call.ends_at) if call else None))
        self.store.apply(ControlsWanted(self.desired.controls, next_entry(self.desired, self._entry)))
        self.publish_wish()

    def publish_wish(self) -> None:
        """Tell media the whole wish; the same one again goes nowhere."""
        state, devices = self.store.state, self._settings.devices
        self.media.wish(
            MediaWish(
                boot=self.boot,
                rev=0,
                call=self.desired.call,
                controls=self.desired.controls,
                devices=Devices(devices.camera, devices.microphone, devices.speaker),
                layout=state.layout,
                display_behind=state.face.behind,
                warm=state.countdown is not None,
                chime=0 if state.countdown is None else int(state.countdown.start.timestamp()),
            )
        )

    def take_bookings(self, bookings: Bookings) -> None:
        """Take in what the calendar says."""
        self.links = {key: link.url for key, link in bookings.links.items()}
        self._booked = bookings.agenda
        self._show_agenda()

    def _show_agenda(self) -> None:
        """Show what is booked as what was decided makes it: a meeting the room left promises nothing."""
        self.store.apply(AgendaChanged(as_decided(self._booked, self.desired.decided)))

    def take_health(self, health: ServiceHealth) -> None:
        """Take in how an edge service does."""
        self.store.apply(ServiceChanged(health))

    async def follow(self) -> None:
        """Publish a new wish whenever layout or countdown call for one."""
        async for _ in self.store.watch():
            self.publish_wish()


async def run_daemon(settings: Settings) -> None:
    """Run the brain until cancelled."""
    zone = room_zone(settings)
    runtime = runtime_dir(settings)
    room = Room(settings, room_identity(settings.state_dir).id)
    store, dispatch = room.store, room.dispatcher.dispatch
    reporting = {"media": room.media.serve, "display": DisplaySeat(store, room.boot).serve}
    commanding = {
        "panel": CommandSeat(store, partial(origin_at_panel, installed=is_installed()), dispatch).serve,
        "control": CommandSeat(store, lambda _: Origin.CLI, dispatch).serve,
        "watch": WatchSeat(store, lambda: room.media.streams).serve,
    }
    async with asyncio.TaskGroup() as tasks:
        _open_links(tasks, room, runtime, reporting)
        await _adopt_media(room)
        _open_links(tasks, room, runtime, commanding)
        tasks.create_task(room.follow(), name="wishes")
        tasks.create_task(Director(store).run(), name="director")
        tasks.create_task(_conductor(room, settings).run(), name="conductor")
        _watch_calendar(tasks, room, settings, zone)
        _report_by_mqtt(tasks, room, settings)
        tasks.create_task(_watch_faults(settings, store), name="faults")
        tasks.create_task(watchdog(), name="watchdog")
        notify("READY=1")
        logger.info("%s is ready (times in %s)", settings.room.name, zone)


def _open_links(tasks: asyncio.TaskGroup, room: Room, runtime: Path, seats: Mapping[str, Handler]) -> None:
    for role, serve in seats.items():
        link = LinkServer(runtime / f"{role}.sock", role, boot=room.boot, handler=serve, group=group_of(role))
        tasks.create_task(link.run(), name=f"link {role}")


async def _adopt_media(room: Room) -> None:
    """Hear media's truth before wishing anything; without media for two seconds, go by what was stored."""
    try:
        async with asyncio.timeout(_ADOPTION_S):
            await room.media.reported.wait()
    except TimeoutError:
        logger.info("media has not reported yet; starting from the stored wishes")
    room.show_desired()


def _conductor(room: Room, settings: Settings) -> Conductor:
    joining = settings.joining
    return Conductor(
        room.store,
        Timing(joining.lead_s, joining.min_countdown_s, joining.alone_s),
        desired=lambda: room.desired,
        dispatch=room.dispatcher.dispatch,
        change=room.dispatcher.change,
        now=utc_now,
    )


def _watch_calendar(tasks: asyncio.TaskGroup, room: Room, settings: Settings, zone: ZoneInfo) -> None:
    uri = calendar_address(settings)
    if not uri:
        return
    rules = CalendarRules(
        zone=zone.key,
        poll_s=settings.calendar.poll_s,
        livekit_hosts=tuple(server.host for server in settings.meetings.livekit),
        join=JoinPolicy(auto_hosts=settings.calendar.auto_join_hosts),
    )
    cache = CalendarCache(settings.state_dir, uri)
    watcher = CalendarWatcher(open_source(uri), cache, rules=rules, now=utc_now, on_bookings=room.take_bookings)
    tasks.create_task(supervised("calendar", watcher.run, room.take_health), name="calendar")


def _report_by_mqtt(tasks: asyncio.TaskGroup, room: Room, settings: Settings) -> None:
    wanted = settings.mqtt
    if not wanted.url:
        return
    # a third of the daemon's start, which a room without a fleet need not wait for
    from appliance.telemetry.agent import MqttAgent, MqttSettings  # noqa: PLC0415

    agent = MqttAgent(
        MqttSettings(**{field.name: getattr(wanted, field.name) for field in fields(MqttSettings)}),
        state_dir=settings.state_dir,
        states=room.store.watch,
        dispatch=room.dispatcher.dispatch,
        on_health=room.take_health,
        now=utc_now,
        streams=lambda: room.media.streams,
    )
    tasks.create_task(supervised("mqtt", agent.run, room.take_health), name="mqtt")


async def _watch_faults(settings: Settings, store: RoomStore) -> None:
    known: dict[str, ServiceHealth] = {}
    while True:
        found = {
            f.program: ServiceHealth(f.program, ok=False, detail=f.reason)
            for f in faults.read_faults(settings.runtime_dir / faults.FOLDER)
        }
        for health in found.values():
            store.apply(ServiceChanged(health))
        for name in known.keys() - found.keys():
            store.apply(ServiceChanged(replace(known[name], ok=True, detail="")))
        known = found
        await asyncio.sleep(_FAULTS_EVERY_S)
