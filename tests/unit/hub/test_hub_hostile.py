import asyncio
import time
from types import SimpleNamespace

import aiohttp
import pytest
from livekit.protocol import models, rtc

from appliance.hub.counters import Counters
from appliance.hub.room import Room
from appliance.hub.subscriber import Subscriber


async def test_bytes_without_sense_are_counted_and_at_last_end_the_session(enter, hub):
    eve = await enter("eve")
    for _ in range(5):
        await eve.socket.send_bytes(b"\xff\xff\xff\xff")
    await eve.socket.send_str("text")
    await hub.refused("message", 6)
    assert (await hub.health())["participants"] == 1
    for _ in range(20):
        await eve.socket.send_bytes(b"\xff")
    await eve.until(lambda: eve.of("leave"))


@pytest.mark.parametrize("sdp", ["", "v=0\r\n", "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n", "x" * 300_000])
async def test_a_hostile_description_is_refused_and_the_others_hear_nothing_of_it(enter, hub, sdp):
    eve, ada = await enter("eve"), await enter("ada")
    await eve.send(offer=rtc.SessionDescription(type="offer", sdp=sdp))
    await hub.refused("description")
    await eve.send(ping_req=rtc.Ping(timestamp=1))
    await eve.until(lambda: eve.of("pong_resp"))
    assert not ada.of("leave")


async def test_a_hostile_answer_ends_only_the_session_that_gave_it(enter, hub):
    ada = await enter("ada")
    token = hub.token("eve")
    socket = await hub.web.ws_connect(f"{hub.url}/rtc?access_token={token}")
    answered = False
    async for message in socket:
        response = rtc.SignalResponse.FromString(message.data)
        if response.WhichOneof("message") == "offer":
            bad = rtc.SessionDescription(type="answer", sdp="v=0\r\nnonsense", id=response.offer.id)
            await socket.send_bytes(rtc.SignalRequest(answer=bad).SerializeToString())
            answered = True
    assert answered
    await hub.refused("description")
    assert not ada.of("leave")


@pytest.mark.parametrize(
    "candidate", ["", "nonsense", '{"candidate":1}', '{"candidate":"candidate:' + "x" * 5000 + '"}']
)
async def test_hostile_candidates_change_nothing(enter, candidate):
    eve = await enter("eve")
    for target in (rtc.SignalTarget.PUBLISHER, rtc.SignalTarget.SUBSCRIBER):
        await eve.send(trickle=rtc.TrickleRequest(candidateInit=candidate, target=target))
    await eve.send(ping_req=rtc.Ping(timestamp=1))
    await eve.until(lambda: eve.of("pong_resp"))


async def test_more_tracks_than_bearable_are_refused(enter):
    eve = await enter("eve")
    for i in range(12):
        await eve.send(add_track=rtc.AddTrackRequest(cid=f"c{i}", type=models.TrackType.VIDEO))
    await eve.until(lambda: len(eve.of("track_published")) + len(eve.of("request_response")) == 12)
    assert len(eve.of("request_response")) == 4


async def test_a_track_whose_id_is_endless_is_refused_and_nothing_of_it_sent_back(enter, hub):
    eve = await enter("eve", can_publish=False)
    long = "x" * 100_000
    for track in ({"cid": long}, {"cid": "c", "simulcast_codecs": [rtc.SimulcastCodec(cid=long)]}):
        await eve.send(add_track=rtc.AddTrackRequest(type=models.TrackType.VIDEO, **track))
    await hub.refused("message", 2)
    await eve.send(add_track=rtc.AddTrackRequest(cid="c", name=long, type=models.TrackType.VIDEO))
    await eve.until(lambda: eve.of("request_response"))
    assert [answer.add_track for answer in eve.of("request_response")] == [rtc.AddTrackRequest(cid="c")]


async def test_what_somebody_says_of_itself_is_bounded_in_all(enter, hub):
    eve, ada = await enter("eve"), await enter("ada")

    async def say(**attributes):
        await eve.send(update_metadata=rtc.UpdateParticipantMetadata(attributes=attributes))

    def said():
        told = [person for update in ada.of("update") for person in update.participants if person.identity == "eve"]
        return dict(told[-1].attributes) if told else {}

    await say(a="x" * 3000)
    await say(b="x" * 3000)
    await hub.refused("message")
    await say(a="", c="x" * 3000)
    await ada.until(lambda: "c" in said())
    assert said() == {"c": "x" * 3000}


async def test_who_may_not_publish_does_not(enter):
    eve = await enter("eve", can_publish=False)
    await eve.send(add_track=rtc.AddTrackRequest(cid="c", type=models.TrackType.VIDEO))
    await eve.until(lambda: eve.of("request_response"))
    assert eve.of("request_response")[0].reason == rtc.RequestResponse.Reason.NOT_ALLOWED


async def test_somebody_elses_track_cannot_be_unmuted(enter, hub):
    eve = await enter("eve")
    await eve.send(mute=rtc.MuteTrackRequest(sid="TR_of_somebody_else", muted=False))
    await hub.refused("message")


async def test_a_speaker_list_forged_as_data_is_not_passed_on(enter, hub):
    eve, ada = await enter("eve"), await enter("ada")
    channel = await eve.open_channel("_reliable")
    forged = models.ActiveSpeakerUpdate(speakers=[models.SpeakerInfo(sid="PA_ada", active=True)])
    channel.send(models.DataPacket(speaker=forged).SerializeToString())
    channel.send(b"\xff\xff")
    await hub.refused("data", 2)
    assert not ada.messages


async def test_a_signal_longer_than_bearable_ends_the_session(enter):
    eve = await enter("eve")
    await eve.socket.send_bytes(bytes(600_000))
    async with asyncio.timeout(5):
        await eve.gone.wait()
    assert eve.socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG


async def test_a_flood_of_signals_is_stopped(enter, hub):
    eve = await enter("eve")
    for i in range(300):
        await eve.send(ping_req=rtc.Ping(timestamp=i))
    await hub.refused("message")


async def test_a_mistake_in_one_session_ends_that_one_alone(enter, hub, monkeypatch):
    ada, eve = await enter("ada"), await enter("eve")
    eves = eve.join.participant.sid
    adapt = Subscriber.adapt

    def mistaken(self, now):
        if self._name == eves:
            raise KeyError(eves)
        adapt(self, now)

    monkeypatch.setattr(Subscriber, "adapt", mistaken)
    async with asyncio.timeout(5):
        await eve.gone.wait()
    await hub.healthy(lambda health: health["participants"] == 1)
    await ada.send(ping_req=rtc.Ping(timestamp=1))
    await ada.until(lambda: ada.of("pong_resp"))


def test_nothing_of_who_is_gone_is_heard_or_passed_on():
    room, told = Room("atrium", places=12, counters=Counters()), []

    def send_data(data, *, reliable):
        told.append(data)

    listener = SimpleNamespace(send_data=send_data)
    room.sessions["bob"] = SimpleNamespace(identity="bob", sid="PA_bob", subscriber=listener)
    room.sessions["ada"] = SimpleNamespace(identity="ada", sid="PA_ada", subscriber=listener)
    older = SimpleNamespace(identity="ada", sid="PA_older")
    data = models.DataPacket(user=models.UserPacket(payload=b"boo")).SerializeToString()
    for session in (older, room.sessions["ada"]):
        for _ in range(20):
            room.heard(session, 10)
        room.deliver(session, data, reliable=True)
    assert [models.DataPacket.FromString(each).participant_sid for each in told] == ["PA_ada"]
    assert [speaker.sid for speaker in room._speakers.changes(time.monotonic())] == ["PA_ada"]
