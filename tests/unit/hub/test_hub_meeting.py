import aiohttp
import pytest
from livekit.protocol import models, rtc
from wire import Weather, wire

from appliance.hub.server import HubSettings
from appliance.media.rtc.outgoing import OutgoingStream

Reason = models.DisconnectReason


def tracks_of(client, identity):
    infos = [p for update in client.of("update") for p in update.participants if p.identity == identity]
    return {track.sid: track for track in infos[-1].tracks} if infos else {}


async def test_who_joins_is_told_of_the_room_and_of_everybody_in_it(enter):
    ada = await enter("ada")
    bob = await enter("bob")
    assert ada.join.room.name == "atrium"
    assert ada.join.participant.identity == "ada"
    assert ada.join.subscriber_primary
    assert not ada.join.ice_servers
    assert [(p.identity, p.name) for p in bob.join.other_participants] == [("ada", "Ada")]
    await ada.until(lambda: [p.identity for u in ada.of("update") for p in u.participants] == ["bob"])


async def test_rooms_know_nothing_of_each_other(enter, hub):
    await enter("ada", "atrium")
    bob = await enter("bob", "cellar")
    assert not bob.join.other_participants
    assert (await hub.health())["rooms"] == 2


async def test_picture_and_sound_reach_the_others_unchanged(enter, feeding):
    ada, bob = await enter("ada"), await enter("bob")
    camera = await ada.publish("video", "VP8", cid="cam", source=models.TrackSource.CAMERA, width=640, height=360)
    microphone = await ada.publish("audio", "opus", cid="mic", source=models.TrackSource.MICROPHONE)
    async with feeding(camera), feeding(microphone, level=20):
        await bob.until(lambda: len(bob.frames) == 2 and all(len(f) > 5 for f in bob.frames.values()))
    published = tracks_of(bob, "ada")
    assert {f"{ada.join.participant.sid}|{sid}" for sid in published} == set(bob.frames)
    video = next(t for t in published.values() if t.type == models.TrackType.VIDEO)
    assert (video.width, video.height, video.mime_type) == (640, 360, "video/VP8")
    frames = bob.frames[f"{ada.join.participant.sid}|{video.sid}"]
    assert frames[0].keyframe
    assert frames[1].data == b"\x01" + bytes(400)
    assert not ada.frames


async def test_who_comes_later_sees_what_was_there_before(enter, feeding):
    ada = await enter("ada")
    camera = await ada.publish("video", "H264", cid="cam")
    async with feeding(camera):
        bob = await enter("bob")
        await bob.until(lambda: any(len(f) > 3 for f in bob.frames.values()))
    first = next(iter(bob.frames.values()))[0]
    assert (first.codec, first.keyframe) == ("H264", True)


async def test_a_key_frame_wanted_by_a_subscriber_comes_from_the_publisher(enter, feeding):
    ada, bob = await enter("ada"), await enter("bob")
    camera = await ada.publish("video", "VP8", cid="cam")
    async with feeding(camera):
        await bob.until(lambda: any(len(f) > 5 for f in bob.frames.values()))
        frames = next(iter(bob.frames.values()))
        keys = sum(f.keyframe for f in frames)
        next(iter(bob.streams.values())).request_keyframe()
        await bob.until(lambda: sum(f.keyframe for f in frames) > keys)


async def test_several_who_want_key_frames_cost_the_publisher_one_a_second(enter, feeding):
    ada, *others = [await enter(name) for name in ("ada", "bob", "cleo", "dan")]
    camera = await ada.publish("video", "VP8", cid="cam")
    async with feeding(camera):
        for other in others:
            await other.until(lambda other=other: any(len(frames) > 60 for frames in other.frames.values()))
        make, asked = camera.on_keyframe_request, []

        def counted():
            asked.append(True)
            make()

        camera.on_keyframe_request = counted
        for other in others:
            (frames,) = other.frames.values()
            frames.clear()
            (stream,) = other.streams.values()
            stream.request_keyframe()
            await other.until(lambda frames=frames: len(frames) > 5)
        for other in others:
            (frames,) = other.frames.values()
            await other.until(lambda frames=frames: len(frames) > 80)
            assert sum(frame.keyframe for frame in frames) >= 1
    assert len(asked) == 2, "the first at once, those of the two others together when it is a second old"


async def test_what_others_lose_is_repaired_by_the_hub_and_not_asked_of_the_publisher(enter, feeding, monkeypatch):
    monkeypatch.setenv("SALON_RTP", "pure")
    asked, is_new = {}, OutgoingStream.is_new_request

    def counted(self, sequence):
        asked.setdefault(self, set()).add(sequence)
        return is_new(self, sequence)

    monkeypatch.setattr(OutgoingStream, "is_new_request", counted)
    async with wire(1) as to_bob, wire(2) as to_cleo:
        ada, bob, cleo = await enter("ada"), await enter("bob", through=to_bob), await enter("cleo", through=to_cleo)
        camera = await ada.publish("video", "VP8", cid="cam")
        async with feeding(camera, size=3000):
            for other, way in ((bob, to_bob), (cleo, to_cleo)):
                await other.until(lambda other=other: any(other.frames.values()))
                way.to_b.weather = Weather(lost=5)
            for other in (bob, cleo):
                (frames,) = other.frames.values()
                frames.clear()
                await other.until(lambda frames=frames: len(frames) > 100)
    assert len(asked) == 2
    assert camera._port not in asked


async def test_a_mute_is_told_to_everybody(enter, feeding):
    ada, bob = await enter("ada"), await enter("bob")
    microphone = await ada.publish("audio", "opus", cid="mic")
    async with feeding(microphone):
        await bob.until(lambda: tracks_of(bob, "ada"))
        sid = next(iter(tracks_of(bob, "ada")))
        await ada.send(mute=rtc.MuteTrackRequest(sid=sid, muted=True))
        await bob.until(lambda: tracks_of(bob, "ada")[sid].muted)


async def test_who_speaks_is_told_and_who_ceases_as_well(enter, feeding):
    ada, bob = await enter("ada"), await enter("bob")
    microphone = await ada.publish("audio", "opus", cid="mic")
    async with feeding(microphone, level=15):
        await bob.until(lambda: bob.of("speakers_changed"))
        speaker = bob.of("speakers_changed")[0].speakers[0]
        assert (speaker.sid, speaker.active) == (ada.join.participant.sid, True)
        assert speaker.level > 0.2
    async with feeding(microphone, level=127):
        await bob.until(lambda: not bob.of("speakers_changed")[-1].speakers[0].active)


async def test_a_stream_that_ends_disappears_and_its_line_serves_the_next(enter, feeding):
    ada, bob = await enter("ada"), await enter("bob")
    first = await ada.publish("video", "VP8", cid="cam")
    async with feeding(first):
        await bob.until(lambda: any(bob.frames.values()))
    ada.publisher.remove_out(first)
    await ada.offer()
    await bob.until(lambda: not tracks_of(bob, "ada"))
    second = await ada.publish("video", "VP8", cid="cam2")
    async with feeding(second):
        await bob.until(lambda: len(bob.frames) == 2 and all(bob.frames.values()))


async def test_data_reaches_the_others_and_says_who_it_is_from(enter):
    ada, bob, cyd = await enter("ada"), await enter("bob"), await enter("cyd")
    channel = await ada.open_channel("_reliable")
    lie = models.UserPacket(payload=b"hello", participant_identity="eve", topic="chat")
    to_all = models.DataPacket(user=lie, participant_identity="eve")
    to_bob = models.DataPacket(user=models.UserPacket(payload=b"psst"), destination_identities=["bob"])
    channel.send(to_bob.SerializeToString())
    channel.send(to_all.SerializeToString())
    await bob.until(lambda: len(bob.messages) == 2)
    await cyd.until(lambda: len(cyd.messages) == 1)
    assert [m.user.payload for m in bob.messages] == [b"psst", b"hello"]
    assert {m.participant_identity for m in bob.messages} == {"ada"}
    assert cyd.messages[0].user.participant_identity == "ada"
    assert not ada.messages


async def test_only_what_was_asked_for_is_sent(enter, feeding):
    ada, bob = await enter("ada"), await enter("bob", query="&auto_subscribe=0")
    camera = await ada.publish("video", "VP8", cid="cam")
    async with feeding(camera):
        await bob.until(lambda: tracks_of(bob, "ada"))
        assert not bob.frames
        sid = next(iter(tracks_of(bob, "ada")))
        await bob.send(subscription=rtc.UpdateSubscription(track_sids=[sid], subscribe=True))
        await bob.until(lambda: any(bob.frames.values()))
        await bob.send(track_setting=rtc.UpdateTrackSettings(track_sids=[sid], disabled=True))
        await bob.send(ping_req=rtc.Ping(timestamp=5))
        await bob.until(lambda: bob.of("pong_resp"))
        frames = next(iter(bob.frames.values()))
        frames.clear()
        await bob.send(track_setting=rtc.UpdateTrackSettings(track_sids=[sid], disabled=False))
        await bob.until(lambda: any(f.keyframe for f in frames))


async def test_the_same_person_joining_again_replaces_the_older(enter, hub):
    old = await enter("ada")
    bob = await enter("bob")
    new = await enter("ada")
    await old.until(lambda: old.of("leave"))
    assert old.of("leave")[0].reason == Reason.DUPLICATE_IDENTITY
    assert [p.identity for p in new.join.other_participants] == ["bob"]
    gone = (old.join.participant.sid, models.ParticipantInfo.State.DISCONNECTED)
    await bob.until(lambda: gone in [(p.sid, p.state) for u in bob.of("update") for p in u.participants])
    assert (await hub.health())["participants"] == 2


async def test_who_leaves_is_gone_and_the_empty_room_is_freed(enter, hub):
    ada, bob = await enter("ada"), await enter("bob")
    await bob.send(leave=rtc.LeaveRequest())
    await ada.until(
        lambda: any(
            p.state == models.ParticipantInfo.State.DISCONNECTED for u in ada.of("update") for p in u.participants
        )
    )
    await ada.socket.close()
    await hub.healthy(lambda health: health["rooms"] == 0)


async def test_a_thirteenth_participant_is_told_that_the_room_is_full(enter, hub):
    for i in range(12):
        await enter(f"p{i}")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await enter("late")
    assert refused.value.status == 503
    assert (await hub.health())["refused"] == {"full": 1}
    # somebody who is in already may come again
    await enter("p3")


async def test_a_seventeenth_meeting_is_told_that_the_hub_is_full_and_not_the_meeting(enter, hub):
    for i in range(16):
        await enter("ada", f"room{i}")
    async with hub.web.get(f"{hub.url}/rtc/validate?access_token={hub.token('bob', 'room16')}") as answer:
        assert (answer.status, "meetings" in await answer.text()) == (507, True)
    await enter("bob", "room3")


async def test_the_owner_sets_how_many_fit_in(run, tmp_path):
    async with run(HubSettings(port=0, max_participants=1), tmp_path) as hub:
        await hub.web.ws_connect(f"{hub.url}/rtc?access_token={hub.token('ada')}")
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await hub.web.ws_connect(f"{hub.url}/rtc?access_token={hub.token('bob')}")
        assert refused.value.status == 503


async def test_a_resume_is_answered_with_join_anew(hub):
    socket = await hub.web.ws_connect(f"{hub.url}/rtc?access_token={hub.token('ada')}&reconnect=1&sid=PA_x")
    response = rtc.SignalResponse.FromString((await socket.receive(5)).data)
    assert response.leave.action == rtc.LeaveRequest.Action.RECONNECT
    await socket.close()


async def test_a_name_can_be_changed_and_is_kept_short(enter):
    ada, bob = await enter("ada"), await enter("bob")
    await ada.send(
        update_metadata=rtc.UpdateParticipantMetadata(name="Ada\u202e\n  Lovelace" + "x" * 500, request_id=3)
    )
    await bob.until(lambda: any(p.name.startswith("Ada Love") for u in bob.of("update") for p in u.participants))
    names = [p.name for u in bob.of("update") for p in u.participants if p.identity == "ada"]
    assert len(names[-1]) == 64
    assert names[-1].isprintable()
    await ada.until(lambda: ada.of("request_response"))
    assert ada.of("request_response")[0].request_id == 3
