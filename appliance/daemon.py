"""`salon daemon`, the brain: the room's state, its rules, its links. Holds no codec and no native media code.

This file is the composition root: read it top to bottom to see what a room is made of.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from appliance import faults
from appliance.conductor import Conductor
from appliance.desired import Desired, DesiredFile
from appliance.director import Director
from appliance.dispatch import Context, Dispatcher, Entry
from appliance.errors import SalonError
from appliance.lifecycle.rules import Timing
from appliance.link.messages import new_boot
from appliance.link.server import Handler, LinkServer
from appliance.seats import CommandSeat, DisplaySeat, MediaSeat, WatchSeat
from appliance.service import notify, utc_now, watchdog
from appliance.settings import Settings
from appliance.state.commands import Origin
from appliance.state.events import CallWanted, ControlsWanted, ServiceChanged
from appliance.state.room import MeetingKey, RoomState, ServiceHealth, Wanted
from appliance.state.store import RoomStore
from appliance.state.wishes import Devices, MediaWish

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
        self._file = DesiredFile(settings.state_dir / "desired.json")
        self.desired = self._file.load()
        self.dispatcher = Dispatcher(context=self._context, save=self._file.save, adopt=self._adopt)
        self.media = MediaSeat(self.store, self.boot, change=self.dispatcher.change)

    def _context(self) -> Context:
        joining = self._settings.joining
        entry = Entry(joining.enter_muted, joining.enter_camera_off)
        return Context(self.store.state, self.desired, self.links, entry, self._now())

    def _adopt(self, desired: Desired) -> None:
        self.desired = desired
        self.show_desired()

    def show_desired(self) -> None:
        """Make the public state and media's wish say what is desired."""
        call = self.desired.call
        self.store.apply(CallWanted(Wanted(call.key, call.title, call.ends_at) if call else None))
        self.store.apply(ControlsWanted(self.desired.controls))
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
                warm=state.countdown is not None,
                chime=0 if state.countdown is None else int(state.countdown.start.timestamp()),
            )
        )

    async def follow(self) -> None:
        """Publish a new wish whenever layout or countdown call for one."""
        async for _ in self.store.watch():
            self.publish_wish()


async def run_daemon(settings: Settings) -> None:
    """Run the brain until cancelled."""
    from provisioning.identity import room_identity  # noqa: PLC0415 - the daemon alone makes the room's identity

    zone = _zone(settings)
    room = Room(settings, room_identity(settings.state_dir).id)
    runtime = settings.runtime_dir
    runtime.mkdir(parents=True, exist_ok=True, mode=0o755)
    store, dispatch = room.store, room.dispatcher.dispatch
    reporting = {"media": room.media.serve, "display": DisplaySeat(store, room.boot).serve}
    commanding = {
        "panel": CommandSeat(store, Origin.TOUCH, dispatch).serve,
        "control": CommandSeat(store, Origin.CLI, dispatch).serve,
        "watch": WatchSeat(store).serve,
    }
    async with asyncio.TaskGroup() as tasks:
        _open_links(tasks, room, runtime, reporting)
        await _adopt_media(room)
        _open_links(tasks, room, runtime, commanding)
        tasks.create_task(room.follow(), name="wishes")
        tasks.create_task(Director(store).run(), name="director")
        tasks.create_task(_conductor(room, settings).run(), name="conductor")
        tasks.create_task(_watch_faults(settings, store), name="faults")
        tasks.create_task(watchdog(), name="watchdog")
        notify("READY=1")
        logger.info("room %s (%s) is ready", settings.room.name, zone)


def _open_links(tasks: asyncio.TaskGroup, room: Room, runtime: Path, seats: Mapping[str, Handler]) -> None:
    for role, serve in seats.items():
        link = LinkServer(runtime / f"{role}.sock", role, boot=room.boot, handler=serve, group=_group(role))
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


async def _watch_faults(settings: Settings, store: RoomStore) -> None:
    known: dict[str, ServiceHealth] = {}
    while True:
        found = {
            f.program: ServiceHealth(f.program, ok=False, detail=f.reason) for f in faults.current(settings.runtime_dir)
        }
        for health in found.values():
            store.apply(ServiceChanged(health))
        for name in known.keys() - found.keys():
            store.apply(ServiceChanged(replace(known[name], ok=True, detail="")))
        known = found
        await asyncio.sleep(_FAULTS_EVERY_S)


def _zone(settings: Settings) -> ZoneInfo | None:
    name = settings.room.timezone
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError) as err:
        raise SalonError(f"room.timezone: {name!r} is no time zone; use a name such as Europe/Berlin") from err


def _group(role: str) -> int | None:
    """Find the role's own group (made by systemd/sysusers.d); None outside an installed room."""
    import grp  # noqa: PLC0415 - Unix only, as is the socket

    try:
        return grp.getgrnam(f"salon-{role}").gr_gid
    except KeyError:
        return None
