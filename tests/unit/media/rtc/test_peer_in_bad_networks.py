"""What a bad network and broken senders do to a connection: the picture comes back, and the call goes on."""

import random

import pytest
from vp8_sender import numbers
from wire import FOUL, Weather, wire


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ends", ["pure pure", "native native", "pure native", "native pure"])
async def test_the_picture_survives_a_bad_network(pair_of, camera_of, ends, seed):
    """Loss, reordering, duplicates and spoiled packets: frames come whole, in order, and hardly any is missing."""
    async with wire(seed) as network, pair_of(*ends.split()) as pair:
        video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
        await pair.negotiate(network)
        await pair.connected()
        async with camera_of(video) as camera:
            await pair.heard.until(lambda: pair.heard.frames["T"])
            network.to_b.weather = network.to_a.weather = FOUL
            await pair.heard.until(lambda: camera.sent >= 150)
        seen = numbers(pair.heard.frames["T"])
        assert seen == sorted(set(seen))
        assert all(len(frame.data) == 3005 for frame in pair.heard.frames["T"])
        assert len(seen) >= 0.9 * (camera.sent - seen[0]), "too many frames were lost for good"
        # a hole is held open for 150 ms at least; in a network of 5 % loss nothing but a stalled wire lasts longer
        assert pair.heard.streams["T"].stats().skips <= 1 + network.stalls


async def test_losses_alone_make_no_receiver_speak_of_a_narrow_network(pair_of, packets, camera_of, monkeypatch):
    """The sender numbers its packets and knows better; what is told by REMB would only bind it to what came."""
    async with wire(0) as network, pair_of(packets, packets) as pair:
        video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
        await pair.negotiate(network)
        await pair.connected()
        sending, told = pair.a._connection.sending, []
        monkeypatch.setattr(sending, "bounded", told.append)
        async with camera_of(video):
            network.to_b.weather = Weather(lost=15)
            await pair.heard.until(lambda: len(told) >= 4)
        assert min(told) == pytest.approx(4_000_000, rel=0.01)


def begin_anew(peer, ssrc):
    """Let a peer's sender go on under another SSRC, as one that was started again."""
    sender = peer._connection.getSenders()[0]
    sender._ssrc = ssrc
    # aiortc answers requests by SSRC, so the new one must be known as the sender's
    peer._connection._dtls._rtp_router.senders[ssrc] = sender


async def test_another_ssrc_on_the_same_line_goes_on_with_a_key_frame(pair_of, packets, camera_of):
    async with pair_of("pure", packets) as pair:
        video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
        await pair.negotiate()
        await pair.connected()
        async with camera_of(video):
            await pair.heard.until(lambda: len(pair.heard.frames["T"]) >= 10)
            begin_anew(pair.a, 4242)
            before = len(pair.heard.frames["T"])
            await pair.heard.until(lambda: len(pair.heard.frames["T"]) >= before + 20)
        assert sum(frame.keyframe for frame in pair.heard.frames["T"][before:]) == 1
        seen = numbers(pair.heard.frames["T"])
        assert seen == sorted(set(seen))


async def test_a_sender_that_begins_anew_again_and_again_in_a_bad_network_is_seen_each_time(
    pair_of, packets, camera_of
):
    async with wire(5) as network, pair_of("pure", packets) as pair:
        video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
        await pair.negotiate(network)
        await pair.connected()
        frames = pair.heard.frames["T"]
        async with camera_of(video) as camera:
            await pair.heard.until(lambda: len(frames) >= 10)
            network.to_b.weather = Weather(lost=5, late=5, twice=5)
            for ssrc in (4242, 4243, 4244):
                begin_anew(pair.a, ssrc)
                first = camera.sent
                await pair.heard.until(lambda at=first: numbers(frames)[-1] >= at + 20)
                since = [frame for frame, number in zip(frames, numbers(frames), strict=True) if number >= first]
                assert since[0].keyframe
        seen = numbers(frames)
        assert seen == sorted(set(seen))


def spoil(packet, chance):
    """Change a byte of VP8's descriptor, with which an RTP packet's payload begins, or break off in it."""
    begin = 12 + (4 + 4 * int.from_bytes(packet[14:16], "big") if packet[0] & 0x10 else 0)
    if chance.random() < 0.5:
        return packet[:begin] + b"\x80"
    at = begin + chance.randrange(4)
    return packet[:at] + bytes([packet[at] ^ chance.randrange(1, 256)]) + packet[at + 1 :]


async def test_what_was_spoiled_before_it_was_protected_costs_pictures_and_not_the_call(pair_of, packets, camera_of):
    """A sender of nonsense: it passes SRTP's check, and reaches what makes frames of packets."""
    async with pair_of("pure", packets) as pair:
        video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
        await pair.negotiate()
        await pair.connected()
        sending, chance, spoiled = pair.a._connection.sending, random.Random(3), []
        put = sending._send

        async def put_spoiled(packet):
            if chance.random() < 0.1:
                packet = spoil(packet, chance)
                spoiled.append(packet)
            await put(packet)

        frames = pair.heard.frames["T"]
        async with camera_of(video) as camera:
            await pair.heard.until(lambda: len(frames) >= 10)
            sending._send = put_spoiled
            await pair.heard.until(lambda: camera.sent >= 150)
            sending._send = put
            healed = camera.sent
            await pair.heard.until(lambda: whole(frames[-50:], healed))
        assert len(spoiled) > 20
        assert pair.b.state == "connected"
        # what made no sense was asked for again
        assert len(frames) > 0.9 * camera.sent


def whole(frames, first):
    """Whether these are pictures one after the other, as they were taken, from the first on."""
    seen = numbers(frames)
    return (
        seen == list(range(seen[0], seen[0] + len(seen)))
        and seen[0] >= first
        and all(len(frame.data) == 3005 for frame in frames)
    )


# An abs-send-time of one byte, at which aiortc's parser raises struct.error; padding longer than its packet.
_SPOILED = {"pure": (0x90, b"\xbe\xde\x00\x01\x30\x00\x00\x00frame"), "native": (0xA0, b"frame\xff")}


async def test_a_malformed_packet_is_lost_and_not_the_connection(pair_of, packets, camera_of):
    async with pair_of("pure", packets) as pair:
        video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T")
        await pair.negotiate()
        await pair.connected()
        flags, rest = _SPOILED[packets]
        async with camera_of(video):
            for i in range(5):
                head = bytes([flags, 0x60, 0, i]) + bytes(4) + (77).to_bytes(4, "big")
                await pair.a._connection._dtls._send_rtp(head + rest)
            await pair.heard.until(lambda: len(pair.heard.frames["T"]) >= 5)
        connection = pair.b._connection
        counted = connection if connection.native is None else connection.native.count()
        assert counted.malformed >= 5
        assert pair.b.state == "connected"
