"""What a connected peer may send, spoiled: at worst it is a malformed packet, and the picture goes on."""

import asyncio
import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

from appliance.media.rtc.private.connection import _STUMBLES

CORPUS = Path(__file__).parents[3] / "fuzz" / "corpus" / "rtcp"
SPOILED = 600


def spoil(compounds: list[bytes], chance: random.Random) -> bytes:
    data = bytearray(chance.choice(compounds))
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(4):
            case 0:
                del data[at : at + chance.randrange(8)]
            case 1:
                data[at:at] = chance.choice(compounds)
            case 2:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case _:
                data[at : at + 4] = chance.choice([bytes(4), b"\xff" * 4])
    return bytes(data)


def hostile(ssrcs: dict[bytes, int]) -> Iterator[bytes]:
    """The corpus, then mutations of it, with the SSRCs of a connection."""
    compounds = [path.read_bytes() for path in sorted(CORPUS.iterdir())]
    for name, ssrc in ssrcs.items():
        compounds = [compound.replace(name, ssrc.to_bytes(4, "big")) for compound in compounds]
    chance = random.Random(5)
    yield from compounds
    for _ in range(SPOILED):
        yield spoil(compounds, chance)


async def feed(peer, compounds: Iterator[bytes]) -> None:
    """Hand over what was decrypted, as the transport does."""
    for compound in compounds:
        peer._connection._take_compound(compound)
        async with asyncio.timeout(5):
            while not peer._connection._compounds.empty():
                await asyncio.sleep(0)


async def test_hostile_reports_and_requests_stop_nothing(pair, camera_of):
    video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
    audio = pair.a.add_out("audio", "opus", stream_id="S", track_id="U")
    rates = []
    video.on_bitrate = rates.append
    await pair.negotiate()
    await pair.connected()
    async with camera_of(video):
        await pair.heard.until(lambda: len(pair.heard.frames["T"]) >= 5)
        ssrcs = {b"VIDE": video._port.ssrcs[0], b"AUDI": audio._port.ssrcs[0], b"THEM": 7}
        await feed(pair.a, hostile(ssrcs))
        # and who receives hears of its sender what makes no sense
        await feed(pair.b, hostile({b"THEM": video._port.ssrcs[0], b"VIDE": 7, b"AUDI": 8}))
        before = len(pair.heard.frames["T"])
        await pair.heard.until(lambda: len(pair.heard.frames["T"]) > before + 10)
    assert rates
    assert pair.a.state == pair.b.state == "connected"
    assert not pair.a._task.done()
    assert not pair.b._task.done()


async def test_hostile_media_stops_nothing_in_python(pair_of, camera_of):
    """For the native engine tests/fuzz does that."""
    async with pair_of("pure", "pure") as pair:
        video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
        await pair.negotiate()
        await pair.connected()
        transport, seen = pair.b._connection._dtls, []
        handle = transport._handle_rtp_data

        async def noted(data: bytes, arrival_time_ms: int) -> None:
            seen.append(data)
            await handle(data, arrival_time_ms)

        transport._handle_rtp_data = noted
        async with camera_of(video):
            await pair.heard.until(lambda: len(pair.heard.frames["T"]) >= 10)
            chance, honest = random.Random(6), list(seen)
            for number in range(4 * SPOILED):
                with contextlib.suppress(*_STUMBLES):
                    await handle(spoil(honest, chance), number)
            before = len(pair.heard.frames["T"])
            await pair.heard.until(lambda: len(pair.heard.frames["T"]) > before + 10)
        assert pair.b.state == "connected"
        assert not pair.b._task.done()
