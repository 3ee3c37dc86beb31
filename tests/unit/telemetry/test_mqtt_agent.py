import asyncio
import logging
import threading
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import pytest

from appliance.state.commands import Ack
from appliance.telemetry.agent import MqttAgent, MqttSettings, Pace
from appliance.telemetry.calls import Remembered
from appliance.telemetry.connection import Access, Connection
from appliance.telemetry.protocol.address import BadBrokerUrl, BrokerAddress
from appliance.telemetry.protocol.payloads import Answer, CallAck
from appliance.telemetry.reporter import Outgoing
from appliance.telemetry.store import Stored, TelemetryFile

QUICK = Pace(gap_s=0.01, first_retry_s=0.01, longest_retry_s=0.02)


class Told:
    """The health an agent tells, as it comes."""

    def __init__(self):
        self.news = asyncio.Queue()

    async def problem(self):
        async with asyncio.timeout(20):
            while (health := await self.news.get()).ok:
                pass
        return health.detail


@asynccontextmanager
async def agent_at(room, tmp_path, settings):
    async def states():
        yield room
        await asyncio.Event().wait()

    async def dispatch(command, origin):
        return Ack()

    told = Told()
    agent = MqttAgent(
        settings,
        state_dir=tmp_path,
        states=states,
        dispatch=dispatch,
        on_health=told.news.put_nowait,
        now=lambda: datetime.now(UTC),
        pace=QUICK,
    )
    task = asyncio.create_task(agent.run())
    try:
        yield told
    finally:
        assert not task.done()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def serving(answer):
    """Run something that is no broker."""

    async def welcome(reader, writer):
        writer.write(answer)
        with suppress(ConnectionError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(welcome, "127.0.0.1", 0)
    async with server:
        yield f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_broker_that_is_away_is_told_once_and_the_agent_goes_on(room, tmp_path, unused_tcp_port, caplog):
    caplog.set_level(logging.INFO)
    url = f"mqtt://127.0.0.1:{unused_tcp_port}"
    async with agent_at(room, tmp_path, MqttSettings(url)) as told:
        detail = await told.problem()
        await asyncio.wait([asyncio.create_task(told.news.get())], timeout=0.2)
    assert detail == (
        f"The MQTT broker at 127.0.0.1:{unused_tcp_port} does not answer (Connection refused); is it running?"
    )
    assert [record.message for record in caplog.records] == [detail]


@pytest.mark.parametrize("steps", range(8))
async def test_a_connection_given_up_at_any_moment_leaves_no_thread(steps, unused_tcp_port):
    access = Access(BrokerAddress("127.0.0.1", unused_tcp_port, tls=False), "room")
    connection = Connection(access, will=Outgoing("will", b"", retain=False), subscribe=(), hear=print)
    entering = asyncio.create_task(connection.__aenter__())
    while "over" not in vars(connection) or not connection.over.done():
        await asyncio.sleep(0)
    for _ in range(steps):
        await asyncio.sleep(0)
    entering.cancel()
    await asyncio.wait({entering})
    await asyncio.sleep(0.1)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("mqtt")] == []


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x20\x02\x00", b"\x20\x00", b"\xf0\x00", b""]
)
async def test_what_is_no_broker_is_a_sentence_and_never_a_traceback(answer, room, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("appliance.telemetry.connection._WAIT_S", 0.3)
    async with serving(answer) as url, agent_at(room, tmp_path, MqttSettings(url)) as told:
        assert url[7:] in await told.problem()
    assert "Traceback" not in capfd.readouterr().err


async def test_a_missing_password_file_is_named(room, tmp_path):
    settings = MqttSettings(username="room", password_file=str(tmp_path / "nowhere"))
    async with agent_at(room, tmp_path, settings) as told:
        assert str(tmp_path / "nowhere") in await told.problem()


async def test_a_ca_file_without_certificates_is_named(room, tmp_path):
    (tmp_path / "ca.pem").write_text("not a certificate")
    settings = MqttSettings("mqtts://127.0.0.1", ca_file=str(tmp_path / "ca.pem"))
    async with agent_at(room, tmp_path, settings) as told:
        assert "ca_file" in await told.problem()


async def test_a_wrong_address_is_refused_at_once(room, tmp_path):
    with pytest.raises(BadBrokerUrl):
        async with agent_at(room, tmp_path, MqttSettings("broker")):
            pass


def test_retries_slow_down_to_a_limit_and_differ():
    calm = Pace(jitter=lambda: 1.0)
    assert [calm.retry_s(failures) for failures in (1, 2, 3, 7, 8, 1000)] == [1, 2, 4, 64, 120, 120]
    assert Pace(jitter=lambda: 0.0).retry_s(8) == 1
    assert Pace(jitter=lambda: 0.0).retry_s(3) == 2


def test_the_memory_survives_and_is_private(tmp_path):
    file = TelemetryFile(tmp_path / "deep" / "mqtt.json")
    stored = Stored(7, (Remembered(CallAck("c1", "leave", Answer.OK), 5),))
    assert file.load() == Stored()
    file.save(stored)
    assert file.load() == stored
    assert file.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"bd": "x"}', "\x00"])
def test_a_broken_memory_is_begun_anew(tmp_path, broken, caplog):
    file = TelemetryFile(tmp_path / "mqtt.json")
    file.path.write_text(broken)
    assert file.load() == Stored()
    assert "begun anew" in caplog.text


def test_a_disk_that_cannot_be_written_is_a_warning(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    TelemetryFile(tmp_path / "file" / "mqtt.json").save(Stored(1))
    assert "cannot be written" in caplog.text
