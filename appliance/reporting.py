"""What a room tells its fleet: composes the spool, who writes into it, and the agent that speaks over MQTT."""

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from appliance.collecting import logs
from appliance.deeds import Deeds
from appliance.pictures import picture_of
from appliance.programs import is_installed, room_zone
from appliance.restarting import supervisor
from appliance.room import Room
from appliance.sections import Settings
from appliance.service import supervised, utc_now
from appliance.settings import Own
from appliance.state.events import NoticeGiven
from appliance.state.room import ServiceHealth
from appliance.telemetry.agent import MqttAgent, MqttSettings
from appliance.telemetry.configurator import Configurator, overlay_file
from appliance.telemetry.courier import Courier
from appliance.telemetry.gauges import GaugeReader, clock_sync, machine_boot
from appliance.telemetry.moments import Moment, machine_clock
from appliance.telemetry.order_desk import Orders
from appliance.telemetry.protocol.orders import Desired, Jobs
from appliance.telemetry.protocol.payloads import Reported
from appliance.telemetry.recorder import Recorder, Rhythm
from appliance.telemetry.sending import SendPace
from appliance.telemetry.spool import Spool, SpoolSettings
from appliance.telemetry.worker import JobWorker
from appliance.up import LOGS
from provisioning.enrolled import FOLDER, Enrolment, NotEnrolled
from provisioning.enrolment import renew, renewal_due

logger = logging.getLogger(__name__)


_CERTIFICATE = "certificate"
_RENEWAL_LOOK_S = 6 * 3600.0
_RENEWAL_TOLD = timedelta(days=30)
"""How long before its end a certificate that cannot be renewed is somebody's business."""
_UNREADABLE = "The room's certificate cannot be read. Enrol the room again, with a new code: salon setup."


async def report_to_fleet(room: Room, settings: Settings, own: Own, found: Enrolment | None) -> None:
    """Keep and send records, and take orders, until cancelled.

    `own` are the room's settings without what a console set, `found` says to which console it belongs.
    """
    clock = machine_clock(utc_now)
    spool = Spool(
        settings.state_dir / "spool.db",
        boot=room.boot,
        clock=clock,
        on_health=room.take_health,
        settings=SpoolSettings(budget_mb=settings.mqtt.spool_mb),
    )
    async with spool, asyncio.TaskGroup() as tasks:
        recorder = _recorder(room, settings, spool, clock)
        room.joining = recorder.asked_to_join
        configurator = Configurator(overlay_file(settings.state_dir), own, settings)
        worker = JobWorker(
            spool,
            _deeds(room, settings, spool).all(),
            now=utc_now,
            machine=await asyncio.to_thread(machine_boot),
            clock=clock_sync,
        )
        courier = Courier(spool, on_health=room.take_health, pinned=found is not None, pace=SendPace())
        agent = _agent(room, settings, found, courier, _Orders(configurator, worker))
        tasks.create_task(supervised("recorder", recorder.run, room.take_health), name="recorder")
        tasks.create_task(supervised("mqtt", agent.run, room.take_health, well_s=None), name="mqtt agent")
        tasks.create_task(_work(worker, room), name="jobs")
        # not supervised: it ends the daemon in order to begin anew
        tasks.create_task(configurator.run(room.store.watch()), name="configuration")
        if found is not None:
            keeping = partial(keep_certificate, settings.state_dir, room.take_health)
            tasks.create_task(supervised(_CERTIFICATE, keeping, room.take_health, well_s=None), name="certificate")


def _recorder(room: Room, settings: Settings, spool: Spool, clock: Callable[[], Moment]) -> Recorder:
    return Recorder(
        spool,
        states=room.store.each,
        streams=lambda: room.media.streams,
        gauges=GaugeReader(settings.state_dir).read,
        clock=clock,
        titles=settings.mqtt.titles,
        rhythm=Rhythm(settings.mqtt.health_s, settings.mqtt.idle_s),
    )


def _agent(room: Room, settings: Settings, found: Enrolment | None, courier: Courier, orders: Orders) -> MqttAgent:
    return MqttAgent(
        access_of(settings, found),
        state_dir=settings.state_dir,
        states=room.store.watch,
        dispatch=room.command,
        on_health=room.take_health,
        now=utc_now,
        streams=lambda: room.media.streams,
        courier=courier,
        orders=orders,
    )


async def _work(worker: JobWorker, room: Room) -> None:
    await supervised("jobs", lambda: worker.run(room.store.watch()), room.take_health)


def _deeds(room: Room, settings: Settings, spool: Spool) -> Deeds:
    installed = is_installed()
    told = os.environ.get(LOGS)
    folders = tuple(Path(folder) for folder in (told,) if folder)
    zone = room_zone(settings).key
    return Deeds(
        command=room.command,
        room=lambda: room.store.state,
        states=room.store.watch,
        test=room.test_devices,
        show=lambda text: room.store.apply(NoticeGiven(text)),
        note=spool.note,
        supervisor=supervisor(os.environ, installed=installed),
        logs=lambda: logs(folders, journal=installed),
        picture=lambda state, what: picture_of(state, what, settings, zone),
        screenshots=settings.mqtt.screenshots,
    )


def access_of(settings: Settings, found: Enrolment | None) -> MqttSettings:
    """Return where to report: to the broker of the settings, else to that of the console the room is enrolled at."""
    wanted = settings.mqtt
    known = {field.name for field in fields(MqttSettings) if hasattr(wanted, field.name)}
    told = MqttSettings(**{key: getattr(wanted, key) for key in known}, timezone=room_zone(settings).key)
    if found is None:
        return told
    told = replace(told, org=found.org, keys=found.pinned)
    if wanted.url:
        return told
    folder = settings.state_dir / FOLDER
    return replace(
        told,
        url=found.broker,
        username="",
        password_file="",
        ca_file=str(folder / found.ca_file),
        certificate_file=str(folder / found.certificate_file),
    )


async def keep_certificate(
    state_dir: Path,
    tell: Callable[[ServiceHealth], None],
    *,
    now: Callable[[], datetime] = utc_now,
    every_s: float = _RENEWAL_LOOK_S,
) -> None:
    """Have the room's certificate renewed in time; a console that is away for long is told."""
    while True:
        health = await asyncio.to_thread(_renewed_in_time, state_dir, now())
        if health is not None:
            tell(health)
        await asyncio.sleep(every_s)


def _renewed_in_time(state_dir: Path, now: datetime) -> ServiceHealth | None:
    """Renew the certificate if it is time; returns what people should know."""
    try:
        if not renewal_due(state_dir, now):
            return None
        ends_soon = renewal_due(state_dir, now, _RENEWAL_TOLD)
    except (NotEnrolled, OSError, ValueError) as err:
        logger.warning("the room's certificate cannot be read: %s", err)
        return ServiceHealth(_CERTIFICATE, ok=False, detail=_UNREADABLE)
    try:
        renew(state_dir)
    except (NotEnrolled, OSError, ValueError, TypeError) as err:
        logger.warning("the room's certificate was not renewed: %s", err)
        return ServiceHealth(_CERTIFICATE, ok=False, detail=str(err)) if ends_soon else None
    return ServiceHealth(_CERTIFICATE, ok=True)


class _Orders:
    """What becomes of orders that last."""

    def __init__(self, configurator: Configurator, worker: JobWorker) -> None:
        self._configurator = configurator
        self._worker = worker

    async def configure(self, desired: Desired) -> None:
        await self._configurator.configure(desired)

    async def work(self, jobs: Jobs) -> None:
        await self._worker.work(jobs)

    def reported(self) -> Reported:
        return self._configurator.reported()
