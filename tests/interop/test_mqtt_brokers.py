"""The room on real brokers: Debian's mosquitto and nats-server, and amqtt, heard with mosquitto's own clients."""

import asyncio
import sys
from dataclasses import replace

import mqtt_parts as parts
import pytest
from mqtt_parts import ROOM, Broker, MqttSettings, a_room_on, call, hearing, kept, running, say

from appliance.state.commands import JoinMeeting, Leave, Origin, SetMicMuted
from appliance.state.room import Call, Phase, ServiceHealth
from fleet.console import ConsoleSettings, console_once

pytestmark = pytest.mark.interop


@pytest.fixture(params=["mosquitto", "amqtt", "nats"])
async def broker(request, tmp_path):
    async with running(Broker(request.param, tmp_path)) as broker:
        yield broker


@pytest.fixture
async def room(broker, tmp_path):
    async with a_room_on(MqttSettings(broker.url), tmp_path / "state") as room:
        await kept(broker, "up/info")
        yield room


async def test_a_late_subscriber_sees_the_retained_state_and_inventory(broker, room):
    state, info = await kept(broker, "up/state"), await kept(broker, "up/info")
    assert state["online"]
    assert state["boot"] == "boot-1"
    assert state["phase"] == "idle"
    assert info["name"] == "Blue room"


async def test_a_change_of_the_room_is_told_before_the_next_heartbeat(broker, room):
    async with hearing(broker) as ear:
        await ear.next("up/info")
        room.watch.set(replace(room.watch.room, call=Call(Phase.LIVE)))
        assert (await ear.next("up/health", phase="live"))["gauges"]["mem_total_mb"] > 0
    await kept(broker, "up/state", phase="live")


async def test_a_room_reports_at_its_meetings_pace_and_else_at_leisure_and_each_time_all_of_it(broker, tmp_path):
    assert (MqttSettings().health_s, MqttSettings().idle_s) == (30, 300)
    settings = MqttSettings(broker.url, health_s=0.3, idle_s=600)
    async with hearing(broker) as ear, a_room_on(settings, tmp_path / "state") as room:
        idle = await ear.next("up/health")
        ill = replace(room.watch.room, services=(ServiceHealth("hub", ok=False, detail="Port 7880 is taken."),))
        room.watch.set(replace(ill, call=Call(Phase.LIVE)))
        live = [await ear.next("up/health", phase="live") for _ in range(4)]
        room.watch.set(ill)
        last = await ear.next("up/health", phase="idle", every_s=600)
        # several times the pace of a meeting, and a small part of its own
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await ear.next("up/health")
    assert (idle["every_s"], last["every_s"]) == (600, 600)
    assert idle["issues"] == []
    for health in (*live, last):
        assert [issue["id"] for issue in health["issues"]] == ["service.hub"]


async def test_a_broker_of_mqtt_5_is_told_how_long_a_report_is_worth_something(tmp_path):
    async with (
        running(Broker("mosquitto", tmp_path)) as broker,
        a_room_on(MqttSettings(broker.url), tmp_path / "state"),
    ):
        address = ("-h", "127.0.0.1", "-p", str(broker.port), "-V", "mqttv5")
        shape = ("-t", f"{ROOM}/up/#", "-F", "expires:%E %t", "-W", "20")
        process = await parts.start("mosquitto_sub", *address, *shape, stdout=asyncio.subprocess.PIPE)
        try:
            assert (await parts.until_line(process.stdout, "up/state")).startswith("expires: ")
            await say(broker, f"{ROOM}/down/call", call("rebirth"))
            assert (await parts.until_line(process.stdout, "up/health")).startswith("expires:600 ")
        finally:
            await parts.end(process)


async def test_a_killed_room_is_declared_lost_and_comes_back_with_a_higher_session(broker, tmp_path):
    command = (sys.executable, parts.__file__, broker.url, str(tmp_path / "state"))
    async with hearing(broker) as ear:
        first = await parts.start(*command)
        born = await ear.next("up/state", online=True)
        await parts.end(first)
        will = await ear.next("up/state", online=False)
        second = await parts.start(*command)
        again = await ear.next("up/state", online=True)
        await parts.end(second)
    assert (will["bd"], will["ended"]) == (born["bd"], "lost")
    assert again["bd"] == born["bd"] + 1
    assert again["boot"] != born["boot"]


async def test_a_room_that_is_stopped_says_goodbye_and_stays_retained_as_offline(broker, tmp_path):
    async with hearing(broker) as ear:
        async with a_room_on(MqttSettings(broker.url), tmp_path / "state"):
            await ear.next("up/info")
        assert (await ear.next("up/state", online=False))["ended"] == "stopped"
    await kept(broker, "up/state", ended="stopped")


async def test_a_call_is_done_once_and_answered_each_time(broker, room):
    async with hearing(broker) as ear:
        await ear.next("up/info")
        await say(broker, f"{ROOM}/down/call", call("leave", "once"))
        first = await ear.next("up/event", type="call.ack")
        await say(broker, f"{ROOM}/down/call", call("leave", "once"))
        second = await ear.next("up/event", type="call.ack")
    assert first["data"] == second["data"] == {"id": "once", "cmd": "leave", "status": "ok", "reason": ""}
    assert room.asked == [(Leave(), Origin.REMOTE)]


async def test_what_may_be_asked_is_done_and_what_may_not_is_refused_by_name(broker, room):
    async with hearing(broker) as ear:
        await ear.next("up/info")
        answers = {}
        for cmd in ("join_next", "mute", "unmute", "camera_on", "dance"):
            await say(broker, f"{ROOM}/down/call", call(cmd, f"ask-{cmd}"))
            answers[cmd] = (await ear.next("up/event"))["data"]
    assert [command for command, _ in room.asked] == [JoinMeeting(), SetMicMuted(muted=True)]
    assert answers["unmute"]["reason"] == "Only a touch in the room can unmute its microphone."
    assert answers["camera_on"]["status"] == "refused"
    assert "dance" in answers["dance"]["reason"]


async def test_hostile_messages_are_counted_and_the_room_goes_on(broker, room):
    topic = f"{ROOM}/down/call"
    async with hearing(broker) as ear:
        await ear.next("up/info")
        await say(broker, topic, "x" * 70_000)
        await say(broker, topic, "[" * 5000)
        await say(broker, topic, "null")
        await say(broker, topic, '{"id": 7, "cmd": ["leave"]}')
        await say(broker, topic, call("leave", life_s=-1))
        counted = await ear.next("up/health", calls_refused=5)
        await say(broker, topic, call("mute", "still-there"))
        assert (await ear.next("up/event", type="call.ack"))["data"]["id"]
    assert counted["phase"] == "idle"
    assert room.asked == [(SetMicMuted(muted=True), Origin.REMOTE)]


async def test_a_retained_call_is_refused(broker, tmp_path):
    await say(broker, f"{ROOM}/down/call", call("leave"), "-r")
    async with hearing(broker) as ear, a_room_on(MqttSettings(broker.url), tmp_path / "state") as room:
        await ear.next("up/health", calls_refused=1)
        assert room.asked == []


async def test_a_broker_that_was_killed_hears_everything_again(broker, room):
    before = await kept(broker, "up/state", online=True)
    await broker.kill()
    await room.troubled.wait()
    assert [health.ok for health in room.health[:2]] == [True, False]
    assert f"127.0.0.1:{broker.port}" in room.health[1].detail
    room.well.clear()
    await broker.start()
    await room.well.wait()
    # NATS still has what was retained before, too
    await kept(broker, "up/state", online=True, bd=before["bd"] + 1)
    assert (await kept(broker, "up/info"))["name"] == "Blue room"
    assert room.health[-1].ok


async def test_a_late_will_of_an_older_session_is_contradicted(broker, room):
    born = await kept(broker, "up/state")
    async with hearing(broker) as ear:
        stale = parts.json.dumps({"v": 1, "boot": "old", "seq": 1, "ts": 1, "online": False, "bd": born["bd"] - 1})
        await say(broker, f"{ROOM}/up/state", stale, "-r")
        await ear.next("up/state", online=False)
        await ear.next("up/state", online=True)
    await kept(broker, "up/state", online=True)


async def test_the_console_lists_rooms_that_are_there_and_rooms_that_are_lost(broker, room, tmp_path):
    gone = parts.json.dumps({"v": 1, "boot": "b", "seq": 1, "ts": 1, "online": False, "bd": 3, "ended": "lost"})
    await say(broker, "rooms/v1/home/attic/up/state", gone, "-r")
    async with hearing(broker) as ear:
        await ear.next("up/info")
    lines = []
    assert await console_once(ConsoleSettings(broker.url), write=lines.append, now=parts.now) == 0
    table = [line.split() for line in lines]
    assert table[0] == ["ROOM", "NAME", "STATE", "PHASE", "LAST", "SEEN", "ISSUES"]
    assert table[1][:3] == ["attic", "lost", "-"]
    assert table[2] == ["room-1", "Blue", "room", "online", "idle", "now", "0"]


async def test_the_console_says_when_the_broker_is_away(tmp_path):
    lines = []
    url = f"mqtt://127.0.0.1:{parts.free_port()}"
    assert await console_once(ConsoleSettings(url), write=lines.append, now=parts.now) == 1
    assert lines == [f"The MQTT broker at {url[7:]} cannot be used (Connection refused); is it running?"]


async def test_a_room_asked_for_a_rebirth_says_everything_again(broker, room):
    async with hearing(broker) as ear:
        await ear.next("up/info")
        await say(broker, f"{ROOM}/down/call", call("rebirth"))
        await ear.next("up/state", retained=False)
        await ear.next("up/info", retained=False)
        await ear.next("up/health")


async def test_a_room_with_the_wrong_password_says_so_and_with_the_right_one_is_let_in(tmp_path):
    secret, users = tmp_path / "password", tmp_path / "users"
    made = await parts.start("mosquitto_passwd", "-c", "-b", str(users), "room-1", "open sesame")
    assert await made.wait() == 0
    secret.write_text("open\n")
    async with running(Broker("mosquitto", tmp_path, f"allow_anonymous false\npassword_file {users}")) as broker:
        settings = MqttSettings(broker.url, username="room-1", password_file=str(secret))
        async with a_room_on(settings, tmp_path / "state") as room:
            await room.troubled.wait()
            assert "check username and password_file" in room.health[-1].detail
            secret.write_text("open sesame\n")
            await room.well.wait()


async def test_a_room_speaks_tls_only_to_a_broker_its_ca_file_vouches_for(tmp_path):
    parts.certificate(tmp_path)
    access = f"allow_anonymous true\ncertfile {tmp_path}/cert.pem\nkeyfile {tmp_path}/key.pem"
    async with running(Broker("mosquitto", tmp_path, access)) as broker:
        url = broker.url.replace("mqtt:", "mqtts:")
        async with a_room_on(MqttSettings(url), tmp_path / "stranger") as room:
            await room.troubled.wait()
            assert "no certificate this room trusts" in room.health[-1].detail
        async with a_room_on(MqttSettings(url, ca_file=f"{tmp_path}/cert.pem"), tmp_path / "friend") as room:
            await room.well.wait()
            console, lines = ConsoleSettings(url, ca_file=f"{tmp_path}/cert.pem"), []
            assert await console_once(console, write=lines.append, now=parts.now) == 0
    assert lines[1].split()[:4] == ["room-1", "Blue", "room", "online"]


async def test_the_console_does_not_trust_a_stranger_either(tmp_path):
    parts.certificate(tmp_path)
    access = f"allow_anonymous true\ncertfile {tmp_path}/cert.pem\nkeyfile {tmp_path}/key.pem"
    async with running(Broker("mosquitto", tmp_path, access)) as broker:
        console, lines = ConsoleSettings(broker.url.replace("mqtt:", "mqtts:")), []
        assert await console_once(console, write=lines.append, now=parts.now) == 1
    assert "certificate" in lines[0].lower()


async def test_a_room_may_be_held_to_its_own_branch(tmp_path):
    acl = tmp_path / "acl"
    acl.write_text(f"topic write {ROOM}/up/#\ntopic readwrite {ROOM}/down/#\n")
    async with (
        running(Broker("mosquitto", tmp_path, f"allow_anonymous true\nacl_file {acl}")) as broker,
        a_room_on(MqttSettings(broker.url), tmp_path / "state") as room,
    ):
        await room.well.wait()
        await say(broker, f"{ROOM}/down/call", call("leave"))
        await room.was_asked.wait()
        assert room.asked == [(Leave(), Origin.REMOTE)]
