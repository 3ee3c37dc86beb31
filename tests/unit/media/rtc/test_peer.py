import asyncio
import itertools
import random
import time

import pytest
from vp8_sender import numbers

from appliance.media.rtc import peer as peer_module
from appliance.media.rtc.frames import EncodedFrame
from appliance.media.rtc.peer import NoAddress, Peer, PeerClosed
from appliance.media.rtc.sdp import BadDescription


async def test_frames_and_messages_arrive_as_they_were_sent(pair, camera_of):
    channel = pair.a.add_channel("_reliable")
    video = pair.a.add_out("video", "VP8", stream_id="PA_1", track_id="TR_v")
    audio = pair.a.add_out("audio", "opus", stream_id="PA_1", track_id="TR_a")
    await pair.negotiate()
    await pair.connected()
    async with camera_of(video):
        await pair.heard.until(lambda: len(pair.heard.frames["TR_v"]) >= 10)
    for i in range(3):
        audio.send(EncodedFrame("opus", i * 960, 48_000, b"sound", level=42))
        await pair.heard.until(lambda n=i: len(pair.heard.frames["TR_a"]) > n)
    channel.send(b"hello")
    await pair.heard.until(lambda: pair.heard.messages == [("_reliable", b"hello")])
    seen = pair.heard.frames["TR_v"]
    assert seen[0].keyframe
    assert not seen[1].keyframe
    assert [b - a for a, b in zip(numbers(seen), numbers(seen)[1:], strict=False)] == [1] * (len(seen) - 1)
    assert {b.timestamp - a.timestamp for a, b in itertools.pairwise(seen)} == {1800}
    assert (seen[0].codec, seen[0].clock_rate, len(seen[0].data)) == ("VP8", 90_000, 3005)
    assert {(f.data, f.level) for f in pair.heard.frames["TR_a"]} == {(b"sound", 42)}
    assert pair.heard.streams["TR_v"].stream_id == "PA_1"
    assert pair.heard.streams["TR_v"].stats().frames == len(seen)
    assert video.stats().frames >= len(seen)


async def test_a_hundred_streams_fit_into_one_connection(pair):
    kinds = [("audio", "opus"), ("video", "VP8")] * 50
    outs = [
        pair.a.add_out(kind, codec, stream_id="S", track_id=str(number)) for number, (kind, codec) in enumerate(kinds)
    ]
    await pair.negotiate()
    await pair.connected()
    while not all(pair.heard.frames.values()):
        now = int(time.monotonic() * 90_000) & 0xFFFFFFFF
        for out in outs:
            out.send(EncodedFrame(out.codec, now, 90_000, b"\x00" + out.track_id.encode(), True))
        await asyncio.sleep(0.02)
    assert {number: frames[0].data[1:].decode() for number, frames in pair.heard.frames.items()} == {
        str(number): str(number) for number in range(100)
    }


async def test_the_senders_clock_comes_with_its_reports(pair, camera_of):
    video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
    await pair.negotiate()
    await pair.connected()
    assert pair.heard.streams["T"].clock is None
    async with camera_of(video) as camera:
        await pair.heard.until(lambda: pair.heard.streams["T"].clock is not None)
        clock = pair.heard.streams["T"].clock
        last = pair.heard.frames["T"][-1].timestamp
    # both ends are this machine, whose clock counts from 1970 and not from 1900
    assert abs(clock.at(last) - 2_208_988_800 - time.time()) < 2
    assert clock.at(last) - clock.at(last - 1800) == pytest.approx(0.02, abs=1e-5)
    assert camera.sent > 0


async def test_h264_travels_in_whole_access_units(pair):
    video = pair.a.add_out("video", "H264", stream_id="S", track_id="T")
    await pair.negotiate()
    await pair.connected()
    start = b"\x00\x00\x00\x01"
    unit = start + b"\x67\x42\xe0\x1f" + start + b"\x68\xce" + start + b"\x65\x88" + b"\x5a" * 4000
    while not pair.heard.frames["T"]:
        video.send(EncodedFrame("H264", int(time.monotonic() * 90_000) & 0xFFFFFFFF, 90_000, unit, True))
        await asyncio.sleep(0.01)
    assert pair.heard.frames["T"][0].data == unit
    assert pair.heard.frames["T"][0].keyframe


async def test_a_key_frame_request_reaches_the_camera_at_most_once_a_second_and_is_never_lost(pair, camera_of):
    video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
    await pair.negotiate()
    await pair.connected()
    async with camera_of(video) as camera:
        await pair.heard.until(lambda: len(pair.heard.frames["T"]) >= 3)
        media, before = pair.heard.streams["T"], camera.requests
        media.request_keyframe()
        await pair.heard.until(lambda: camera.requests == before + 1)
        await pair.heard.until(lambda: pair.heard.frames["T"][-1].keyframe)
        asked_at = time.monotonic()
        for _ in range(5):
            media.request_keyframe()
        await pair.heard.until(lambda: camera.requests > before + 1)
        assert camera.requests == before + 2
        assert time.monotonic() - asked_at > 0.5


async def test_a_key_frame_that_is_wanted_no_more_is_not_asked_for(pair, camera_of):
    video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
    await pair.negotiate()
    await pair.connected()
    async with camera_of(video) as camera:
        await pair.heard.until(lambda: len(pair.heard.frames["T"]) >= 3)
        media, before = pair.heard.streams["T"], camera.requests
        media.request_keyframe()
        media.forget_keyframe("")
        # longer than requests are apart at least
        await pair.heard.until(lambda: len(pair.heard.frames["T"]) >= 60)
        assert camera.requests == before


@pytest.mark.parametrize("pause", [0.0, 0.004])
async def test_thirty_streams_added_one_by_one_while_connecting_all_arrive(pair, pause):
    """The handshake runs under the first of these negotiations; nothing negotiated meanwhile may be forgotten."""
    pair.a.add_channel("_reliable")
    await pair.negotiate()
    outs = []
    for i in range(30):
        kind, codec = ("video", "VP8") if i % 2 else ("audio", "opus")
        outs.append(pair.a.add_out(kind, codec, stream_id=f"S{i}", track_id=f"T{i}"))
        offer = await pair.a.offer()
        await asyncio.sleep(pause)
        await pair.a.accept_answer(await pair.b.accept_offer(offer))
    await pair.connected()
    async with asyncio.timeout(10):
        while not all(pair.heard.frames.get(f"T{i}") for i in range(30)):
            for out in outs:
                out.send(EncodedFrame(out.codec, 0, 90_000, b"\x00frame", True))
            await asyncio.sleep(0.02)


async def test_a_line_that_fell_silent_is_used_again_for_somebody_else(pair, camera_of):
    first = pair.a.add_out("video", "VP8", stream_id="ada", track_id="T1")
    await pair.negotiate()
    await pair.connected()
    async with camera_of(first):
        await pair.heard.until(lambda: len(pair.heard.frames["T1"]) >= 3)
    pair.a.remove_out(first)
    await pair.negotiate()
    assert pair.heard.ended == ["T1"]
    second = pair.a.add_out("video", "VP8", stream_id="bob", track_id="T2")
    await pair.negotiate()
    assert second.mid == first.mid
    async with camera_of(second):
        await pair.heard.until(lambda: len(pair.heard.frames["T2"]) >= 3)
    assert pair.heard.frames["T2"][0].keyframe
    assert pair.heard.frames["T2"][0].timestamp != pair.heard.frames["T1"][0].timestamp


async def test_candidates_may_trickle_in_before_the_description(pair):
    pair.a.add_channel("x")
    offer = await pair.a.offer()
    candidates = [line[2:] for line in offer.splitlines() if line.startswith("a=candidate:")]
    bare = "\r\n".join(line for line in offer.splitlines() if "candidate" not in line) + "\r\n"
    for candidate in candidates:
        await pair.b.add_candidate('{"candidate": "%s", "sdpMid": "0", "sdpMLineIndex": 0}' % candidate)  # noqa: UP031 - JSON braces
    await pair.b.add_candidate('{"candidate": "", "sdpMid": "0"}')
    await pair.a.accept_answer(await pair.b.accept_offer(bare))
    await pair.connected()


@pytest.mark.parametrize("candidate", ["", "nonsense", "[]", "{}", '{"candidate": 5}', "[" * 100_000])
async def test_an_unreadable_candidate_is_refused(pair, candidate):
    with pytest.raises(BadDescription):
        await pair.b.add_candidate(candidate)


async def test_a_candidate_without_sense_is_passed_over(pair):
    pair.a.add_channel("x")
    await pair.negotiate()
    await pair.b.add_candidate('{"candidate": "candidate:1 1 udp nonsense"}')
    await pair.connected()


async def test_spoiled_offers_are_refused_in_words(pair):
    """Every line cut, doubled or garbled by chance: a refusal or an answer, never another error."""
    pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
    pair.a.add_out("audio", "opus", stream_id="S", track_id="U")
    pair.a.add_channel("x")
    lines = (await pair.a.offer()).splitlines()
    chance, refused = random.Random(7), 0
    for _ in range(60):
        spoiled = list(lines)
        for _ in range(chance.randrange(1, 4)):
            i = chance.randrange(len(spoiled))
            how = chance.randrange(4)
            if how == 0:
                del spoiled[i]
            elif how == 1:
                spoiled.insert(i, spoiled[chance.randrange(len(spoiled))])
            else:
                at = chance.randrange(len(spoiled[i]) + 1)
                spoiled[i] = spoiled[i][:at] + chance.choice(["", "\x00", "99999999999", ":", " x"])
        async with Peer(name="victim", addresses=lambda: ("127.0.0.1",)) as victim:
            try:
                await victim.accept_offer("\r\n".join(spoiled) + "\r\n")
            except BadDescription:
                refused += 1
    assert refused > 10


async def test_a_machine_without_any_address_says_so():
    async with Peer(name="room", addresses=lambda: ()) as peer:
        peer.add_channel("x")
        with pytest.raises(NoAddress, match="room"):
            await peer.offer()


async def test_a_closed_peer_negotiates_no_more(pair):
    await pair.a.close()
    await pair.a.close()
    with pytest.raises(PeerClosed):
        await pair.a.offer()
    assert pair.a.state == "closed"


async def test_no_public_server_is_ever_asked(pair):
    assert pair.a._connection._RTCPeerConnection__configuration.iceServers == []
    pair.a.add_channel("x")
    offer = await pair.a.offer()
    assert {line.split()[4] for line in offer.splitlines() if line.startswith("a=candidate:")} == {"127.0.0.1"}


async def test_the_other_side_hanging_up_is_a_state(pair):
    closed = asyncio.Event()
    pair.a.add_channel("x")
    await pair.negotiate()
    await pair.connected()
    pair.b.on_state = lambda state: closed.set() if state == "closed" else None
    await pair.a.close()
    async with asyncio.timeout(5):
        await closed.wait()


async def test_what_takes_long_to_close_is_closed_later_and_nothing_is_freed_before(pair, packets, monkeypatch):
    monkeypatch.setattr(peer_module, "_CLOSE_S", 0.05)
    pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
    await pair.negotiate()
    await pair.connected()
    connection, released = pair.a._connection, asyncio.Event()
    sender = connection.getSenders()[0]
    stop = sender.stop

    async def stop_late():
        await released.wait()
        await stop()

    monkeypatch.setattr(sender, "stop", stop_late)
    await pair.a.close()
    assert pair.a.state == "closed"
    if packets == "native":
        assert not connection.native.closed
    released.set()
    async with asyncio.timeout(5):
        while connection.iceConnectionState != "closed" or (packets == "native" and not connection.native.closed):
            await asyncio.sleep(0.01)


async def test_a_helper_that_fails_is_a_failed_connection_which_still_closes(pair, monkeypatch, caplog):
    async def stumble(_now):
        raise RuntimeError("nobody foresaw this")

    monkeypatch.setattr(pair.a._feedback, "_send_all", stumble)
    pair.b.add_out("video", "VP8", stream_id="S", track_id="T")
    offer = await pair.b.offer()
    await pair.b.accept_answer(await pair.a.accept_offer(offer))
    pair.a._feedback._woken.set()
    await pair.heard.until(lambda: pair.a.state == "failed")
    assert "nobody foresaw this" in caplog.text
    await pair.a.close()
    assert pair.a._connection.connectionState == "closed"
