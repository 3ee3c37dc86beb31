"""What a room tells its fleet: composes the spool, who writes into it, and the agent that speaks over MQTT."""

import asyncio
from dataclasses import fields

from appliance.programs import room_zone
from appliance.room import Room
from appliance.sections import Settings
from appliance.service import supervised, utc_now
from appliance.settings import Own
from appliance.telemetry.agent import MqttAgent, MqttSettings
from appliance.telemetry.configurator import Configurator, overlay_file
from appliance.telemetry.courier import Courier
from appliance.telemetry.gauges import GaugeReader
from appliance.telemetry.moments import machine_clock
from appliance.telemetry.protocol.orders import Desired, Jobs
from appliance.telemetry.protocol.payloads import Reported
from appliance.telemetry.recorder import Recorder, Rhythm
from appliance.telemetry.sending import SendPace
from appliance.telemetry.spool import Spool, SpoolSettings


async def report_to_fleet(room: Room, settings: Settings, own: Own) -> None:
    """Keep and send records, and take orders, until cancelled; `own` are the settings without what a console set."""
    wanted, clock = settings.mqtt, machine_clock(utc_now)
    spool = Spool(
        settings.state_dir / "spool.db",
        boot=room.boot,
        clock=clock,
        on_health=room.take_health,
        settings=SpoolSettings(budget_mb=wanted.spool_mb),
    )
    async with spool, asyncio.TaskGroup() as tasks:
        recorder = Recorder(
            spool,
            states=room.store.watch,
            streams=lambda: room.media.streams,
            gauges=GaugeReader(settings.state_dir).read,
            clock=clock,
            titles=wanted.titles,
            rhythm=Rhythm(wanted.health_s, wanted.idle_s),
        )
        room.joining = recorder.asked_to_join
        configurator = Configurator(overlay_file(settings.state_dir), own, settings)
        agent = MqttAgent(
            _access(settings),
            state_dir=settings.state_dir,
            states=room.store.watch,
            dispatch=room.command,
            on_health=room.take_health,
            now=utc_now,
            streams=lambda: room.media.streams,
            courier=Courier(spool, on_health=room.take_health, pace=SendPace()),
            orders=_Orders(configurator),
        )
        tasks.create_task(supervised("recorder", recorder.run, room.take_health), name="recorder")
        tasks.create_task(supervised("mqtt", agent.run, room.take_health, well_s=None), name="mqtt agent")
        # not supervised: it ends the daemon in order to begin anew
        tasks.create_task(configurator.run(room.store.watch()), name="configuration")


def _access(settings: Settings) -> MqttSettings:
    wanted = settings.mqtt
    known = {field.name for field in fields(MqttSettings) if hasattr(wanted, field.name)}
    return MqttSettings(**{key: getattr(wanted, key) for key in known}, timezone=room_zone(settings).key)


class _Orders:
    """What becomes of orders that last."""

    def __init__(self, configurator: Configurator) -> None:
        self._configurator = configurator

    async def configure(self, desired: Desired) -> None:
        await self._configurator.configure(desired)

    async def work(self, jobs: Jobs) -> None:
        del jobs

    def reported(self) -> Reported:
        return self._configurator.reported()
