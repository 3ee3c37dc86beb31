"""A real mosquitto with what the console writes for it: who gets in, and what they may say and hear there."""

import asyncio
import signal
from datetime import timedelta
from pathlib import Path

import mqtt_parts as parts
import pytest
from mosquitto_house import House

from appliance.telemetry.protocol.topics import UP, Topics
from fleet import main
from fleet.certificates import CertificateTrouble, make_authority
from fleet.line import BrokerUnreachable, Line
from fleet.mosquitto import CONTROL, HOME, INGEST, MosquittoTrouble, permissions, version_in
from fleet.settings import parse

pytestmark = pytest.mark.interop
ROOMS = "rooms/v1/acme"


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


async def test_a_room_speaks_on_its_own_topics_and_on_nobody_elses(house):
    async with house.broker():
        room = house.room("room-1")
        assert await house.says(room, f"{ROOMS}/room-1/up/health")
        assert await house.says(room, f"{ROOMS}/room-1/up/batch")
        for topic in (
            f"{ROOMS}/room-2/up/health",
            f"{ROOMS}/room-1/up/one-more",
            f"{ROOMS}/room-1/up/state/one-more",
            f"{ROOMS}/room-1/down/call",
            "rooms/v1/other/room-1/up/health",
            "anything",
            "$SYS/x",
        ):
            assert not await house.says(room, topic), topic


async def test_a_room_hears_its_own_orders_and_nobody_elses(house):
    async with house.broker():
        room = house.room("room-1")
        listening = asyncio.create_task(
            house.run("mosquitto_sub", room, "-t", f"{ROOMS}/+/down/#", "-t", "#", "-C", "1", "-W", "8", "-F", "%t")
        )
        for _ in range(6):
            await asyncio.sleep(0.5)
            assert await house.console_says(CONTROL, f"{ROOMS}/room-2/down/call")
            assert await house.console_says(INGEST, f"{ROOMS}/room-2/down/ack")
        assert await house.console_says(CONTROL, f"{ROOMS}/room-1/down/call")
        _, said = await listening
        topics = {line for line in said.splitlines() if line.startswith("rooms/")}
        assert topics <= {f"{ROOMS}/room-1/down/call"}


@pytest.mark.parametrize("kind", ["none", "expired", "foreign", "self-signed"])
async def test_without_a_certificate_of_ours_that_is_in_force_nobody_gets_in(house, tmp_path, kind):
    async with house.broker():
        if kind == "none":
            certificate = None
        elif kind == "expired":
            certificate = house.room("room-1", days=-1)
        elif kind == "foreign":
            certificate = house.room("room-1", authority=make_authority(tmp_path / "other", "acme", parts.now()))
        else:
            parts.certificate(tmp_path)
            certificate = tmp_path / "both.pem"
            certificate.write_text((tmp_path / "cert.pem").read_text() + (tmp_path / "key.pem").read_text())
        assert not await house.says(certificate, f"{ROOMS}/room-1/up/health")
        assert await house.says(house.room("room-1"), f"{ROOMS}/room-1/up/health")


async def reload(house, process, room):
    """Have the broker read the list of revoked certificates, and wait until it has."""
    process.send_signal(signal.SIGHUP)
    async with asyncio.timeout(10):
        while await house.says(room, f"{ROOMS}/room-1/up/health"):
            await asyncio.sleep(0.2)


async def test_a_revoked_certificate_is_refused_as_soon_as_the_broker_reloads(house):
    async with house.broker() as process:
        room, other = house.room("room-1"), house.room("room-2")
        assert await house.says(room, f"{ROOMS}/room-1/up/health")
        house.revoke(room, "room-1")
        await reload(house, process, room)
        assert await house.says(other, f"{ROOMS}/room-2/up/health")


def settings_of(house):
    password = house.folder / "authority" / f"{CONTROL}.password"
    return parse(
        f'[console]\norg = "acme"\nstate = "{house.folder}"\n'
        f'[mqtt]\nurl = "mqtt://127.0.0.1:{house.site.console_port}"\n'
        f'[mqtt.control]\nusername = "{CONTROL}"\npassword_file = "{password}"\n',
        where="a test",
    )


def deaf(_topic, _payload, _retained):
    pass


async def test_a_revoked_room_that_is_connected_is_cut_off_and_stays_out(house):
    """By what salon-revoked.service does: a reload, which alone leaves it connected, and `salon console shut-out`."""
    async with house.broker() as process:
        room, other = house.room("room-1"), house.room("room-2")
        async with (
            Line(house.access(room, "salon-acme-room-1"), hear=deaf) as line,
            Line(house.access(other, "salon-acme-room-2"), hear=deaf) as neighbour,
        ):
            house.revoke(room, "room-1")
            process.send_signal(signal.SIGHUP)
            # the reload alone leaves in who is in
            assert await house.console_says(CONTROL, f"{ROOMS}/room-1/down/call")
            assert not line.over.done()
            settings = settings_of(house)
            assert await main.shut_out(settings, parts.now()) == 1
            async with asyncio.timeout(10):
                await line.over
            assert not neighbour.over.done()
        with pytest.raises(BrokerUnreachable):
            async with Line(house.access(room), hear=deaf):
                pass
        # an hour later there is nothing to do any more
        assert await main.shut_out(settings, parts.now() + timedelta(hours=2)) == 0


async def test_no_room_throws_another_one_out_by_calling_itself_like_it(house):
    async with house.broker():
        one, two = house.room("room-1"), house.room("room-2")
        async with Line(house.access(one, "salon-acme-room-1"), hear=deaf) as line:
            for name in ("salon-acme-room-1", "room-1"):
                async with Line(house.access(two, name), hear=deaf):
                    pass
            # what it says arrives, so it is still there
            heard = asyncio.create_task(
                house.console(
                    "mosquitto_sub", INGEST, "-t", f"{ROOMS}/room-1/up/event", "-C", "1", "-W", "10", "-F", "%p"
                )
            )
            while not heard.done():
                line.publish(f"{ROOMS}/room-1/up/event", b"still here")
                await asyncio.sleep(0.2)
            assert (await heard)[1].strip() == "still here"
            assert not line.over.done()


@pytest.mark.parametrize("name", ["", "+", "#", "+/up", "room-1/up/event", "console.ingest", "Room", "ä", "x" * 37])
def test_no_certificate_is_made_in_such_a_name(house, name):
    with pytest.raises(CertificateTrouble, match="a room's id has"):
        house.room(name)


@pytest.mark.parametrize("name", ["+", "#", "+/up"])
async def test_if_there_were_one_with_wildcards_it_would_open_nothing(house, name, monkeypatch):
    monkeypatch.setattr("fleet.certificates.is_id", lambda _text: True)
    async with house.broker():
        room = house.room(name)
        assert not await house.says(room, f"{ROOMS}/room-1/up/health")
        listening = asyncio.create_task(
            house.run("mosquitto_sub", room, "-t", f"{ROOMS}/+/down/#", "-C", "1", "-W", "3", "-F", "%t")
        )
        while not listening.done():
            await house.console_says(CONTROL, f"{ROOMS}/room-1/down/call")
            await asyncio.sleep(0.2)
        assert not any(line.startswith("rooms/") for line in (await listening)[1].splitlines())


async def test_the_consoles_users_may_do_their_own_work_only(house):
    async with house.broker():
        assert await house.console_says(INGEST, f"{ROOMS}/room-1/down/ack")
        assert not await house.console_says(INGEST, f"{ROOMS}/room-1/down/call")
        assert not await house.console_says(INGEST, f"{ROOMS}/room-1/up/health")
        for leaf in ("call", "jobs", "desired"):
            assert await house.console_says(CONTROL, f"{ROOMS}/room-1/down/{leaf}")
        assert not await house.console_says(CONTROL, f"{ROOMS}/room-1/down/ack")
        assert not await house.console_says(CONTROL, f"{ROOMS}/room-1/up/health")


async def test_a_certificate_in_the_consoles_name_is_as_good_as_none_for_a_password(house):
    """On the console's own door only its password counts."""
    async with house.broker():
        (house.folder / "authority" / f"{INGEST}.password").write_text("wrong\n")
        assert not await house.console_says(INGEST, f"{ROOMS}/room-1/down/ack")


async def test_a_huge_message_goes_nowhere(house):
    async with house.broker():
        big, room, topic = house.folder / "big", house.room("room-1"), f"{ROOMS}/room-1/up/event"
        big.write_bytes(b"x" * 300_000)
        hearing = asyncio.create_task(
            house.console("mosquitto_sub", INGEST, "-t", topic, "-C", "1", "-W", "10", "-F", "%l")
        )
        while not hearing.done():
            await house.run("mosquitto_pub", room, "-t", topic, "-f", str(big))
            await house.says(room, topic)
        assert (await hearing)[1].split() == ["1"]


def test_done_again_it_keeps_the_authority_and_the_passwords(house):
    before = {path.name: path.read_bytes() for path in (house.folder / "authority").glob("*.*")}
    again = House(house.folder)
    after = {path.name: path.read_bytes() for path in (house.folder / "authority").glob("*.*")}
    before.pop("crl.pem")
    after.pop("crl.pem")
    assert after == before
    assert again.site.url == f"mqtts://127.0.0.1:{again.site.port}"


@pytest.mark.parametrize("text", ["", "mosquitto version 1.6.12", "no such program"])
def test_a_broker_that_is_too_old_or_none_is_named(text):
    with pytest.raises(MosquittoTrouble):
        version_in(text)


def test_an_organisation_that_is_no_topic_gets_no_permissions():
    with pytest.raises(ValueError, match="MQTT topic"):
        permissions("acme/+")
    assert permissions("acme").count("pattern write") == len(UP)
    assert {getattr(Topics("acme", "room"), leaf) for leaf in UP} == {f"{ROOMS}/room/up/{leaf}" for leaf in UP}
    spoken = {
        name for name, one in vars(Topics).items() if isinstance(one, property) and "/up/" in one.fget(Topics("a", "b"))
    }
    assert spoken == {*UP}


async def test_a_home_assistant_is_told_of_rooms_and_may_only_look(tmp_path):
    house = House(tmp_path, "homeassistant")
    announced = "homeassistant/device/salon-acme-room-1/config"
    async with house.broker():
        assert await house.console_says(CONTROL, announced)
        assert await house.console_says(HOME, "homeassistant/status")
        for topic in (f"{ROOMS}/room-1/down/call", f"{ROOMS}/room-1/up/health", announced):
            assert not await house.console_says(HOME, topic), topic
        for topic in (announced, "homeassistant/status"):
            assert not await house.says(house.room("room-1"), topic), topic
        heard = asyncio.create_task(
            house.console("mosquitto_sub", HOME, "-t", f"{ROOMS}/+/up/#", "-C", "1", "-W", "8", "-F", "%t")
        )
        while not heard.done():
            assert await house.says(house.room("room-1"), f"{ROOMS}/room-1/up/health")
    assert await heard == (0, f"{ROOMS}/room-1/up/health\n")


async def test_without_one_nobody_announces_anything(house):
    async with house.broker():
        assert not await house.console_says(CONTROL, "homeassistant/device/salon-acme-room-1/config")
        assert HOME not in (house.folder / "broker" / "passwords").read_text()


def test_the_documentation_has_the_very_permissions_of_a_room():
    rooms = [line for line in permissions("home").splitlines() if line.startswith("pattern")]
    page = (Path(__file__).parents[2] / "docs/mqtt.md").read_text()
    assert [line for line in page.splitlines() if line.startswith("pattern")] == rooms
