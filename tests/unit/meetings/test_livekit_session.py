"""The LiveKit client against a server in miniature: real sockets, real connections, scripted words."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from livekit.protocol import models, rtc
from livekit_double import livekit_double

from appliance.media.rtc.frames import EncodedFrame
from appliance.meetings import livekit_stay
from appliance.meetings.livekit import LiveKit
from appliance.meetings.provider import (
    Bound,
    Closed,
    Joined,
    JoinFailed,
    JoinSpec,
    Opened,
    RosterChanged,
    Slot,
    SpeakersChanged,
    Unbound,
)
from appliance.state.layout import Layout, PersonId, Source, Tile
from appliance.state.room import Limits

PERSON = PersonId("guest")
CAMERA = "TR_cam"


@pytest.fixture
async def server():
    async with livekit_double() as double:
        yield double


class Visit:
    def __init__(self, link):
        self.session = LiveKit(identity="room").session(JoinSpec(link, "Board room"))
        self.events = []
        self.news = asyncio.Event()

    def tell(self, event):
        self.events.append(event)
        self.news.set()

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, condition):
        async with asyncio.timeout(10):
            while not condition():
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def visiting(server, **muted):
    visit = Visit(server.link)
    for slot, is_muted in muted.items():
        visit.session.set_muted(Slot(slot), muted=is_muted)
    task = asyncio.create_task(visit.session.run(visit.tell), name="visit")
    visit.task = task
    task.add_done_callback(lambda _: visit.news.set())
    try:
        await visit.until(lambda: visit.of(Joined) or task.done())
        yield visit
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def shown(width=640, height=360):
    return Layout(1, 1920, 1080, (Tile(PERSON, Source.CAMERA, 0, 0, width, height),))


async def test_joining_tells_who_is_there(server):
    server.others = [server.guest(name="Ann", mic_muted=True)]
    async with visiting(server) as visit:
        assert isinstance(visit.events[0], Joined)
        (person,) = visit.of(RosterChanged)[0].participants
        assert (person.id, person.name, person.mic_muted, person.camera_on) == ("guest", "Ann", True, True)
        assert server.query["access_token"] == "secret"
        assert server.query["protocol"] == "16"


async def test_the_room_publishes_both_streams_and_says_which_are_muted(server):
    async with visiting(server, microphone=True, camera=False) as visit:
        await visit.until(lambda: len(visit.of(Opened)) == 2)
        announced = {add.source: add.muted for add in server.asked("add_track")}
        assert announced == {models.TrackSource.MICROPHONE: True, models.TrackSource.CAMERA: False}
        outs = {opened.slot: opened.out for opened in visit.of(Opened)}
        await server.until(lambda: "audio" in server.received)
        heard = asyncio.Queue()
        server.received["audio"].on_frame = heard.put_nowait
        async with asyncio.timeout(10):
            while heard.empty():
                outs[Slot.MICROPHONE].send(EncodedFrame("opus", 960, 48000, b"sound"))
                await asyncio.sleep(0.02)
        assert heard.get_nowait().data == b"sound"


async def test_a_shared_screen_comes_and_goes_while_the_rest_goes_on(server):
    async with visiting(server, microphone=False, camera=False) as visit:
        await visit.until(lambda: len(visit.of(Opened)) == 2)
        for times in (1, 2):
            visit.session.set_sharing(sharing=True)
            await visit.until(lambda: len(visit.of(Opened)) == 2 + times)  # noqa: B023 - waited for here
            opened = visit.of(Opened)[-1]
            assert opened.slot is Slot.SCREEN
            added = server.asked("add_track")[-1]
            assert (added.source, added.muted) == (models.TrackSource.SCREEN_SHARE, False)
            seen = asyncio.Queue()
            server.received["video"].on_frame = seen.put_nowait
            async with asyncio.timeout(10):
                while seen.empty():
                    opened.out.send(EncodedFrame("VP8", 3000, 90000, bytes(10), keyframe=True))
                    await asyncio.sleep(0.02)
            visit.session.set_sharing(sharing=False)
            await visit.until(lambda: visit.of(Closed) == [Closed(Slot.SCREEN)] * times)  # noqa: B023
            await server.until(lambda: len(server.asked("offer")) == 1 + 2 * times)  # noqa: B023
            assert opened.out.closed
        assert [add.source for add in server.asked("add_track")[:2]] == [
            models.TrackSource.MICROPHONE,
            models.TrackSource.CAMERA,
        ]


async def test_a_screen_that_is_shared_before_the_room_is_in_is_published_with_the_rest(server):
    visit = Visit(server.link)
    visit.session.set_sharing(sharing=True)
    visit.task = asyncio.create_task(visit.session.run(visit.tell), name="visit")
    await visit.until(lambda: {opened.slot for opened in visit.of(Opened)} >= {Slot.SCREEN, Slot.CAMERA})
    visit.task.cancel()
    await asyncio.gather(visit.task, return_exceptions=True)


@pytest.mark.parametrize(
    ("enabled", "codec"), [((), "VP8"), (("video/VP8", "audio/opus"), "VP8"), (("video/vp8", "video/H264"), "H264")]
)
async def test_the_camera_is_published_as_h264_where_the_server_takes_it(server, enabled, codec):
    server.codecs = enabled
    async with visiting(server, camera=True) as visit:
        await visit.until(lambda: len(visit.of(Opened)) == 2)
        (camera,) = [opened.out for opened in visit.of(Opened) if opened.slot is Slot.CAMERA]
        (announced,) = [add for add in server.asked("add_track") if add.source == models.TrackSource.CAMERA]
        assert camera.codec == codec
        assert announced.simulcast_codecs[0].codec == codec.lower()
        assert f"{codec}/90000" in server.asked("offer")[0].sdp


async def test_the_camera_learns_which_layers_somebody_receives(server):
    quality = models.VideoQuality

    def qualities(*enabled):
        return [rtc.SubscribedQuality(quality=q, enabled=q in enabled) for q in (0, 1, 2)]

    async with visiting(server, camera=False) as visit:
        await visit.until(lambda: len(visit.of(Opened)) == 2)
        (camera,) = [opened.out for opened in visit.of(Opened) if opened.slot is Slot.CAMERA]
        assert camera.wanted is None

        async def told(**update):
            await server.say(subscribed_quality_update=rtc.SubscribedQualityUpdate(**update))
            # whatever else the server says is heard after it
            count = len(visit.of(SpeakersChanged))
            await server.say(speakers_changed=rtc.SpeakersChanged())
            await visit.until(lambda: len(visit.of(SpeakersChanged)) > count)
            return camera.wanted

        sid = "TR_salon-camera"
        assert await told(track_sid="TR_other", subscribed_qualities=qualities()) is None
        assert await told(track_sid=sid, subscribed_qualities=qualities(quality.LOW)) == {"q"}
        codecs = [
            rtc.SubscribedCodec(codec="av1", qualities=qualities()),
            rtc.SubscribedCodec(codec="vp8", qualities=qualities(quality.LOW, quality.HIGH)),
        ]
        assert await told(track_sid=sid, subscribed_codecs=codecs) == {"q", "f"}
        assert await told(track_sid=sid, subscribed_qualities=qualities()) == set()


async def test_muting_later_is_told_once(server):
    async with visiting(server, microphone=False, camera=False) as visit:
        await visit.until(lambda: visit.of(Opened))
        for muted in (True, True, False):
            visit.session.set_muted(Slot.MICROPHONE, muted=muted)
        await server.until(lambda: len(server.asked("mute")) == 2)
        assert [(mute.sid, mute.muted) for mute in server.asked("mute")] == [
            ("TR_salon-microphone", True),
            ("TR_salon-microphone", False),
        ]


async def test_a_guests_streams_are_bound_and_carry_frames(server):
    server.others = [server.guest()]
    async with visiting(server) as visit:
        await server.publish_guest()
        await visit.until(lambda: len(visit.of(Bound)) == 2)
        bound = {event.slot: event.media for event in visit.of(Bound)}
        assert server.asked("answer")[0].id == 7
        seen = asyncio.Queue()
        bound[Slot.CAMERA].on_frame = seen.put_nowait
        async with asyncio.timeout(10):
            while seen.empty():
                server.outs["video"].send(EncodedFrame("VP8", 0, 90000, b"\x10\x00\x00picture", keyframe=True))
                await asyncio.sleep(0.02)
        assert seen.get_nowait().data.endswith(b"picture")


async def test_streams_that_come_before_their_owner_is_known_wait_for_him(server):
    async with visiting(server) as visit:
        await server.publish_guest()
        assert visit.of(Bound) == []
        await server.say(update=rtc.ParticipantUpdate(participants=[server.guest()]))
        await visit.until(lambda: len(visit.of(Bound)) == 2)


async def test_streams_that_end_are_unbound(server):
    server.others = [server.guest()]
    async with visiting(server) as visit:
        await server.publish_guest()
        await visit.until(lambda: len(visit.of(Bound)) == 2)
        server._subscriber.remove_out(server.outs["video"])
        await server.offer()
        await visit.until(lambda: visit.of(Unbound))
        assert [(event.person, event.slot) for event in visit.of(Unbound)] == [("guest", Slot.CAMERA)]


async def test_only_what_the_layout_shows_is_asked_for_at_its_size(server, monkeypatch):
    monkeypatch.setattr(livekit_stay, "_GRACE_S", 0.0)
    server.others = [server.guest()]
    async with visiting(server) as visit:
        for layout in (shown(), shown(), shown(320, 180), Layout(2)):
            visit.session.set_layout(layout, Limits())
        await server.until(lambda: len(server.asked("track_setting")) >= 4)
        asked = [(s.track_sids[0], s.disabled, s.width, s.height) for s in server.asked("track_setting")]
        assert asked[-3:] == [(CAMERA, False, 640, 360), (CAMERA, False, 320, 180), (CAMERA, True, 0, 0)]


async def test_what_the_machine_cannot_bear_is_not_asked_for(server, monkeypatch):
    monkeypatch.setattr(livekit_stay, "_GRACE_S", 0.0)
    server.others = [server.guest()]
    async with visiting(server) as visit:
        for limits in (Limits(), Limits(fps=15), Limits(fps=15, height=180)):
            visit.session.set_layout(shown(), limits)
        await server.until(lambda: len(server.asked("track_setting")) >= 3)
        asked = [(s.width, s.height, s.fps) for s in server.asked("track_setting")]
        assert asked[-3:] == [(640, 360, 30), (640, 360, 15), (320, 180, 15)]


async def test_a_new_picture_is_not_switched_off_before_the_layout_could_follow(server):
    async with visiting(server) as visit:
        await server.say(update=rtc.ParticipantUpdate(participants=[server.guest()]))
        await visit.until(lambda: len(visit.of(RosterChanged)) == 2)
        visit.session.set_layout(shown(), Limits())
        await server.until(lambda: server.asked("track_setting"))
        assert [s.disabled for s in server.asked("track_setting")] == [False]


async def test_a_camera_that_goes_off_and_on_all_day_fills_no_memory(server, monkeypatch):
    monkeypatch.setattr(livekit_stay, "_GRACE_S", 0.0)
    guest = server.guest()
    async with visiting(server) as visit:
        for number in range(20):
            guest.tracks[0].sid = f"TR_{number}"
            await server.say(update=rtc.ParticipantUpdate(participants=[guest]))
        await server.until(lambda: any(s.track_sids == ["TR_19"] for s in server.asked("track_setting")))
        stay = visit.session._stay
        assert set(stay._asked) == set(stay._seen_at) == {"TR_19"}


async def test_who_speaks_is_told(server):
    server.others = [server.guest()]
    async with visiting(server) as visit:
        speaker = models.SpeakerInfo(sid="PA_guest", level=0.5, active=True)
        await server.say(speakers_changed=rtc.SpeakersChanged(speakers=[speaker]))
        await visit.until(lambda: visit.of(SpeakersChanged))
        assert visit.of(SpeakersChanged)[0].speakers == ("guest",)


@pytest.mark.parametrize(
    ("reason", "action", "retryable"),
    [
        (models.DisconnectReason.PARTICIPANT_REMOVED, rtc.LeaveRequest.DISCONNECT, False),
        (models.DisconnectReason.ROOM_DELETED, rtc.LeaveRequest.DISCONNECT, False),
        (models.DisconnectReason.DUPLICATE_IDENTITY, rtc.LeaveRequest.DISCONNECT, False),
        (models.DisconnectReason.SERVER_SHUTDOWN, rtc.LeaveRequest.DISCONNECT, True),
        (models.DisconnectReason.UNKNOWN_REASON, rtc.LeaveRequest.RECONNECT, True),
    ],
)
async def test_being_sent_away_ends_the_stay_for_good_only_when_meant_so(server, reason, action, retryable):
    async with visiting(server) as visit:
        await server.say(leave=rtc.LeaveRequest(reason=reason, action=action))
        ended = await visit.task
        assert ended.retryable is retryable
        assert ended.reason


async def test_a_server_that_dies_ends_the_stay_at_once(server):
    async with visiting(server) as visit:
        await server.hang_up()
        async with asyncio.timeout(5):
            ended = await visit.task
        assert ended.retryable


async def test_media_that_stops_while_somebody_sends_ends_the_stay(server, monkeypatch):
    monkeypatch.setattr(livekit_stay, "MEDIA_S", 0.3)
    monkeypatch.setattr(livekit_stay, "_LOOK_S", 0.1)
    server.others = [server.guest()]
    async with visiting(server) as visit:
        await server.publish_guest()
        await visit.until(lambda: len(visit.of(Bound)) == 2)
        for n in range(20):
            server.outs["audio"].send(EncodedFrame("opus", n * 960, 48000, b"sound"))
            await asyncio.sleep(0.02)
        async with asyncio.timeout(10):
            ended = await visit.task
        assert ended.reason == "picture and sound stopped coming"


async def test_silence_of_people_who_are_muted_is_no_trouble(server, monkeypatch):
    monkeypatch.setattr(livekit_stay, "MEDIA_S", 0.2)
    monkeypatch.setattr(livekit_stay, "_LOOK_S", 0.05)
    server.others = [server.guest()]
    async with visiting(server) as visit:
        await server.publish_guest()
        await visit.until(lambda: len(visit.of(Bound)) == 2)
        server.outs["audio"].send(EncodedFrame("opus", 0, 48000, b"sound"))
        quiet = server.guest(camera_muted=True, mic_muted=True)
        await server.say(update=rtc.ParticipantUpdate(participants=[quiet]))
        await asyncio.sleep(0.8)
        assert not visit.task.done()


async def test_leaving_says_goodbye(server):
    async with visiting(server) as visit:
        await visit.until(lambda: visit.of(Opened))
        visit.task.cancel()
        await asyncio.gather(visit.task, return_exceptions=True)
        await server.until(lambda: server.asked("leave"))
        assert server.asked("leave")[0].reason == models.DisconnectReason.CLIENT_INITIATED


@pytest.mark.parametrize(
    ("status", "words", "retryable"),
    [(401, "has expired", False), (404, "no such meeting", False), (503, "answered 503", True)],
)
async def test_a_refusal_is_explained(server, status, words, retryable):
    server.status = status
    async with visiting(server) as visit:
        with pytest.raises(JoinFailed, match=words) as refused:
            await visit.task
        assert refused.value.retryable is retryable


async def test_a_server_that_is_not_there_is_explained_without_the_token(server):
    visit = Visit("https://m.io/custom?liveKitUrl=ws://127.0.0.1:1&token=SECRET")
    with pytest.raises(JoinFailed, match=r"127\.0\.0\.1:1 does not answer") as failed:
        await visit.session.run(visit.tell)
    assert failed.value.retryable
    assert "SECRET" not in str(failed.value)


async def test_messages_that_make_no_sense_are_ignored(server):
    async with visiting(server) as visit:
        await server._socket.send_bytes(b"\xff\xff\xff")
        await server._socket.send_str("hello")
        await server.say(trickle=rtc.TrickleRequest(candidateInit="", target=rtc.SignalTarget.SUBSCRIBER))
        await server.say(update=rtc.ParticipantUpdate(participants=[server.guest()]))
        await visit.until(lambda: len(visit.of(RosterChanged)) == 2)


async def test_a_hostile_offer_ends_the_stay_in_words(server):
    async with visiting(server) as visit:
        await server.say(offer=rtc.SessionDescription(type="offer", sdp="v=0\r\nm=video 9\r\n"))
        ended = await visit.task
        assert ended.retryable
