"""An m-line that sends one picture in several sizes."""

import asyncio
import re

import pytest
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpSendParameters
from aiortc.rtp import RTCP_RTPFB_NACK, HeaderExtensionsMap, RtcpRtpfbPacket, RtpPacket

from appliance.media.rtc import simulcast
from appliance.media.rtc.frames import EncodedFrame

RIDS = ("q", "h", "f")


@pytest.fixture(params=["pure", "native"])
async def pair(request, pair_of):
    """Whoever sends; the packets are read in Python."""
    async with pair_of(request.param, "pure") as made:
        yield made


def taking_one(answer):
    """Return our answer, which takes all layers, as one of a server that takes the best."""
    answer = re.sub(r"a=rid:[qh] recv\r\n", "", answer)
    return answer.replace("a=simulcast:recv q;h;f", "a=simulcast:recv f")


def frame(rid, number, key=True):
    return EncodedFrame("VP8", number * 3000, 90_000, (b"\x00" if key else b"\x01") + bytes(2000), key, layer=rid)


class Wiretap:
    """Reads the packets that arrive at a peer."""

    def __init__(self, peer, *, lose=()):
        self.packets = []
        self._lose = set(lose)
        transport = peer._connection._dtls
        self._map, self._deliver = HeaderExtensionsMap(), transport._handle_rtp_data
        ids = {1: "urn:ietf:params:rtp-hdrext:sdes:mid", simulcast.RID_ID: simulcast.RID}
        ids[simulcast.REPAIRED_RID_ID] = simulcast.REPAIRED_RID
        self._map.configure(
            RTCRtpSendParameters(
                headerExtensions=[RTCRtpHeaderExtensionParameters(id=number, uri=uri) for number, uri in ids.items()]
            )
        )
        vars(transport)["_handle_rtp_data"] = self._read

    async def _read(self, data, arrival_time_ms):
        packet = RtpPacket.parse(data, self._map)
        self.packets.append(packet)
        await self._deliver(data, arrival_time_ms)

    def rids(self):
        return {p.extensions.rtp_stream_id: p.ssrc for p in self.packets if p.extensions.rtp_stream_id}


async def test_the_offer_names_the_layers_and_no_ssrc(pair):
    pair.a.add_out("video", "H264", stream_id="S", track_id="T", layers=RIDS)
    offer = await pair.a.offer()
    assert [line for line in offer.splitlines() if line.startswith(("a=rid:", "a=simulcast:"))] == [
        "a=rid:q send",
        "a=rid:h send",
        "a=rid:f send",
        "a=simulcast:send q;h;f",
    ]
    assert "a=ssrc" not in offer


async def test_each_layer_has_a_stream_of_its_own_that_says_which_it_is(pair):
    video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T", layers=RIDS)
    wanted = []
    video.on_keyframe_request = lambda: wanted.append(1)
    await pair.negotiate()
    await pair.connected()
    assert video.simulcast
    tap = Wiretap(pair.b)
    await _send_until(video, lambda: set(tap.rids()) == set(RIDS))
    assert len(set(tap.rids().values())) == 3
    assert {p.extensions.mid for p in tap.packets} == {video.mid}
    assert wanted
    assert video.stats().frames >= 3


async def test_a_repair_says_of_which_layer_it_is(pair):
    video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T", layers=RIDS)
    await pair.negotiate()
    await pair.connected()
    tap = Wiretap(pair.b)
    await _send_until(video, lambda: "h" in tap.rids())
    lost = next(p for p in tap.packets if p.extensions.rtp_stream_id == "h")
    request = RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=lost.ssrc, lost=[lost.sequence_number])
    await pair.b._connection.send_rtcp(bytes(request))
    await _send_until(video, lambda: any(p.extensions.repaired_rtp_stream_id == "h" for p in tap.packets))
    repair = next(p for p in tap.packets if p.extensions.repaired_rtp_stream_id == "h")
    assert (repair.extensions.rtp_stream_id, repair.payload[2:]) == (None, lost.payload)


async def test_a_key_frame_of_a_layer_that_is_not_sent_is_not_asked_of_the_others(pair):
    video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T", layers=RIDS)
    await pair.negotiate()
    wanted = []
    video.on_keyframe_request = lambda: wanted.append(1)
    video.keyframe_requested("f")
    assert len(wanted) == 1, "nothing is sent yet"
    video.send(frame("q", 0))
    video.keyframe_requested("f")
    assert len(wanted) == 1
    video.keyframe_requested("q")
    assert len(wanted) == 2


async def test_who_takes_one_layer_gets_the_best_and_no_other(pair):
    video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T", layers=RIDS)
    await pair.a.accept_answer(taking_one(await pair.b.accept_offer(await pair.a.offer())))
    await pair.connected()
    assert not video.simulcast
    tap = Wiretap(pair.b)
    await _send_until(video, lambda: len(pair.heard.frames["T"]) >= 3, rids=("",))
    assert set(tap.rids()) == {"f"}


async def test_who_knows_no_simulcast_gets_a_plain_stream(pair):
    video = pair.a.add_out("video", "VP8", stream_id="S", track_id="T", layers=RIDS)
    plain = [line for line in (await pair.a.offer()).splitlines() if "rid:" not in line and "simulcast" not in line]
    plain = [line for line in plain if simulcast.RID not in line and simulcast.REPAIRED_RID not in line]
    await pair.a.accept_answer(await pair.b.accept_offer("\r\n".join(plain) + "\r\n"))
    await pair.connected()
    assert not video.simulcast
    await _send_until(video, lambda: len(pair.heard.frames["T"]) >= 3, rids=("",))


def test_only_what_an_answer_takes_now_counts():
    assert simulcast.accepted(["m=video 9 x", "a=simulcast:recv q;~h;f"]) == ("q", "f")
    assert simulcast.accepted(["m=video 9 x", "a=simulcast:send q"]) == ()
    assert simulcast.accepted(["m=video 9 x", "a=simulcast:recv"]) == ()
    assert simulcast.accepted(["m=video 9 x"]) == ()


async def _send_until(video, condition, *, rids=RIDS):
    async with asyncio.timeout(20):
        number = 0
        while not condition():
            for rid in rids:
                video.send(frame(rid, number))
            number += 1
            await asyncio.sleep(0.02)
