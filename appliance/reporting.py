"""What a room tells its fleet: composes the spool, who writes into it, and the agent that speaks over MQTT."""

import asyncio
from dataclasses import fields

from appliance.programs import room_zone
from appliance.room import Room
from appliance.sections import Settings
from appliance.service import supervised, utc_now
from appliance.telemetry.agent import MqttAgent, MqttSettings
from appliance.telemetry.courier import Courier
from appliance.telemetry.gauges import GaugeReader
from appliance.telemetry.moments import machine_clock
from appliance.telemetry.recorder import Recorder, Rhythm
from appliance.telemetry.sending import SendPace
from appliance.telemetry.spool import Spool, SpoolSettings


async def report_to_fleet(room: Room, settings: Settings) -> None:
    """Keep records and send them until cancelled."""
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
        agent = MqttAgent(
            _mqtt_settings(settings),
            state_dir=settings.state_dir,
            states=room.store.watch,
            dispatch=room.command,
            on_health=room.take_health,
            now=utc_now,
            streams=lambda: room.media.streams,
            courier=Courier(spool, on_health=room.take_health, pace=SendPace()),
        )
        tasks.create_task(supervised("recorder", recorder.run, room.take_health), name="recorder")
        tasks.create_task(supervised("mqtt", agent.run, room.take_health, well_s=None), name="mqtt agent")


def _mqtt_settings(settings: Settings) -> MqttSettings:
    keys = {field.name for field in fields(MqttSettings)} - {"timezone"}
    return MqttSettings(**{key: getattr(settings.mqtt, key) for key in keys}, timezone=room_zone(settings).key)
