"""`salon daemon`, the brain: the room's state, its rules, its links. Holds no codec and no native media code.

This file is the composition root: read it top to bottom to see what a room is made of.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import time
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from appliance.calendars.agenda import JoinPolicy
from appliance.calendars.cache import CalendarCache
from appliance.calendars.sources import open_source
from appliance.calendars.watcher import CalendarRules, CalendarWatcher
from appliance.conductor import Conductor
from appliance.director import Director
from appliance.fixtures import Fixtures, FixtureWires
from appliance.lifecycle.rules import Timing
from appliance.lifecycle.television import TvHours
from appliance.link import faults
from appliance.link.server import Handler, LinkServer
from appliance.meetings.trust import trusted
from appliance.panels import Panels
from appliance.plugged import SERVICE, follow_devices
from appliance.preflight import PreflightCheck
from appliance.programs import calendar_address, group_of, is_installed, room_zone, runtime_dir
from appliance.room import Room
from appliance.seats import CommandSeat, DisplaySeat, WatchSeat, origin_at_panel
from appliance.sections import Settings
from appliance.service import notify, supervised, utc_now, watchdog
from appliance.settings import Own
from appliance.state.commands import Origin
from appliance.state.events import (
    ServiceChanged,
)
from appliance.state.room import ServiceHealth
from appliance.state.store import RoomStore
from appliance.tv import TvService, TvSettings
from hardware.tv.cec import Cec
from hardware.tv.dpms import SwayOutputs
from hardware.tv.learned import Learned
from hardware.tv.television import TvSet
from provisioning.enrolled import NotEnrolled, enrolment
from provisioning.identity import room_identity

logger = logging.getLogger(__name__)
_ADOPTION_S = 2.0
_FAULTS_EVERY_S = 2.0


async def run_daemon(settings: Settings, own: Own) -> None:
    """Run the brain until cancelled. `own` are the room's own settings, without what its console has set."""
    zone = room_zone(settings)
    runtime = runtime_dir(settings)
    room = Room(settings, room_identity(settings.state_dir).id)
    store, dispatch = room.store, room.command
    panels = Panels(on_gone=room.take_panel_gone, now=utc_now)
    reporting = {"media": room.media.serve, "display": DisplaySeat(store, room.boot).serve}
    commanding = {
        "panel": CommandSeat(
            store, partial(origin_at_panel, installed=is_installed()), dispatch, touch=panels.seated
        ).serve,
        "control": CommandSeat(store, lambda _: Origin.CLI, dispatch).serve,
        "watch": WatchSeat(store, lambda: room.media.streams).serve,
    }
    async with asyncio.TaskGroup() as tasks:
        _open_links(tasks, room, runtime, reporting)
        await _adopt_media(room)
        _open_links(tasks, room, runtime, commanding)
        tasks.create_task(room.follow(), name="wishes")
        tasks.create_task(panels.run(), name="panels")
        tasks.create_task(Director(store).run(), name="director")
        tasks.create_task(_conductor(room, settings).run(), name="conductor")
        _watch_devices(tasks, room, settings)
        television = _television(room, settings, zone)
        tasks.create_task(supervised("tv", television.run, room.take_health), name="tv")
        _serve_fixtures(tasks, room, settings, television)
        _watch_calendar(tasks, room, settings, own)
        _look_ahead(tasks, room, settings)
        _report_by_mqtt(tasks, room, settings, own)
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


def _watch_devices(tasks: asyncio.TaskGroup, room: Room, settings: Settings) -> None:
    async def run() -> None:
        await follow_devices(settings.devices.watch, changed=room.take_devices, on_health=room.take_health)

    tasks.create_task(supervised(SERVICE, run, room.take_health, well_s=None), name="devices")


def _television(room: Room, settings: Settings, zone: ZoneInfo) -> TvService:
    wanted, joining = settings.tv, settings.joining
    hours = TvHours(zone, joining.lead_s, _clock(wanted.off_from), _clock(wanted.off_until), wanted.idle_off_min * 60)
    device = "" if wanted.cec == "auto" else wanted.cec
    cec = None if wanted.cec == "off" else Cec(device, name=settings.room.name)
    service = TvService(
        TvSettings(hours, wanted.connector, wanted.switch, expected=settings.display.screen.startswith("sdl:")),
        TvSet(cec, SwayOutputs() if wanted.dpms else None),
        Learned(settings.state_dir / "tv.json"),
        states=room.store.watch,
        on_television=room.take_television,
        now=utc_now,
    )
    room.touched = service.touched
    return service


def _clock(text: str) -> time | None:
    return time.fromisoformat(text) if text else None


def _serve_fixtures(tasks: asyncio.TaskGroup, room: Room, settings: Settings, television: TvService) -> None:
    wires = FixtureWires(
        {relay.name: relay.pin for relay in settings.wires.relays},
        settings.wires.motion,
        settings.wires.occupied_min * 60,
    )
    if not wires:
        return

    def occupied(there: bool | None) -> None:
        room.take_occupancy(there)
        if there is not None:
            television.occupied(there=there)

    fixtures = Fixtures(wires, relays=room.take_relays, occupied=occupied, used=room.take_fixtures)
    room.switch = fixtures.want
    tasks.create_task(supervised("fixtures", fixtures.run, room.take_health), name="fixtures")


def calendar_rules(settings: Settings, own: Own) -> CalendarRules:
    """Return how the calendar is read. By the room's own time zone: else a console could move when the room joins."""
    return CalendarRules(
        zone=room_zone(own.settings()).key,
        shown_in=room_zone(settings).key,
        poll_s=settings.calendar.poll_s,
        livekit_hosts=tuple(server.host for server in settings.meetings.livekit),
        join=JoinPolicy(auto_hosts=settings.calendar.auto_join_hosts),
    )


def _watch_calendar(tasks: asyncio.TaskGroup, room: Room, settings: Settings, own: Own) -> None:
    uri = calendar_address(settings)
    if not uri:
        return
    rules = calendar_rules(settings, own)
    cache = CalendarCache(settings.state_dir, uri)
    watcher = CalendarWatcher(open_source(uri), cache, rules=rules, now=utc_now, on_bookings=room.take_bookings)
    tasks.create_task(supervised("calendar", watcher.run, room.take_health), name="calendar")


def _look_ahead(tasks: asyncio.TaskGroup, room: Room, settings: Settings) -> None:
    check = PreflightCheck(
        states=room.store.watch,
        links=lambda: room.links,
        livekit={server.host: server.url for server in settings.meetings.livekit},
        disk=settings.state_dir,
        on_preflight=room.take_preflight,
        try_devices=room.try_devices,
        trust=partial(trusted, settings.meetings.ca_file, settings.state_dir / "hub" / "cert.pem"),
        now=utc_now,
    )
    tasks.create_task(supervised("preflight", check.run, room.take_health), name="preflight")


def _report_by_mqtt(tasks: asyncio.TaskGroup, room: Room, settings: Settings, own: Own) -> None:
    try:
        found = enrolment(settings.state_dir)
    except NotEnrolled as err:
        # it may not pass for a room without a console, which takes orders from others
        room.take_health(ServiceHealth("mqtt", ok=False, detail=str(err)))
        return
    if found is None and not settings.mqtt.url:
        return
    # a third of the daemon's start, which a room without a fleet need not wait for
    from appliance.reporting import report_to_fleet  # noqa: PLC0415

    tasks.create_task(report_to_fleet(room, settings, own, found), name="mqtt")


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
