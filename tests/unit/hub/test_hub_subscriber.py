"""What one participant is sent, with a stand-in for its connection."""

import asyncio
from types import SimpleNamespace

import pytest
from livekit.protocol import models

from appliance.hub import subscriber as hub_subscriber
from appliance.hub.subscriber import Subscriber
from appliance.hub.tracks import Track
from appliance.media.rtc.frames import Capacity, EncodedFrame

QUALITY = models.VideoQuality
LAYERS = [
    models.VideoLayer(quality=QUALITY.LOW, height=180, bitrate=100_000),
    models.VideoLayer(quality=QUALITY.HIGH, height=720, bitrate=800_000),
]
SIZES = {"q": 6_250, "f": 50_000, "": 80}
"""Of two frames a second."""
MBIT = 1_000_000


class Out:
    """A line to the participant."""

    on_keyframe_request = None

    def __init__(self, codec):
        self.codec, self.most, self.frames, self.lost = codec, None, 0, 0.0

    def limit(self, bitrate):
        self.most = bitrate

    def send(self, frame):
        self.frames += 1

    def stats(self):
        return SimpleNamespace(frames=self.frames, fraction_lost=self.lost)

    def source_changed(self, *, at_keyframe=False): ...


class Line:
    """A publisher's line."""

    mid = "0"
    on_frame = on_end = None

    def request_keyframe(self, layer=""): ...

    def forget_keyframe(self, layer): ...


class Connection:
    """Stands for the peer connection of the participant."""

    state = "connected"
    capacity = None

    def __init__(self, **_):
        self.outs = {}

    def add_channel(self, *_, **__): ...

    def add_out(self, kind, codec, *, stream_id, track_id):
        self.outs[track_id] = Out(codec)
        return self.outs[track_id]

    def remove_out(self, out): ...

    async def offer(self):
        return ""

    async def accept_answer(self, sdp): ...

    async def close(self): ...


class Guest:
    """The participant: it answers every offer at once."""

    def __init__(self):
        self.offers, self.states, self.tracks, self.now = 0, {}, {}, 100.0
        self.subscriber = Subscriber(
            name="guest", addresses=tuple, send=self.hear, on_state=lambda _: None, everything=True
        )

    def hear(self, response):
        if response.HasField("offer"):
            self.offers += 1
            self.subscriber.answered("", response.offer.id)
        self.states |= {state.track_sid: state.state for state in response.stream_state_update.stream_states}

    @property
    def connection(self):
        return self.subscriber._peer

    async def offered(self, *tracks):
        self.tracks = {track.sid: track for track in tracks}
        self.subscriber.offer_tracks((f"PA_{track.sid}", track) for track in tracks)
        await self.settled()

    async def settled(self):
        """Let it offer what it has to."""
        for _ in range(10):
            await asyncio.sleep(0)

    def see(self, seconds, *silent):
        """Let frames come twice a second, and the clock of the room tick."""
        for _ in range(round(seconds * 2)):
            self.now += 0.5
            for sid, track in self.tracks.items():
                for layer in () if sid in silent else track.rids:
                    frame = EncodedFrame(track.codec, 0, 90_000, bytes(SIZES[layer]), keyframe=True, layer=layer)
                    track.media.on_frame(frame)
            self.subscriber.adapt(self.now)

    def layer(self, sid):
        forward = self.subscriber._forwards[sid]
        return None if forward.held else forward._next or forward.layer


def track(sid, kind="video", codec="VP8"):
    kinds = {"video": models.TrackType.VIDEO, "audio": models.TrackType.AUDIO}
    info = models.TrackInfo(sid=sid, type=kinds[kind], height=720)
    made = Track(
        info,
        names=frozenset(),
        layers=LAYERS if kind == "video" else (),
        on_begin=lambda _: None,
        on_level=lambda _: None,
        on_wanted=lambda _: None,
    )
    made.codec, made.rids = codec, ("q", "f") if kind == "video" else ("",)
    made.bind(Line())
    return made


@pytest.fixture
async def guest(monkeypatch):
    monkeypatch.setattr(hub_subscriber, "Peer", Connection)
    guest = Guest()
    clock = SimpleNamespace(monotonic=lambda: guest.now)
    monkeypatch.setattr("appliance.hub.tracks.time", clock)
    run = asyncio.create_task(guest.subscriber.run())
    yield guest
    run.cancel()


async def test_what_is_hidden_takes_nothing_from_what_is_seen(guest):
    cameras = [track(f"c{i}") for i in range(11)]
    await guest.offered(*cameras)
    guest.subscriber.watch([camera.sid for camera in cameras[1:]], watched=False)
    guest.connection.capacity = Capacity(MBIT // 2, measured=True, full=True)
    guest.see(4)
    assert guest.layer("c0") == "q"
    guest.connection.capacity = Capacity(MBIT, measured=True)
    guest.see(1)
    assert guest.layer("c0") == "f"
    assert [bool(out.most) for out in guest.connection.outs.values()] == [True, *[False] * 10]


async def test_what_was_too_much_is_not_sent_whole_again_only_because_it_was_hidden(guest):
    await guest.offered(track("camera"), track("microphone", "audio", "opus"))
    guest.connection.capacity = Capacity(MBIT // 2, measured=True, full=True)
    guest.see(4)
    guest.connection.capacity = Capacity(MBIT // 2, measured=True)
    guest.subscriber.watch(["camera"], watched=False)
    guest.see(60)
    guest.subscriber.watch(["camera"], watched=True)
    guest.see(2)
    assert guest.layer("camera") == "q"


async def test_microphones_that_are_silent_leave_their_share_to_the_pictures(guest):
    microphones = [track(f"m{i}", "audio", "opus") for i in range(11)]
    silent = [microphone.sid for microphone in microphones[1:]]
    await guest.offered(track("camera"), *microphones)
    guest.see(1)
    guest.connection.capacity = Capacity(MBIT // 2, measured=True, full=True)
    guest.see(4, *silent)
    assert guest.layer("camera") == "q"


async def test_a_picture_that_waits_is_tried_again_though_the_microphone_was_muted_meanwhile(guest):
    await guest.offered(track("camera"), track("microphone", "audio", "opus"))
    guest.connection.capacity = Capacity(100_000, measured=True, full=True)
    guest.see(4)
    assert guest.layer("camera") is None
    guest.connection.capacity = Capacity(100_000, measured=True)
    guest.see(4)
    assert guest.layer("camera") is None, "the sound that goes on tells of the network"
    guest.see(10, "microphone")
    assert guest.layer("camera") == "f"


async def test_losses_of_what_is_sent_no_more_say_nothing_of_what_is(guest):
    await guest.offered(track("camera"), track("microphone", "audio", "opus"))
    guest.see(1)
    guest.connection.outs["microphone"].lost = 0.5
    guest.connection.capacity = Capacity(MBIT // 2, measured=False)
    guest.see(10, "microphone")
    assert guest.layer("camera") == "f"


async def test_only_what_changes_the_streams_is_negotiated(guest):
    camera = track("camera")
    await guest.offered(camera)
    before = guest.offers
    await guest.offered(camera)
    guest.subscriber.choose(["camera"], wanted=True)
    await guest.settled()
    assert guest.offers == before
    await guest.offered(camera, track("screen"))
    assert guest.offers == before + 1
    camera.codec = "H264"
    await guest.offered(camera, track("screen"))
    assert guest.offers == before + 2


async def test_a_picture_stays_as_small_as_it_is_shown_when_its_codec_changes(guest):
    camera = track("camera")
    await guest.offered(camera)
    guest.subscriber.watch(["camera"], watched=True, height=180)
    guest.see(2)
    assert guest.layer("camera") == "q"
    camera.codec = "H264"
    await guest.offered(camera)
    guest.see(2)
    assert guest.layer("camera") == "q"


async def test_what_was_said_of_a_stream_is_forgotten_with_it(guest):
    subscriber = guest.subscriber
    await guest.offered(track("camera"))
    for sid in ("camera", "nothing"):
        subscriber.watch([sid], watched=False, height=180)
        subscriber.choose([sid], wanted=True)
    assert "nothing" not in subscriber._choices
    await guest.offered()
    assert not any([subscriber._unwatched, subscriber._heights, subscriber._choices])


async def test_who_leaves_while_a_picture_waits_is_told_nothing_more(guest):
    leaving = asyncio.Event()
    guest.connection.close = leaving.wait
    await guest.offered(track("camera"))
    guest.see(1)
    close = asyncio.create_task(guest.subscriber.close())
    await guest.settled()
    guest.connection.capacity = Capacity(0, measured=True, full=True)
    guest.see(4)
    assert not guest.states
    leaving.set()
    await close
