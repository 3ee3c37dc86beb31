"""A guest behind a network that does not carry what the others send."""

import asyncio
import contextlib

import pytest
from livekit.protocol import models, rtc
from wire import wire

from appliance.media.rtc.frames import EncodedFrame

Q, F = models.VideoQuality.LOW, models.VideoQuality.HIGH
LAYERS = [models.VideoLayer(quality=Q, height=180), models.VideoLayer(quality=F, height=720)]
SIZES = {"q": 400, "f": 3000}
"""At 50 frames a second: 160 kb/s and 1.2 Mb/s."""


async def staying(*clients):
    """Let the hub hear of them, as clients do while they stay."""
    while True:
        for client in clients:
            await client.send(ping=1)
        await asyncio.sleep(3)


@contextlib.asynccontextmanager
async def simulcasting(client):
    """Publish a camera in two layers."""
    out = await client.publish("video", "VP8", cid="camera", rids=tuple(SIZES), layers=LAYERS)
    keys = asyncio.Event()
    out.on_keyframe_request = keys.set

    async def shoot():
        for i in range(100_000):
            key = keys.is_set()
            keys.clear()
            for rid, size in SIZES.items():
                data = (b"\x00" if key else b"\x01") + bytes(size)
                out.send(EncodedFrame("VP8", i * 1800, 90_000, data, key, layer=rid))
            await asyncio.sleep(0.02)

    task = asyncio.create_task(shoot())
    yield out
    task.cancel()


@pytest.mark.timeout(150)  # an estimate falls at once and climbs by probes, one after the other
@pytest.mark.parametrize("packets", ["pure", "native"])
async def test_who_has_a_narrow_network_gets_the_small_picture_until_there_is_room(enter, librtp, monkeypatch, packets):
    monkeypatch.setenv("SALON_RTP", str(librtp) if packets == "native" else "pure")
    async with wire(1) as narrow:
        ada, bob = await enter("ada"), await enter("bob", through=narrow)
        alive = asyncio.create_task(staying(ada, bob))
        await goes_down_and_up(ada, bob, narrow)
        alive.cancel()


async def goes_down_and_up(ada, bob, narrow):
    async with simulcasting(ada):
        await bob.until(lambda: bob.frames)
        (frames,) = bob.frames.values()

        async def sizes_become(size):
            await bob.until(lambda: len(frames) > 50 and {len(f.data) - 1 for f in frames[-50:]} == {size}, within=40)

        await sizes_become(SIZES["f"])
        narrow.to_b.rate = 500_000
        await sizes_become(SIZES["q"])
        narrow.to_b.rate = None
        await sizes_become(SIZES["f"])
        assert narrow.to_b.times, "media went by the wire"


@pytest.mark.timeout(90)
@pytest.mark.parametrize("packets", ["pure", "native"])
async def test_a_picture_in_one_size_waits_until_there_is_room_and_the_sound_goes_on(
    enter, feeding, librtp, monkeypatch, packets
):
    monkeypatch.setenv("SALON_RTP", str(librtp) if packets == "native" else "pure")
    async with wire(1) as narrow:
        ada, bob = await enter("ada"), await enter("bob", through=narrow)
        alive = asyncio.create_task(staying(ada, bob))
        camera = await ada.publish("video", "VP8", cid="camera")
        microphone = await ada.publish("audio", "opus", cid="microphone")

        def heard():
            return sum(len(frames) for stream, frames in bob.frames.items() if bob.streams[stream].kind == "audio")

        def state():
            updates = bob.of("stream_state_update")
            return updates[-1].stream_states[0].state if updates else rtc.StreamState.ACTIVE

        async with feeding(camera, size=2500), feeding(microphone):
            await bob.until(lambda: len(bob.frames) == 2 and all(bob.frames.values()))
            narrow.to_b.rate = 400_000
            await bob.until(lambda: state() == rtc.StreamState.PAUSED, within=20)
            before = heard()
            await bob.until(lambda: heard() > before + 50, within=5)
            narrow.to_b.rate = None
            await bob.until(lambda: state() == rtc.StreamState.ACTIVE, within=40)
            pictures = next(frames for stream, frames in bob.frames.items() if bob.streams[stream].kind == "video")
            pictures.clear()
            await bob.until(lambda: pictures and pictures[0].keyframe)
        alive.cancel()


async def test_who_hides_a_picture_and_has_a_narrow_network_costs_its_other_viewers_nothing(enter):
    async with wire(1) as narrow:
        ada, bob, cleo = await enter("ada"), await enter("bob", through=narrow), await enter("cleo")
        alive = asyncio.create_task(staying(ada, bob, cleo))
        async with simulcasting(ada) as camera, simulcasting(cleo):
            await bob.until(lambda: len(bob.frames) == 2 and all(bob.frames.values()))
            await cleo.until(lambda: any(cleo.frames.values()))
            hidden = next(sid for owner, _, sid in (s.partition("|") for s in bob.frames) if owner == sid_of(ada))
            await bob.send(track_setting=rtc.UpdateTrackSettings(track_sids=[hidden], disabled=True))
            narrow.to_b.rate = 100_000
            (frames,) = cleo.frames.values()
            await bob.until(lambda: bob.of("stream_state_update"), within=20)
            frames.clear()
            rates = []
            for count in range(0, 100, 5):
                await cleo.until(lambda count=count: len(frames) > count)
                rates.append(camera.stats().bitrate)
            assert min(rates) > 150_000
            assert {len(frame.data) - 1 for frame in frames} == {SIZES["f"]}
        alive.cancel()


def sid_of(client):
    return client.join.participant.sid
