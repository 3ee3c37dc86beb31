import asyncio
import ssl
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from appliance.hub.certificate import own_certificate, tls_context
from appliance.meetings.livekit_link import Ticket
from appliance.meetings.livekit_signal import LiveKitHttp
from appliance.meetings.provider import JoinFailed
from appliance.meetings.trust import trusted
from appliance.preflight import (
    Obstacle,
    PreflightCheck,
    Probed,
    Server,
    coming,
    due,
    judge,
    reach,
    server_of,
    to_try_for,
)
from appliance.state.preflight import Preflight, Trouble
from appliance.state.room import (
    Agenda,
    AutoJoin,
    Boot,
    Call,
    Face,
    Meeting,
    MeetingKey,
    Phase,
    RoomState,
    Senses,
    Wanted,
)
from appliance.state.sound import SoundCheck
from appliance.telemetry.issues import issues_of
from appliance.telemetry.readiness import ready_of

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY = MeetingKey("uid-1")
BOOKING = Meeting(KEY, "Secret", NOW + HOUR, NOW + 2 * HOUR, auto_join=AutoJoin.YES)
BEFORE = replace(BOOKING, key=MeetingKey("uid-0"), start=NOW, end=NOW + HOUR, auto_join=AutoJoin.NO)
ROOM = RoomState(
    "room-1",
    "Blue",
    Boot("b"),
    now=NOW,
    agenda=Agenda((BOOKING,), NOW),
    senses=Senses(connected=True),
    face=Face(connected=True, lit=True),
    preflight=Preflight(NOW),
)


def verdict(room):
    return ready_of(room, issues_of(room))


@pytest.mark.parametrize(
    ("probed", "now", "expected"),
    [
        (Probed(), NOW, []),
        (Probed(disk_free_mb=20_000, synchronised=True, server=Server("hub", 443, tls=True)), NOW, []),
        (Probed(disk_free_mb=400), NOW, [("disk.low", False)]),
        (Probed(disk_free_mb=10), NOW, [("disk.low", True)]),
        (Probed(synchronised=False), NOW, [("clock.unset", False)]),
        (Probed(synchronised=False), NOW - 3650 * 24 * HOUR, [("clock.wrong", True)]),
        (Probed(server=Server("hub", 443, tls=True), obstacle=Obstacle("no")), NOW, [("server.unreachable", True)]),
        (
            Probed(server=Server("hub", 443, tls=True), obstacle=Obstacle("no", untrusted=True)),
            NOW,
            [("server.untrusted", True)],
        ),
    ],
)
def test_what_stands_against_the_next_meeting(probed, now, expected):
    assert [(trouble.id, trouble.serious) for trouble in judge(probed, now).troubles] == expected


def test_a_room_in_which_all_is_well_is_ready_for_its_next_meeting():
    ready = verdict(ROOM)
    assert (ready.ok, ready.because) == (True, ())
    assert ready.next_at == int((NOW + HOUR).timestamp() * 1000)


def test_before_the_first_preflight_there_is_no_verdict():
    assert verdict(replace(ROOM, preflight=None)) is None


def test_whatever_a_meeting_would_suffer_from_stands_against_it():
    trouble = Trouble("server.unreachable", True, "The next meeting's server cannot be reached.", "Check.")
    small = Trouble("clock.unset", False, "No time server.", "Check.")
    sick = replace(ROOM, senses=Senses(), preflight=Preflight(NOW, (trouble, small)))
    assert verdict(sick).because == ("media.lost", "server.unreachable")
    assert not verdict(sick).ok


def test_one_reading_of_the_calendar_that_fails_is_no_reason_and_an_hour_without_it_is():
    failed = replace(ROOM, agenda=replace(ROOM.agenda, error="It does not answer."))
    assert verdict(failed).ok
    assert verdict(replace(failed, agenda=replace(failed.agenda, fetched_at=None))).because == ("calendar.stale",)
    assert not verdict(replace(failed, now=NOW + 2 * HOUR)).ok


def test_it_looks_every_quarter_of_an_hour_and_ten_minutes_ahead_of_each_booking():
    assert due(ROOM, NOW, NOW) == NOW + timedelta(minutes=15)
    late = NOW + timedelta(minutes=40)
    assert due(ROOM, late, late) == NOW + timedelta(minutes=50)
    assert due(ROOM, NOW + timedelta(minutes=50), NOW + timedelta(minutes=50)) == NOW + timedelta(minutes=65)
    troubled = replace(ROOM, preflight=judge(Probed(disk_free_mb=10), NOW))
    assert due(troubled, NOW, NOW) == NOW + timedelta(minutes=1)
    # a clock set back by an hour
    assert due(ROOM, NOW + HOUR, NOW) <= NOW + timedelta(minutes=15)


def test_only_a_meeting_that_can_be_joined_has_a_server_to_reach():
    in_person = replace(BOOKING, auto_join=AutoJoin.NO)
    assert coming(ROOM, NOW) == BOOKING
    assert coming(replace(ROOM, agenda=Agenda((in_person,))), NOW) is None
    assert coming(ROOM, NOW + 3 * HOUR) is None


@pytest.mark.parametrize(
    ("room", "minutes_before", "tried"),
    [
        (ROOM, 10, True),
        (ROOM, 2, True),
        (ROOM, 11, False),
        (ROOM, 1, False),  # the countdown's
        (replace(ROOM, agenda=Agenda((replace(BOOKING, auto_join=AutoJoin.TOUCH),))), 10, True),
        (replace(ROOM, agenda=Agenda((replace(BOOKING, auto_join=AutoJoin.NO),))), 10, False),
        (replace(ROOM, agenda=Agenda((replace(BOOKING, all_day=True),))), 10, False),
        (replace(ROOM, agenda=Agenda((replace(BEFORE, all_day=True), BOOKING))), 5, True),
        # people may sit in the room and just talk
        (replace(ROOM, agenda=Agenda((BEFORE, BOOKING))), 5, False),
        (replace(ROOM, agenda=Agenda((replace(BEFORE, end=NOW + 0.9 * HOUR), BOOKING))), 5, True),
        (replace(ROOM, call=Call(Phase.LIVE)), 10, False),
        (replace(ROOM, wanted=Wanted(MeetingKey("other"), "Other", None)), 10, False),
        (replace(ROOM, senses=Senses(sound_check=SoundCheck(1, running=True))), 10, False),
    ],
)
def test_devices_are_tried_ahead_of_a_meeting_while_nobody_is_in_one(room, minutes_before, tried):
    now = BOOKING.start - timedelta(minutes=minutes_before)
    assert to_try_for(room, now) == (BOOKING.start if tried else None)


def test_of_a_link_only_host_and_port_are_used():
    livekit = {"meet.example.org": "wss://sfu.example.org:7443"}
    assert server_of("https://hub.local:8443/join/secret#token", {}) == Server("hub.local", 8443, tls=True)
    assert server_of("http://hub.local/secret", {}) == Server("hub.local", 80, tls=False)
    assert server_of("https://meet.example.org/room", livekit) == Server("sfu.example.org", 7443, tls=True)
    page = "https://meet.example.org/custom?liveKitUrl=wss://sfu.example.org&token=t"
    assert server_of(page, livekit) == Server("sfu.example.org", 443, tls=True)
    assert server_of("https://[broken", {}) is None
    assert server_of("", {}) is None


def nobody():
    """Trust no certificate at all."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@asynccontextmanager
async def listening():
    heard = []

    async def hear(reader, writer):
        with suppress(ConnectionError):
            heard.append(await reader.read())
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard


async def test_a_server_that_listens_is_reached_and_told_nothing(unused_tcp_port):
    async with listening() as (port, heard):
        assert await reach(Server("127.0.0.1", port, tls=False), nobody) is None
        while not heard:
            await asyncio.sleep(0.01)
    assert heard == [b""]
    assert "refused" in (await reach(Server("127.0.0.1", unused_tcp_port, tls=False), nobody)).why


async def test_a_server_that_speaks_no_tls_is_not_reached():
    async def nonsense(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    async with server:
        found = await reach(Server("127.0.0.1", server.sockets[0].getsockname()[1], tls=True), nobody)
    assert found == Obstacle("it does not speak TLS")


@asynccontextmanager
async def hub_of(folder, *hosts):
    """Serve TLS with a certificate of a hub's own; yield where."""
    cert, key = await asyncio.to_thread(own_certificate, folder, hosts, now=datetime.now(UTC))
    context = await asyncio.to_thread(tls_context, cert, key)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        yield Server("127.0.0.1", server.sockets[0].getsockname()[1], tls=True), cert


@pytest.mark.parametrize(
    ("hosts", "knows", "because"),
    [
        (["127.0.0.1"], "as hub", None),
        (["127.0.0.1"], "by ca_file", None),
        (["127.0.0.1"], "not", "self-signed certificate"),
        (["other.example.org"], "as hub", "IP address mismatch"),
    ],
)
async def test_a_server_is_trusted_ahead_as_the_join_will_trust_it(tmp_path, hosts, knows, because):
    async with hub_of(tmp_path, *hosts) as (server, cert):
        ca_file, hub = str(cert) if knows == "by ca_file" else "", cert if knows == "as hub" else tmp_path / "none.pem"
        found = await reach(server, lambda: trusted(ca_file, hub))
        with pytest.raises(JoinFailed) as caught:
            async with LiveKitHttp(ca_file=ca_file, hub_certificate=hub).connected(
                Ticket(f"wss://127.0.0.1:{server.port}", "token")
            ):
                pass
    assert ("does not trust" in str(caught.value)) == (because is not None)
    if because is None:
        assert found is None
    else:
        assert found.untrusted
        assert because in found.why
        (trouble,) = judge(Probed(server=server, obstacle=found), NOW).troubles
        assert (trouble.id, trouble.serious) == ("server.untrusted", True)
        assert "meetings.ca_file" in trouble.remedy


async def test_authorities_that_cannot_be_read_stand_against_the_meeting(tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate")
    trust = partial(trusted, str(tmp_path / "ca.pem"), tmp_path / "none.pem")
    found = await reach(Server("127.0.0.1", 9, tls=True), trust)
    assert found.untrusted
    assert "correct meetings.ca_file" in found.why


async def test_it_looks_at_the_start_and_again_when_another_meeting_comes_next(tmp_path, unused_tcp_port):
    found, states = asyncio.Queue(), asyncio.Queue()

    async def watch():
        yield replace(ROOM, agenda=Agenda())
        while True:
            yield await states.get()

    check = PreflightCheck(
        states=watch,
        links=lambda: {KEY: f"http://127.0.0.1:{unused_tcp_port}/secret"},
        livekit={},
        disk=tmp_path,
        on_preflight=found.put_nowait,
        try_devices=lambda _: None,
        trust=nobody,
        now=lambda: NOW,
    )
    task = asyncio.create_task(check.run())
    try:
        async with asyncio.timeout(10):
            assert "server.unreachable" not in {trouble.id for trouble in (await found.get()).troubles}
            states.put_nowait(ROOM)
            troubles = {trouble.id: trouble for trouble in (await found.get()).troubles}
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert "127.0.0.1" in troubles["server.unreachable"].text
    assert "secret" not in troubles["server.unreachable"].text


async def test_the_devices_are_tried_once_ahead_of_a_booking_as_soon_as_the_one_before_is_over(tmp_path):
    found, states, tried = asyncio.Queue(), asyncio.Queue(), []
    now = BOOKING.start - timedelta(minutes=11)
    before = replace(BEFORE, end=BOOKING.start - timedelta(minutes=5))

    async def watch():
        yield replace(ROOM, agenda=Agenda((before, BOOKING)))
        while True:
            yield await states.get()

    def pass_to(moment):
        nonlocal now
        now = moment
        # what wakes it is news of the agenda; which, does not matter
        states.put_nowait(replace(ROOM, agenda=Agenda((replace(before, title=str(now)), BOOKING))))

    check = PreflightCheck(
        states=watch,
        links=dict,
        livekit={},
        disk=tmp_path,
        on_preflight=found.put_nowait,
        try_devices=tried.append,
        trust=nobody,
        now=lambda: now,
    )
    task = asyncio.create_task(check.run())
    try:
        async with asyncio.timeout(10):
            await found.get()
            pass_to(BOOKING.start - timedelta(minutes=10))
            await found.get()
            assert tried == []
            pass_to(BOOKING.start - timedelta(minutes=4))
            while not tried:
                await asyncio.sleep(0)
            pass_to(BOOKING.start - timedelta(minutes=3))
            await asyncio.sleep(0)
            pass_to(BOOKING.start + timedelta(minutes=5))
            await found.get()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert tried == [BOOKING.start]
