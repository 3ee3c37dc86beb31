"""A whole daemon that takes orders from a real broker: mosquitto, the room's configuration, and kill -9."""

import json
import re
import sys
from contextlib import asynccontextmanager

import mqtt_parts as parts
import pytest
from mqtt_parts import Broker, hearing, running, say

from appliance.telemetry.protocol.orders import Desired, Order, body_of
from appliance.telemetry.protocol.topics import Topics

pytestmark = pytest.mark.interop


@pytest.fixture
async def broker(tmp_path):
    async with running(Broker("mosquitto", tmp_path)) as broker:
        yield broker


class Daemon:
    """`salon daemon` on a room of its own."""

    def __init__(self, broker, tmp_path, runtime_dir):
        self.broker = broker
        self.state = tmp_path / "state"
        self.settings = tmp_path / "room.toml"
        self.settings.write_text(
            f'[paths]\nstate = "{self.state}"\nruntime = "{runtime_dir}"\n[mqtt]\nurl = "{broker.url}"\n'
            '[devices]\nwatch = "sim:/nowhere"\n[joining]\nmin_countdown_s = 20\n'
        )

    @property
    def topics(self):
        return Topics("home", (self.state / "room-id").read_text().strip())

    @asynccontextmanager
    async def life(self):
        command = (sys.executable, "-m", "appliance.cli", "daemon", "--config", str(self.settings))
        process = await parts.start(*command)
        try:
            yield process
        finally:
            await parts.end(process)

    async def want(self, rev, doc):
        body = body_of(
            self.topics, Order.DESIRED, Desired(rev, doc), expires=int(parts.now().timestamp() * 1000) + 60_000
        )
        await say(self.broker, self.topics.desired, json.dumps(body), "-r")


@pytest.fixture
def daemon(broker, tmp_path, runtime_dir):
    return Daemon(broker, tmp_path, runtime_dir)


async def test_a_configuration_comes_into_force_in_the_same_process_and_outlives_kill_9(broker, daemon):
    async with hearing(broker, "rooms/v1/home/+/up/#") as ear:
        async with daemon.life() as process:
            assert (await ear.next("up/reported"))["rev"] == 0
            await daemon.want(5, {"room": {"name": "Blue"}, "joining": {"min_countdown_s": 3}})
            reported = await ear.next("up/reported", rev=5)
            assert process.returncode is None  # it began anew under the same number
        assert reported["doc"]["room"]["name"] == "Blue"
        assert reported["doc"]["joining"]["min_countdown_s"] == 20
        assert [trouble["key"] for trouble in reported["troubles"]] == ["joining.min_countdown_s"]
        async with daemon.life():
            assert (await ear.next("up/reported", seen=5))["rev"] == 5
            await daemon.want(6, {"room": {"name": "Red", "nome": "x"}})
            refused = await ear.next("up/reported", seen=6)
    assert refused["rev"] == 5
    assert refused["doc"]["room"]["name"] == "Blue"
    assert [trouble["key"] for trouble in refused["troubles"] if re.match("room", trouble["key"])] == ["room.nome"]
    async with hearing(broker, "rooms/v1/home/+/up/#") as late:
        assert (await late.next("up/reported"))["retained"]
