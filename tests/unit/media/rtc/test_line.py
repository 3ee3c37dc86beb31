import asyncio
import re

import pytest
from aiortc import RTCRtpCodecParameters
from aiortc.rtp import HeaderExtensions, RtpPacket, wrap_rtx
from stranger import Stranger

from appliance.media.rtc.bandwidth import Bandwidth
from appliance.media.rtc.frames import EncodedFrame
from appliance.media.rtc.line import LineReceiver
from appliance.media.rtc.simulcast import RID

CODECS = [RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90_000, payloadType=96)]
SSRCS = {"q": 1, "h": 2, "f": 3}


def packet(sequence, *, ssrc, rid=None, key=True):
    body = bytes([0x10, 0 if key else 1]) + ssrc.to_bytes(4, "big")
    made = RtpPacket(payload_type=96, marker=1, sequence_number=sequence, timestamp=sequence * 3000, ssrc=ssrc)
    made.payload, made.extensions = body, HeaderExtensions(rtp_stream_id=rid)
    return made


@pytest.fixture
def frames():
    return []


@pytest.fixture
def line(frames):
    line = LineReceiver("video", wake=lambda: None, bandwidth=Bandwidth())
    line.on_frame = frames.append
    line.configure(CODECS, {})
    return line


def test_layers_are_told_apart_by_rid_and_then_by_ssrc(line, frames):
    for name, ssrc in SSRCS.items():
        line.on_packet(packet(10, ssrc=ssrc, rid=name), 0)
    # once a report has named its SSRC, a sender says no more which layer it is
    for ssrc in SSRCS.values():
        line.on_packet(packet(11, ssrc=ssrc, key=False), 0)
    assert [(frame.layer, frame.keyframe) for frame in frames] == [
        *((name, True) for name in SSRCS),
        *((name, False) for name in SSRCS),
    ]
    assert [int.from_bytes(frame.data[1:], "big") for frame in frames] == [1, 2, 3, 1, 2, 3]
    assert line.snapshot().frames == 6


def test_without_simulcast_there_is_one_layer_without_a_name(line, frames):
    line.on_packet(packet(10, ssrc=7), 0)
    assert [frame.layer for frame in frames] == [""]


def test_a_repair_of_a_stream_that_was_replaced_does_not_bring_it_back(line, frames, monkeypatch):
    now = 100.0
    monkeypatch.setattr("appliance.media.rtc.receiver.time.monotonic", lambda: now)
    rtx = RTCRtpCodecParameters(mimeType="video/rtx", clockRate=90_000, payloadType=97, parameters={"apt": 96})
    line.configure([*CODECS, rtx], {70: 7})
    line.on_packet(packet(10, ssrc=7), 0)
    line.on_packet(packet(11, ssrc=8), 0)
    # by then nobody remembers that stream 7 was there
    now += 60
    line.on_packet(wrap_rtx(packet(12, ssrc=7), payload_type=97, sequence_number=1, ssrc=70), 0)
    line.on_packet(packet(12, ssrc=8, key=False), 0)
    assert [(int.from_bytes(frame.data[1:], "big"), frame.keyframe) for frame in frames] == [
        (7, True),
        (8, True),
        (8, False),
    ]


def test_a_layer_that_has_not_said_which_waits_until_it_does(line, frames):
    line.on_packet(packet(10, ssrc=1, rid="q"), 0)
    line.on_packet(packet(10, ssrc=2), 0)
    line.on_packet(packet(11, ssrc=2, rid="h"), 0)
    assert [frame.layer for frame in frames] == ["q", "h"]


def test_a_key_frame_is_asked_for_of_the_layer_that_lacks_it(line):
    for name, ssrc in SSRCS.items():
        line.on_packet(packet(10, ssrc=ssrc, rid=name), 0)
    line.feedback(99, 0.0)
    line.request_keyframe("h")
    assert [request.media_ssrc for request in line.feedback(99, 5.0)] == [SSRCS["h"]]


def test_a_sender_of_layers_without_end_fills_no_memory(line, frames):
    for number in range(1000):
        line.on_packet(packet(10, ssrc=number, rid=f"r{number}"), 0)
    assert len(line._streams) <= 4
    assert len(line._names) <= 32


async def test_nobody_asks_for_ever_for_a_layer_that_has_stopped(pair_of, packets, monkeypatch):
    monkeypatch.setattr("appliance.media.rtc.keyframes.KEYFRAME_INTERVAL_S", 0.1)
    async with pair_of("pure", packets) as pair:
        video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T", layers=("q", "f"))
        await pair.negotiate()
        await pair.connected()
        asked, number = [], 0
        ears = pair.heard.frames["T"]

        async def send(rids, until):
            nonlocal number
            async with asyncio.timeout(10):
                while not until():
                    for rid in rids:
                        video.send(EncodedFrame("VP8", number * 3000, 90_000, b"\x00" + bytes(500), True, layer=rid))
                    number += 1
                    await asyncio.sleep(0.01)

        await send(("q", "f"), lambda: {frame.layer for frame in ears} == {"q", "f"})
        port = video._port.layers[0]
        monkeypatch.setattr(port, "on_keyframe_request", lambda: asked.append(1))
        # what is still on its way counts as the layer's
        await send(("f",), lambda before=number: number > before + 20)
        pair.heard.streams["T"].request_keyframe("q")
        await send(("f",), lambda before=number: number > before + 60)
        assert len(asked) == 1


async def test_layers_of_simulcast_come_apart_whoever_handles_packets(pair_of, packets):
    async with pair_of("pure", packets) as pair:
        pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
        offer = await pair.a.offer()
        mid, payload_type = re.search(r"a=mid:(\S+)", offer)[1], int(re.search(r"a=rtpmap:(\d+) VP8", offer)[1])
        simulcast = f"a=extmap:10 {RID}\r\na=rid:q send\r\na=rid:f send\r\na=simulcast:send q;f\r\n"
        answer = await pair.b.accept_offer(offer + simulcast)
        await pair.a.accept_answer(answer)
        await pair.connected()
        stranger = Stranger(pair.a)
        for number in range(5):
            for ssrc, layer in ((70, "q"), (71, "f")):
                # said in the first packets only, as senders do
                names = {"mid": mid, "rid": layer} if number < 2 else {}
                payload = b"\x10\x00" + layer.encode()
                await stranger.say(payload, number, ssrc=ssrc, payload_type=payload_type, **names)
        await pair.heard.until(lambda: len(pair.heard.frames["T"]) == 10)
        heard = [(frame.layer, frame.data) for frame in pair.heard.frames["T"]]
        assert sorted(heard) == [("f", b"\x00f")] * 5 + [("q", b"\x00q")] * 5
        assert pair.heard.streams["T"].stats().frames == 10


async def test_lines_of_equal_payload_types_come_apart_by_their_mid(pair_of, packets):
    async with pair_of("pure", packets) as pair:
        for track in ("T", "U"):
            pair.a.add_out("video", "VP8", stream_id="S", track_id=track)
        offer = await pair.a.offer()
        mids, types = re.findall(r"a=mid:(\S+)", offer), re.findall(r"a=rtpmap:(\d+) VP8", offer)
        assert types[0] == types[1]
        # without SSRCs, as senders of simulcast describe themselves
        nameless = re.sub(r"a=ssrc\S* [^\r]*\r\n", "", offer)
        await pair.a.accept_answer(await pair.b.accept_offer(nameless))
        await pair.connected()
        stranger = Stranger(pair.a)
        for number in range(6):
            for ssrc, mid in zip((70, 71), mids, strict=True):
                payload = b"\x10" + bytes([number > 2]) + bytes([ssrc])
                # nobody's until it says whose; then it need not any more
                said = mid if 1 < number < 4 else None
                await stranger.say(payload, number, ssrc=ssrc, payload_type=int(types[0]), mid=said)
        heard = pair.heard.frames
        await pair.heard.until(lambda: len(heard["T"]) == len(heard["U"]) == 4)
        assert [{frame.data[1] for frame in heard[track]} for track in ("T", "U")] == [{70}, {71}]


async def test_another_codec_in_mid_stream_begins_with_a_key_frame(pair_of, packets):
    async with pair_of("pure", packets) as pair:
        pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
        offer = re.sub(r"(m=video [^\r]*)", r"\1 120", await pair.a.offer(), count=1)
        h264 = "a=rtpmap:120 H264/90000\r\na=fmtp:120 packetization-mode=1;profile-level-id=42e01f\r\n"
        await pair.a.accept_answer(await pair.b.accept_offer(offer + h264))
        await pair.connected()
        ssrc, vp8 = int(re.search(r"a=ssrc:(\d+)", offer)[1]), int(re.search(r"a=rtpmap:(\d+) VP8", offer)[1])
        stranger = Stranger(pair.a)
        for number, payload in enumerate((b"\x10\x00key", b"\x10\x01delta")):
            await stranger.say(payload, number, ssrc=ssrc, payload_type=vp8)
        parameters, key, delta = b"\x78\x00\x02\x67\x42\x00\x02\x68\xce", b"\x65\x88key", b"\x41\x9adelta"
        for number, payload in enumerate((delta, delta, parameters, key, delta), 2):
            begins = payload is parameters
            at = (number + begins) * 3000
            await stranger.say(payload, number, ssrc=ssrc, payload_type=120, marker=not begins, timestamp=at)
        await pair.heard.until(lambda: pair.heard.frames["T"][-1:] and pair.heard.frames["T"][-1].timestamp == 18_000)
        heard = [(frame.codec, frame.keyframe, frame.timestamp) for frame in pair.heard.frames["T"]]
        assert heard == [
            ("VP8", True, 0),
            ("VP8", False, 3000),
            ("H264", True, 15_000),
            ("H264", False, 18_000),
        ]
