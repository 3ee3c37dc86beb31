"""What two real peers do with transport-wide numbers, a pacer and a budget."""

import asyncio

import pytest
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpSendParameters
from aiortc.rtp import RtcpPacket, RtcpPsfbPacket, RtcpRrPacket, RtpPacket
from hypothesis import given
from hypothesis import strategies as st
from wire import wire

from appliance.media.rtc.congestion.wire import URI, build
from appliance.media.rtc.extensions import NumberedExtensions
from appliance.media.rtc.frames import EncodedFrame
from appliance.media.rtc.transport_wide import TransportFeedback, split_feedback, stamp


class Camera:
    """A camera that keeps to its budget: 30 frames a second."""

    def __init__(self, out, frame):
        self._out, self._frame = out, frame
        self.budget, self.told, self.sent, self._key = 300_000, [], 0, True
        out.on_bitrate = self._heard
        out.on_keyframe_request = self._wanted

    def _heard(self, bitrate):
        self.budget = bitrate
        self.told.append(bitrate)

    def _wanted(self):
        self._key = True

    async def run(self):
        while True:
            size = max(self.budget // 30 // 8, 10)
            self._out.send(self._frame(self.sent, size, self._key))
            self._key = False
            self.sent += 1
            await asyncio.sleep(1 / 30)


@pytest.fixture
def frame():
    def made(number, size, key):
        return EncodedFrame("VP8", number * 3000, 90_000, (b"\x00" if key else b"\x01") + bytes(size), key)

    return made


async def until(condition):
    async with asyncio.timeout(25):
        while not condition():
            await asyncio.sleep(0.05)


async def test_a_fast_network_is_found_by_probes_although_little_is_sent(pair, frame):
    video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
    await pair.negotiate()
    await pair.connected()
    camera = Camera(video, frame)
    video.on_bitrate = lambda _: None
    async with asyncio.TaskGroup() as group:
        task = group.create_task(camera.run())
        await until(lambda: (video.stats().bitrate or 0) > 1_500_000)
        task.cancel()
    assert pair.heard.streams["T"].stats().lost == 0


async def speak(audio):
    number = 0
    while True:
        audio.send(EncodedFrame("opus", number * 960, 48_000, bytes(80)))
        number += 1
        await asyncio.sleep(0.02)


async def test_no_probe_is_spent_before_there_is_a_picture_to_fill_it_with(pair, frame, monkeypatch):
    video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
    audio = pair.a.add_out("audio", "opus", stream_id="S", track_id="U")
    await pair.negotiate()
    await pair.connected()
    sending, probes = pair.a._connection.sending, []
    start = sending._start
    monkeypatch.setattr(sending, "_start", lambda probe, now: (probes.append(probe), start(probe, now)))
    async with asyncio.TaskGroup() as group:
        speech = group.create_task(speak(audio))
        await until(lambda: sending.controller.heard)
        await until(lambda: len(pair.heard.frames["U"]) >= 50)
        assert probes == []
        video.on_bitrate = lambda _: None
        shots = group.create_task(Camera(video, frame).run())
        await until(lambda: probes)
        speech.cancel()
        shots.cancel()


async def test_a_receiver_of_sound_alone_is_watched_too(pair, monkeypatch):
    monkeypatch.setattr("appliance.media.rtc.sending._WATCH_S", 0.02)
    audio = pair.a.add_out("audio", "opus", stream_id="S", track_id="U")
    await pair.negotiate()
    await pair.connected()
    looks = []
    monkeypatch.setattr(pair.a._connection.sending.controller, "tick", looks.append)
    speech = asyncio.create_task(speak(audio))
    await until(lambda: len(looks) >= 3)
    speech.cancel()


async def test_a_slow_network_is_not_sent_more_than_it_carries(pair_of, packets, frame):
    async with wire(1) as network, pair_of(packets, packets) as pair:
        video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
        await pair.negotiate(network)
        await pair.connected()
        network.to_b.rate = 400_000
        camera = Camera(video, frame)
        task = asyncio.create_task(camera.run())
        await until(lambda: camera.told and camera.told[-1] < 420_000)
        task.cancel()
        assert pair.heard.frames["T"], "nothing arrived"


async def test_sound_has_its_part_before_the_picture(pair):
    video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
    pair.a.add_out("audio", "opus", stream_id="S", track_id="A")
    await pair.negotiate()
    told = []
    video.on_bitrate = told.append
    pair.a._connection.sending.bounded(100_000)
    assert told == [52_000]


@pytest.mark.parametrize(("carried", "sound"), [(200_000, 32_000), (44_000, 28_000), (10_000, 24_000)])
async def test_sound_takes_less_only_where_all_of_it_does_not_fit(pair, carried, sound):
    video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
    voice = pair.a.add_out("audio", "opus", stream_id="S", track_id="A")
    await pair.negotiate()
    told = []
    video.on_bitrate, voice.on_bitrate = (lambda _: None), told.append
    pair.a._connection.sending.bounded(carried)
    assert told == [sound]


async def test_without_the_numbers_nothing_is_known_and_all_works(pair, camera_of):
    video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
    offer = "\r\n".join(line for line in (await pair.a.offer()).splitlines() if URI not in line)
    answer = await pair.b.accept_offer(offer + "\r\n")
    assert URI not in answer
    await pair.a.accept_answer(answer)
    await pair.connected()
    async with camera_of(video):
        await pair.heard.until(lambda: len(pair.heard.frames["T"]) >= 60)
    assert video.stats().bitrate is None or video.stats().bitrate > 0
    assert not pair.a._connection.sending.controller.heard


async def test_both_descriptions_name_the_numbers_and_the_feedback(pair):
    pair.a.add_out("video", "H264", stream_id="S", track_id="T")
    pair.a.add_out("audio", "opus", stream_id="S", track_id="A")
    offer = await pair.a.offer()
    answer = await pair.b.accept_offer(offer)
    for text in (offer, answer):
        for section in text.split("\r\nm=")[1:]:
            assert URI in section
            assert "transport-cc" in section


async def test_a_large_frame_is_no_burst(pair_of, packets, frame):
    """What leaves at once is what the rate of two and a half times the target allows."""
    async with wire(1) as network, pair_of(packets, packets) as pair:
        video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
        await pair.negotiate(network)
        await pair.connected()
        video.on_bitrate = lambda _: None
        sending = pair.a._connection.sending
        sending.bounded(1_000_000)
        sending.tell()
        await asyncio.sleep(0)
        network.to_b.times.clear()
        video.send(frame(0, 30_000, True))
        await pair.heard.until(lambda: pair.heard.frames["T"])
        times = network.to_b.times
        assert len(times) >= 25
        # 30 kB at no more than 2.5 times 1 Mb/s
        assert times[-1] - times[0] > 0.06


@given(
    number=st.integers(0, 0xFFFF),
    level=st.one_of(st.none(), st.integers(0, 127)),
    mid=st.one_of(st.none(), st.text("0123456789", min_size=1, max_size=3)),
    body=st.binary(max_size=40),
)
def test_a_number_is_written_where_room_was_left(number, level, mid, body):
    extensions = NumberedExtensions()
    uris = {1: "urn:ietf:params:rtp-hdrext:sdes:mid", 2: "urn:ietf:params:rtp-hdrext:ssrc-audio-level", 4: URI}
    extensions.configure(
        RTCRtpSendParameters(
            headerExtensions=[RTCRtpHeaderExtensionParameters(id=i, uri=uri) for i, uri in uris.items()]
        )
    )
    packet = RtpPacket(payload_type=96, sequence_number=1, timestamp=2)
    packet.payload = body
    packet.extensions.mid = mid
    packet.extensions.audio_level = None if level is None else (False, level)
    stamped = RtpPacket.parse(stamp(packet.serialize(extensions), 4, number), extensions)
    assert stamped.extensions.transport_sequence_number == number
    assert (stamped.extensions.mid, stamped.payload) == (mid, body)


@given(data=st.binary(min_size=12, max_size=80), number=st.integers(0, 0xFFFF))
def test_a_packet_without_room_stays_as_long_as_it_is(data, number):
    assert len(stamp(data, 4, number)) == len(data)


def test_feedback_is_taken_out_of_a_compound():
    report, key = bytes(RtcpRrPacket(ssrc=1)), bytes(RtcpPsfbPacket(fmt=1, ssrc=1, media_ssrc=2))
    fci, _ = build(7, [1000, None, 3000])
    rest, found = split_feedback(report + bytes(TransportFeedback(1, 2, fci)) + key)
    assert (rest, found) == (report + key, [fci])
    assert len(RtcpPacket.parse(rest)) == 2
    assert split_feedback(report) == (report, [])


@given(data=st.binary(max_size=60))
def test_a_hostile_compound_is_passed_on_whole_but_for_feedback(data):
    rest, found = split_feedback(data)
    assert len(rest) + sum(len(fci) + 12 for fci in found) == len(data)
