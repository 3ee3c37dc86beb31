"""What only the native engine does: it takes sockets and sessions over, gives them back, and keeps its measure."""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from aioice import stun
from aioice.ice import CandidatePair
from aiortc.rtp import RTCP_RTPFB_NACK, RtcpRtpfbPacket
from vp8_sender import numbers
from wire import Weather, wire

from appliance.media.rtc.congestion.wire import CLOCK_US, parse
from appliance.media.rtc.frames import EncodedFrame
from appliance.media.rtc.native.build import compile_c
from appliance.media.rtc.native.engine import DATAGRAM, FRAME, Engine, EngineFailed, Event
from appliance.media.rtc.native.library import NO_LEVEL
from appliance.media.rtc.native.transport import NativeTransport


def kept(monkeypatch, transport, name):
    """Return a list of all that a log gave to whoever collected it."""
    take, log = getattr(transport, name), []

    def collected():
        rows = take()
        log.extend(rows)
        return rows

    monkeypatch.setattr(transport, name, collected)
    return log


@pytest.fixture
async def native(pair_of):
    async with pair_of("native", "native") as pair:
        yield pair


def count_of(what: str) -> int:
    return len(list(Path("/proc/self", what).iterdir()))


def native_threads() -> int:
    """Those that Python did not start: its own pools grow as they like."""
    return count_of("task") - threading.active_count()


async def send_until_heard(pair, out, track, count):
    while len(pair.heard.frames.get(track, ())) < count:
        out.send(EncodedFrame(out.codec, int(time.monotonic() * 90_000) & 0xFFFFFFFF, 90_000, bytes(5000)))
        await asyncio.sleep(0.01)


async def test_who_is_patient_is_woken_up_for_many_pictures_at_once(pair_of, camera_of, monkeypatch):
    """At most once in 24 ms, but for what is no picture; and no picture is lost or comes out of turn."""
    woken = []
    take = Engine._deliver

    def counted(engine):
        if kinds := {event.kind for _, event in engine._pending}:
            woken.append(kinds == {FRAME})
        take(engine)

    async with pair_of("native", "native", patient=True) as pair:
        outs = [pair.a.add_out("video", "VP8", stream_id=f"S{n}", track_id=f"T{n}") for n in range(6)]
        await pair.negotiate()
        await pair.connected()
        async with contextlib.AsyncExitStack() as cameras:
            for out in outs:
                await cameras.enter_async_context(camera_of(out))
                await asyncio.sleep(0.0033)
            await pair.heard.until(lambda: len(pair.heard.frames) == 6 and len(pair.heard.frames["T0"]) > 100)
            monkeypatch.setattr(Engine, "_deliver", counted)
            begun, before = time.monotonic(), len(pair.heard.frames["T0"])
            await pair.heard.until(lambda: len(pair.heard.frames["T0"]) > before + 100)
            passed = time.monotonic() - begun
        assert woken.count(True) <= passed / 0.024 + 1
        for frames in pair.heard.frames.values():
            seen = numbers(frames)
            assert seen == list(range(seen[0], seen[0] + len(seen)))


async def test_python_answers_and_asks_for_consent_after_the_hand_over(native):
    native.a.add_channel("x")
    await native.negotiate()
    await native.connected()
    assert native.a._connection.native is not None
    for peer in (native.a, native.b):
        ice = peer._connection._dtls.transport._connection
        pair = ice._nominated[1]
        request = ice.build_request(pair, nominate=False)
        key = ice.remote_password.encode()
        async with asyncio.timeout(5):
            await pair.protocol.request(request, pair.remote_addr, integrity_key=key)


async def test_a_request_that_comes_while_the_sockets_close_is_passed_over(native):
    native.a.add_channel("x")
    await native.negotiate()
    await native.connected()
    transport, ice = native.a._connection.native, native.a._connection._dtls.transport._connection
    ice._protocols[0].transport.close()
    await asyncio.sleep(0)
    request = bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST))
    transport.on_event(Event(DATAGRAM, 0, 0, 0, 0, 0, False, NO_LEVEL, 0, request, ("127.0.0.1", 9)))


async def test_media_follows_when_ice_chooses_another_pair(pair_of, monkeypatch):
    async with pair_of("native", "native", ("127.0.0.1", "127.0.0.2")) as pair:
        out = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
        await pair.negotiate()
        await pair.connected()
        ice, native = pair.a._connection._dtls.transport._connection, pair.a._connection.native
        chosen = ice._nominated[1]
        elsewhere = next(protocol for protocol in ice._protocols if protocol is not chosen.protocol)
        other = CandidatePair(elsewhere, chosen.remote_candidate)
        route, routes = native.route, []

        def noted(number, remote):
            routes.append(remote)
            route(number, remote)

        monkeypatch.setattr(native, "route", noted)
        ice._nominated[1] = other
        key = ice.remote_password.encode()
        await other.protocol.request(ice.build_request(other, nominate=False), other.remote_addr, integrity_key=key)
        await send_until_heard(pair, out, "T", 5)
        assert routes[0] == other.remote_addr


async def test_lost_packets_are_sent_again_by_the_engine_alone(pair_of, camera_of):
    async with wire(3) as network, pair_of("native", "native") as pair:
        out = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
        await pair.negotiate(network)
        await pair.connected()
        async with camera_of(out) as camera:
            await pair.heard.until(lambda: pair.heard.frames["T"])
            network.to_b.weather = Weather(lost=10)
            await pair.heard.until(lambda: camera.sent >= 100)
        sender = pair.a._connection.getSenders()[0]
        assert sender._outlet.counters().repaired > 10
        assert pair.heard.streams["T"].stats().lost <= 3
        # the sender's reports count what went out for the first time
        assert sender._outlet.counters().packets >= camera.sent * 3


async def test_repairs_do_not_keep_a_link_full_that_became_narrow(pair_of, camera_of):
    async with wire(3) as network, pair_of("native", "native") as pair:
        out = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
        await pair.negotiate(network)
        await pair.connected()
        async with camera_of(out) as camera:
            await pair.heard.until(lambda: camera.sent >= 30)
            network.to_b.rate, count = 200_000, pair.a._connection.getSenders()[0]._outlet.counters
            repaired, sent = count().repaired, count().packets
            async with asyncio.timeout(20):
                while camera.sent < 130:
                    await asyncio.sleep(0.05)
            assert count().repaired - repaired < 0.3 * (count().packets - sent)


async def test_repairs_from_before_the_network_was_known_are_no_debt(pair_of, camera_of, monkeypatch):
    async with wire(3) as network, pair_of("native", "native") as pair:
        out = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
        await pair.negotiate(network)
        await pair.connected()
        native, count = pair.a._connection.native, pair.a._connection.getSenders()[0]._outlet.counters
        pace, repairs = native.pace, 0
        monkeypatch.setattr(native, "pace", lambda rate, _: pace(rate, repairs))
        async with camera_of(out) as camera:
            network.to_b.weather = Weather(lost=20)
            await pair.heard.until(lambda: count().repaired > 50)
            repairs, before, sent = 100_000, count().repaired, camera.sent
            await pair.heard.until(lambda: camera.sent >= sent + 60)
        assert count().repaired > before + 5


async def test_repairs_without_end_do_not_pile_up_before_the_network_is_known(pair_of, monkeypatch):
    async with pair_of("native", "pure") as pair:
        out = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
        await pair.negotiate()
        await pair.connected()
        native, repair_ssrc = pair.a._connection.native, out._port.ssrcs[1]
        pace = native.pace
        monkeypatch.setattr(native, "pace", lambda rate, _: pace(rate, 0))
        transport, seen = pair.b._connection._dtls, []
        deliver = transport._handle_rtp_data

        async def noted(data, arrival_time_ms):
            seen.append((int.from_bytes(data[8:12], "big"), int.from_bytes(data[2:4], "big")))
            await deliver(data, arrival_time_ms)

        monkeypatch.setattr(transport, "_handle_rtp_data", noted)
        await send_until_heard(pair, out, "T", 150)
        await asyncio.sleep(0.2)
        sent = [number for ssrc, number in seen if ssrc == out._port.ssrcs[0]]
        before = sum(ssrc == repair_ssrc for ssrc, _ in seen)
        lost = RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=out._port.ssrcs[0], lost=sent[-400:])
        await pair.b._connection.send_rtcp(bytes(lost))
        await asyncio.sleep(1)
        repairs = sum(ssrc == repair_ssrc for ssrc, _ in seen) - before
        assert 150 <= repairs <= 205


async def test_a_late_repair_of_the_codec_before_does_not_restart_the_picture(pair_of, camera_of):
    async with pair_of("pure", "native") as pair:
        out = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
        pair.a._lines[0].transceiver.setCodecPreferences([])
        offer = await pair.a.offer()
        await pair.a.accept_answer(await pair.b.accept_offer(offer))
        await pair.connected()
        h264 = re.search(r"a=rtpmap:(\d+) H264", offer)[1]
        repairs_h264 = int(re.search(rf"a=fmtp:(\d+) apt={h264}\b", offer)[1])
        async with camera_of(out) as camera:
            await pair.heard.until(lambda: len(pair.heard.frames["T"]) >= 5)
            requests, before = camera.requests, len(pair.heard.frames["T"])
            sequence = (vars(out._port)["_RTCRtpSender__rtx_sequence_number"] + 20) & 0xFFFF
            head = bytes([0x80, repairs_h264]) + sequence.to_bytes(2, "big") + bytes(4)
            await pair.a._connection._dtls._send_rtp(head + out._port.ssrcs[1].to_bytes(4, "big") + b"\x00\x01\x65late")
            await pair.heard.until(lambda: len(pair.heard.frames["T"]) >= before + 20)
        assert camera.requests == requests
        assert not any(frame.keyframe for frame in pair.heard.frames["T"][before:])


async def test_the_other_end_tells_of_each_transport_wide_number_and_when_it_came(native, monkeypatch):
    out = native.a.add_out("video", "VP8", stream_id="S", track_id="T")
    await native.negotiate()
    await native.connected()
    sending, told = native.a._connection.sending, []
    take = sending.feedback
    monkeypatch.setattr(sending, "feedback", lambda fci: (told.append(parse(fci)), take(fci)))
    sent = kept(monkeypatch, native.a._connection.native, "sent")
    async with asyncio.timeout(20):
        while sum(len(feedback.arrivals) for feedback in told) < 20:
            await send_until_heard(native, out, "T", len(native.heard.frames.get("T", ())) + 1)
    native.a._connection.native.sent()
    assert [number for _, _, number in sent] == list(range(len(sent)))
    # the first ones may come before the line is known
    came = {feedback.first + i: at for feedback in told for i, at in enumerate(feedback.arrivals)}
    assert list(came) == list(range(min(came), max(came) + 1))
    for number, at in came.items():
        left, _, _ = sent[number]
        assert at is not None
        # the wire's clock counts in units of 64 ms around 12 days, and rounds each step to a quarter of a millisecond
        assert -500 <= (at - left) % CLOCK_US < 1_000_000 or (left - at) % CLOCK_US <= 500


async def test_a_probe_is_padded_with_repairs_that_change_nothing(native, monkeypatch):
    out = native.a.add_out("video", "VP8", stream_id="S", track_id="T")
    await native.negotiate()
    await native.connected()
    await send_until_heard(native, out, "T", 3)
    sender = native.a._connection.native
    before = len(native.heard.frames["T"])
    # the controller's own probes would end this one
    monkeypatch.setattr(native.a._connection.sending, "_start", lambda *_: None)
    sender.sent()
    padding = kept(monkeypatch, sender, "sent")
    sender.probe(3_000_000, 30_000)
    async with asyncio.timeout(5):
        while sum(size for _, size, _ in padding) < 30_000:
            sender.sent()
            await asyncio.sleep(0.01)
    rate = sum(size for _, size, _ in padding[:-1]) * 8 * 1_000_000 / (padding[-1][0] - padding[0][0])
    assert 1_000_000 < rate < 6_000_000
    await send_until_heard(native, out, "T", before + 3)
    assert native.heard.streams["T"].stats().lost == 0


async def test_pictures_wait_in_front_of_a_narrow_way_and_python_hears_when_there_is_room(native):
    out = native.a.add_out("video", "VP8", stream_id="S", track_id="T")
    await native.negotiate()
    await native.connected()
    await send_until_heard(native, out, "T", 3)
    sender, room = native.a._connection.native, asyncio.Event()
    sender.on_room = room.set
    sender.pace(1_000_000)
    out.send(EncodedFrame("VP8", 1, 90_000, bytes(20_000)))
    async with asyncio.timeout(5):
        while not sender.holds():
            await asyncio.sleep(0)
        await room.wait()
    assert not sender.holds()


async def test_a_slow_reader_loses_frames_up_to_a_key_frame_and_asks_for_one(native, camera_of, caplog):
    out = native.a.add_out("video", "VP8", stream_id="S", track_id="T")
    await native.negotiate()
    await native.connected()
    async with camera_of(out) as camera:
        await native.heard.until(lambda: len(native.heard.frames["T"]) >= 5)
        engine = native.b._connection.native._engine
        loop = asyncio.get_running_loop()
        # the reader stands still, as if the event loop were busy elsewhere
        loop.remove_reader(engine._ready)
        at_least = camera.sent + 80
        while camera.sent < at_least:
            await asyncio.sleep(0.01)
        before, asked = len(native.heard.frames["T"]), camera.requests
        loop.add_reader(engine._ready, engine._take)
        await native.heard.until(lambda: camera.requests > asked)
        await native.heard.until(lambda: len(native.heard.frames["T"]) > before + 5)
    assert native.heard.frames["T"][before].keyframe
    assert caplog.text.count("frames were dropped") == 1


def test_a_library_that_has_functions_of_the_same_names_changes_nothing(tmp_path):
    # as readline does; the dynamic linker would prefer whatever was there first
    source, namesake = tmp_path / "namesake.c", tmp_path / "namesake.so"
    source.write_text("void *history_get(void) { return 0; }\n")
    compile_c([source], namesake, ("-shared", "-fPIC"))
    test = f"{__file__}::{test_lost_packets_are_sent_again_by_the_engine_alone.__name__}"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    environment = {**os.environ, "LD_PRELOAD": str(namesake)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


async def test_nothing_is_left_of_peers_that_came_and_went(pair_of):
    async def meet():
        async with pair_of("native", "native") as pair:
            pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
            await pair.negotiate()
            await pair.connected()

    await meet()
    descriptors, threads = count_of("fd"), native_threads()
    for _ in range(5):
        await meet()
    assert count_of("fd") == descriptors
    # the kernel wakes who joins a thread a little before it takes it off the list; one that is left stays for ever
    while native_threads() > threads:
        await asyncio.sleep(0.01)


async def test_a_closed_connection_asks_nothing_of_the_library(native, monkeypatch):
    out = native.a.add_out("video", "VP8", stream_id="S", track_id="T")
    await native.negotiate()
    await native.connected()
    await send_until_heard(native, out, "T", 1)
    transport, outlet = native.a._connection.native, native.a._connection.getSenders()[0]._outlet
    assert outlet.counters().packets > 0
    await native.a.close()
    # what the library knew of it is freed: any call would read somebody else's memory
    monkeypatch.setattr(transport._engine, "library", None)
    assert not outlet.send(b"frame", 0, None)
    assert not transport.holds()
    assert transport.sent() == transport.reports() == []
    assert transport.count().octets == transport.count_line(1).packets == 0
    assert transport.layer_name(1, 0) == ""
    transport.pace(1)
    transport.probe(1, 1)
    transport.set_rtt(1.0)
    transport.send(b"")
    transport.inject(b"")
    transport.drop_line(1)


async def test_a_host_of_very_many_addresses_is_served_too(pair_of):
    async with pair_of("native", "native", [f"127.0.0.{i}" for i in range(1, 41)]) as pair:
        out = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
        await pair.negotiate()
        await pair.connected()
        await send_until_heard(pair, out, "T", 3)


async def test_a_connection_whose_sockets_the_engine_cannot_take_has_failed(native, monkeypatch, caplog):
    def refuse(*_):
        raise EngineFailed("no more sockets")

    monkeypatch.setattr(NativeTransport, "add_socket", refuse)
    native.a.add_channel("x")
    await native.negotiate()
    await native.heard.until(lambda: native.a.state == native.b.state == "failed")
    assert "no more sockets" in caplog.text
    assert native.a._connection.native is None
