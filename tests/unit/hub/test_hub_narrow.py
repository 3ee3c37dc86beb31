"""A guest behind a network that does not carry what the others send."""

import asyncio
import contextlib

import pytest
from livekit.protocol import models
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
    yield
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
