"""From a simulated camera through the encoder, a wire and the decoder into a real frame ring."""

import asyncio
import queue
import time
from itertools import pairwise

import pytest
from camera_stage import ANNA, BEN, Stage, Wire, layout, ring_of

from appliance.link.frames import RingWriter
from appliance.media import layers
from appliance.media.decode import VideoDecoder
from appliance.media.encode import Vp8Encoder, encoder_for
from appliance.media.rtc.frames import EncodedFrame
from appliance.media.wall import PictureWall
from appliance.state.layout import Source
from hardware import registry
from hardware.camera.mark import decode, source_id


async def test_a_picture_travels_from_camera_to_ring(tmp_path):
    async with Stage(tmp_path) as stage:
        _, reader = stage.show_anna()
        frame = await stage.picture_of(ANNA, reader)
        assert (frame.w, frame.h) == (320, 180)
        assert decode(frame.y).source == source_id("ANNA")


async def test_somebody_not_in_the_layout_is_not_decoded_until_shown_and_then_at_once(tmp_path, monkeypatch):
    really, decoded = VideoDecoder.decode, []

    def noted(decoder, frame, **how):
        decoded.append(frame)
        return really(decoder, frame, **how)

    monkeypatch.setattr(VideoDecoder, "decode", noted)
    async with Stage(tmp_path) as stage:
        wire = Wire()
        stage.wall.show(RingWriter(layout((BEN, 320, 180)), 1))
        stage.wall.bind((ANNA, Source.CAMERA), wire)
        stage.feed.send_to(wire)
        async with asyncio.timeout(10):
            while len(wire.sent) < 5:
                await asyncio.sleep(0.01)
        # more than a batch's time
        await asyncio.sleep(0.2)
        assert decoded == []
        stage.feed.send_to(None)
        writer, reader = ring_of(layout((ANNA, 640, 360), rev=2))
        stage.wall.show(writer)
        frame = await stage.picture_of(ANNA, reader)
        assert decode(frame.y).source == source_id("ANNA")
        assert wire.keyframe_requests == 0
        assert decoded


async def test_without_a_receiver_or_with_the_camera_off_nothing_is_encoded(tmp_path):
    async with Stage(tmp_path) as stage:
        wire = Wire()
        await stage.allow(camera=False)
        stage.feed.send_to(wire)
        await asyncio.sleep(0.2)
        assert wire.sent == []
        await stage.allow(camera=True)
        async with asyncio.timeout(10):
            while not wire.sent:
                await asyncio.sleep(0.01)
        assert wire.sent[0].keyframe


async def test_the_camera_speaks_the_codec_of_the_stream_and_keeps_to_its_budget(tmp_path):
    async with Stage(tmp_path) as stage:
        wire = Wire()
        wire.codec = "H264"
        stage.feed.send_to(wire)
        async with asyncio.timeout(10):
            while not wire.sent:
                await asyncio.sleep(0.01)
            wire.on_bitrate(0)
            # what was being encoded may still come
            await asyncio.sleep(0.2)
            before = len(wire.sent)
            await asyncio.sleep(0.3)
            assert len(wire.sent) == before, "there is room for sound only"
            wire.on_bitrate(2_000_000)
            while len(wire.sent) == before:
                await asyncio.sleep(0.01)
        assert {frame.codec for frame in wire.sent} == {"H264"}
        assert wire.sent[before].keyframe


async def test_the_camera_sends_only_the_layers_somebody_wants(tmp_path):
    async with Stage(tmp_path) as stage:
        wire = Wire()
        wire.simulcast = True
        stage.feed.send_to(wire)

        async def first_after(wanted):
            wire.wanted = wanted
            # what was being encoded may still come
            await asyncio.sleep(0.2)
            before = len(wire.sent)
            async with asyncio.timeout(10):
                while len(wire.sent) < before + 10:
                    await asyncio.sleep(0.01)
            return {frame.layer for frame in wire.sent[before:]}

        assert await first_after(None) == {"q", "h"}, "600 kb/s"
        assert await first_after(frozenset({"f"})) == {"f"}
        wire.wanted = frozenset()
        await asyncio.sleep(0.2)
        before = len(wire.sent)
        await asyncio.sleep(0.3)
        assert len(wire.sent) == before, "nobody looks"
        await first_after(frozenset({"h"}))
        assert (wire.sent[before].layer, wire.sent[before].keyframe) == ("h", True)


async def test_each_size_is_encoded_once_however_many_receive_it(tmp_path, monkeypatch):
    made, encoded = [], []

    class Counted:
        def __init__(self, encoder):
            self._encoder = encoder
            self.set_bitrate = encoder.set_bitrate
            made.append(self)

        def encode(self, frame, *, keyframe):
            encoded.append((len(frame.y), frame.captured_ns))
            return self._encoder.encode(frame, keyframe=keyframe)

    monkeypatch.setattr(layers, "encoder_for", lambda *args, **more: Counted(encoder_for(*args, **more)))
    async with Stage(tmp_path) as stage:
        wire = Wire()
        wire.simulcast, wire.wanted = True, frozenset({"q", "h", "f"})
        stage.feed.send_to(wire)
        wire.on_bitrate(4_000_000)
        async with asyncio.timeout(10):
            while len(wire.sent) < 60:
                # each of twenty receivers has lost its picture
                for _ in range(20):
                    wire.request_keyframe()
                await asyncio.sleep(0.05)
    assert {frame.layer for frame in wire.sent} == {"q", "h", "f"}
    assert len(made) == 3
    assert len(encoded) == len(set(encoded))


async def test_a_key_frame_that_is_asked_for_again_and_again_is_made_once_a_second(tmp_path):
    async with Stage(tmp_path) as stage:
        wire = Wire()
        stage.feed.send_to(wire)
        async with asyncio.timeout(10):
            while sum(frame.keyframe for frame in wire.sent) < 3:
                wire.request_keyframe()
                await asyncio.sleep(0.01)
    taken = [frame.timestamp / 90_000 for frame in wire.sent if frame.keyframe]
    # a picture is a moment older when it is encoded, one time more than another
    assert all(0.9 < after - before < 2 for before, after in pairwise(taken))


async def test_what_the_network_does_not_take_is_not_encoded_and_costs_no_key_frame(tmp_path):
    async with Stage(tmp_path) as stage:
        wire = Wire()
        stage.feed.send_to(wire)
        async with asyncio.timeout(10):
            while len(wire.sent) < 5:
                await asyncio.sleep(0.01)
        wire.waiting = 2
        await asyncio.sleep(0.2)
        before = len(wire.sent)
        await asyncio.sleep(0.3)
        assert len(wire.sent) == before
        wire.waiting = 1
        async with asyncio.timeout(10):
            while len(wire.sent) < before + 5:
                await asyncio.sleep(0.01)
        assert not any(frame.keyframe for frame in wire.sent[before:])


async def test_a_broken_frame_asks_for_a_key_frame_and_the_picture_comes_back(tmp_path):
    async with Stage(tmp_path) as stage:
        wire = Wire()
        writer, reader = ring_of(layout((ANNA, 640, 360)))
        stage.wall.show(writer)
        stage.wall.bind((ANNA, Source.CAMERA), wire)
        stage.feed.send_to(wire)
        await stage.picture_of(ANNA, reader)
        wire.on_frame(EncodedFrame("VP8", 0, 90000, b"\xff" * 100, keyframe=False))
        async with asyncio.timeout(10):
            while not wire.keyframe_requests:
                await asyncio.sleep(0.01)
        while not stage.painted.empty():
            stage.painted.get_nowait()
        frame = await stage.picture_of(ANNA, reader)
        assert decode(frame.y).source == source_id("ANNA")


async def test_a_decoder_that_fails_in_a_way_nobody_foresaw_costs_one_picture(tmp_path, monkeypatch, caplog):
    decode_frame, surprises = VideoDecoder.decode, [True]

    def decode_or_stumble(self, frame, *, hurry=False):
        if surprises:
            raise RuntimeError(surprises.pop())
        return decode_frame(self, frame, hurry=hurry)

    monkeypatch.setattr(VideoDecoder, "decode", decode_or_stumble)
    async with Stage(tmp_path) as stage:
        wire, reader = stage.show_anna()
        assert await stage.picture_of(ANNA, reader)
        assert wire.keyframe_requests
    assert "RuntimeError" in caplog.text


async def test_a_newer_stream_of_the_same_person_survives_the_end_of_the_older(tmp_path):
    async with Stage(tmp_path) as stage:
        old, new = Wire(), Wire()
        writer, reader = ring_of(layout((ANNA, 640, 360)))
        stage.wall.show(writer)
        stage.wall.bind((ANNA, Source.CAMERA), old)
        stage.wall.bind((ANNA, Source.CAMERA), new)
        stage.wall.unbind((ANNA, Source.CAMERA), old)
        stage.feed.send_to(new)
        assert await stage.picture_of(ANNA, reader) is not None
        assert old.on_frame is None


async def test_the_streams_report_their_size_and_rate(tmp_path):
    async with Stage(tmp_path) as stage:
        _, reader = stage.show_anna()
        for _ in range(5):
            await stage.picture_of(ANNA, reader)
        (stats,) = stage.wall.stats()
        assert (stats.person, stats.width, stats.height, stats.direction) == ("anna", 640, 360, "in")
        assert stats.fps > 0
        assert stats.kbps > 0
        assert stats.frames >= 5
        assert stats.decode_ms > 0


@pytest.mark.parametrize("count", [31, 200])
async def test_a_decoder_that_cannot_keep_up_starts_again_at_a_key_frame(count):
    wall = PictureWall(loop=asyncio.get_running_loop(), painted=lambda _keys: None)
    try:
        wire = Wire()
        wall.bind((ANNA, Source.CAMERA), wire)
        wire.send(EncodedFrame("VP8", 0, 90000, b"k", keyframe=True))
        for n in range(count):
            wire.send(EncodedFrame("VP8", n, 90000, b"d", keyframe=False))
        (stats,) = wall.stats()
        assert stats.dropped >= 31
    finally:
        await asyncio.to_thread(wall.close)


async def test_a_wall_that_is_held_back_paints_less_often_and_says_how_late_it_was():
    told = queue.SimpleQueue()
    wall = PictureWall(loop=asyncio.get_running_loop(), painted=lambda _keys: told.put(time.monotonic()))
    encoder, wire = Vp8Encoder(), Wire()
    wall.pace(4)
    with registry.camera("sim:pattern?size=320x180&fps=60") as camera:
        frames = [encoder.encode(camera.read(1.0)) for _ in range(3)]
    try:
        wall.show(ring_of(layout((ANNA, 320, 180)))[0])
        wall.bind((ANNA, Source.CAMERA), wire)
        wire.send(frames[0])
        first = await asyncio.to_thread(told.get, timeout=10)
        wire.send(frames[1])
        wire.send(frames[2])
        assert await asyncio.to_thread(told.get, timeout=10) - first > 0.2
        assert wall.take_lag() > 0
        assert wall.take_lag() == 0
        (stats,) = wall.stats()
        assert stats.dropped == 1
    finally:
        await asyncio.to_thread(wall.close)


async def test_what_comes_together_is_told_together_and_the_newest_wins():
    """Ten frames of two people that wait when the wall is asked for them are one batch."""
    told = queue.SimpleQueue()
    wall = PictureWall(loop=asyncio.get_running_loop(), painted=told.put)
    encoder, frames = Vp8Encoder(), []
    with registry.camera("sim:pattern?size=320x180&fps=60&mark=ANNA") as camera:
        frames = [encoder.encode(camera.read(1.0)) for _ in range(5)]
    try:
        wires = {person: Wire() for person in (ANNA, BEN)}
        for person, wire in wires.items():
            wall.bind((person, Source.CAMERA), wire)
            for frame in frames:
                wire.send(frame)
        writer, reader = ring_of(layout((ANNA, 320, 180), (BEN, 320, 180)))
        wall.show(writer)
        keys = await asyncio.to_thread(told.get, timeout=10)
        assert sorted(person for person, _ in keys) == [ANNA, BEN]
        assert reader.numbers().tolist() == [1, 1]
    finally:
        await asyncio.to_thread(wall.close)
