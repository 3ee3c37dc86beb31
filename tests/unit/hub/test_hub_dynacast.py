"""Publishers are asked for what somebody receives, and for nothing else."""

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol import models, rtc

from appliance.hub import layers as hub_layers
from appliance.hub.layers import Layers
from appliance.hub.tracks import Forward, Track
from appliance.media.rtc.frames import EncodedFrame

QUALITY = models.VideoQuality
ANNOUNCED = [
    models.VideoLayer(quality=QUALITY.LOW, height=180, bitrate=120_000),
    models.VideoLayer(quality=QUALITY.MEDIUM, height=360, bitrate=400_000),
    models.VideoLayer(quality=QUALITY.HIGH, height=720, bitrate=2_000_000),
]


class Sender:
    """Sends what is wanted of it, twenty times a second."""

    def __init__(self, *, obeys=True, able="qhf"):
        self.layers, self.now, self.obeys, self.able = Layers(ANNOUNCED, 720), 0.0, obeys, able

    def send(self, seconds, *needed):
        for _ in range(round(seconds * 20)):
            self.now += 0.05
            for name in self.sent():
                self.layers.count(name, 1000, self.now)
            self.layers.need(set(needed), self.now)

    def sent(self):
        wanted = {name for name, on in zip("qhf", self.layers.wanted, strict=True) if on or not self.obeys}
        return wanted & set(self.able)

    def choices(self):
        return "".join(step.name for step in self.layers.steps(self.now))


def test_what_nobody_needs_for_a_while_is_turned_off_and_can_still_be_chosen():
    sender = Sender()
    sender.send(4.5, "h")
    assert sender.layers.wanted == (True, True, True)
    sender.send(1.0, "h")
    assert sender.layers.wanted == (False, True, False)
    sender.send(60.0, "h")
    assert [(step.name, step.height) for step in sender.layers.steps(sender.now)] == [
        ("q", 180),
        ("h", 360),
        ("f", 720),
    ]
    assert [step.bitrate for step in sender.layers.steps(sender.now)] == pytest.approx([160_000] * 3, rel=0.1)
    sender.send(0.05, "h", "f")
    assert sender.layers.wanted == (False, True, True)


def test_a_pause_is_no_low_rate():
    sender = Sender()
    sender.send(30.0, "h")
    sender.send(3.0, "f")
    assert sender.layers.steps(sender.now)[-1].bitrate == pytest.approx(160_000, rel=0.1)


def test_before_it_is_measured_a_layer_costs_what_was_announced():
    sender = Sender()
    sender.send(0.2)
    assert [step.bitrate for step in sender.layers.steps(sender.now)] == [120_000, 400_000, 2_000_000]


def test_when_nobody_looks_nothing_is_sent_until_somebody_does():
    sender = Sender(able="qh")
    sender.send(8.0)
    assert sender.layers.wanted == (False, False, False)
    sender.send(0.05, "h")
    assert sender.layers.wanted == (False, True, True), "what never came may come now"


def test_who_does_not_bring_what_was_asked_for_is_not_waited_for_but_may_bring_it_later():
    sender = Sender()
    sender.send(10.0, "h")
    sender.able = "qh"
    sender.send(1.0, "h", "f")
    assert sender.choices() == "qhf"
    sender.send(10.0, "h")
    assert sender.choices() == "qh"
    assert sender.layers.wanted == (False, True, True)
    sender.able = "qhf"
    sender.send(0.1, "h")
    assert sender.choices() == "qhf"


def test_who_does_not_listen_is_forwarded_as_ever():
    sender = Sender(obeys=False)
    sender.send(30.0, "h")
    assert sender.choices() == "qhf"


def test_a_stream_of_one_layer_is_asked_for_in_any_quality():
    layers = Layers([models.VideoLayer(quality=QUALITY.HIGH, height=720)], 720)
    for tick in range(100):
        layers.count("", 1000, tick / 10)
        layers.need({""}, tick / 10)
    assert layers.wanted == (True, True, True)
    layers.need(set(), 16.0)
    assert layers.wanted == (False, False, False)


class Out:
    """A viewer's line that takes everything."""

    on_keyframe_request = None

    def send(self, frame): ...

    def source_changed(self, *, at_keyframe=False): ...


class Camera:
    """A publisher's line; it remembers of which layers a key frame is wished for."""

    mid = "0"
    on_frame = on_end = None

    def __init__(self):
        self.wishes = set()

    def request_keyframe(self, layer=""):
        self.wishes.add(layer)

    def forget_keyframe(self, layer):
        self.wishes.discard(layer)


def test_no_key_frame_is_asked_for_of_a_layer_that_is_turned_off(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("appliance.hub.tracks.time.monotonic", lambda: now[0])
    track = _track(lambda _: None)
    viewer = Forward(track, Out())
    track.add(viewer)
    for tick in range(14):
        now[0] = tick / 2
        for layer in "qf":
            track.media.on_frame(EncodedFrame("VP8", 0, 90_000, b"", keyframe=True, layer=layer))
        track.request_keyframe()
        track.look_at_needs()
    assert track.media.wishes == {"q"}
    viewer.take_layer("f")
    assert track.media.wishes == {"q", "f"}


def _track(told):
    info = models.TrackInfo(sid="TR", type=models.TrackType.VIDEO, height=720)
    track = Track(
        info, names=frozenset(), layers=ANNOUNCED, on_begin=lambda _: None, on_level=lambda _: None, on_wanted=told
    )
    track.bind(Camera())
    return track


STEPS = st.one_of(
    st.tuples(st.just("take"), st.integers(0, 2), st.sampled_from("qhf")),
    st.tuples(st.just("hold"), st.integers(0, 2), st.booleans()),
    st.tuples(st.just("leave"), st.integers(0, 2), st.none()),
    st.tuples(st.just("come"), st.integers(0, 2), st.none()),
    st.tuples(st.just("frame"), st.booleans(), st.sampled_from("qhf")),
    st.tuples(st.just("wait"), st.floats(0.1, 9.0), st.none()),
)


@given(steps=st.lists(STEPS, max_size=60))
def test_whatever_is_chosen_what_somebody_is_on_or_goes_over_to_stays_wanted(steps):
    now, wanted = [100.0], [{"q", "h", "f"}]

    def told(update):
        wanted[0] = {name for name, each in zip("qhf", update.subscribed_qualities, strict=True) if each.enabled}

    track, viewers = _track(told), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("appliance.hub.tracks.time.monotonic", lambda: now[0])
        for what, first, second in steps:
            match what:
                case "take" if first in viewers and second in track.layers.names:
                    viewers[first].take_layer(second)
                case "hold" if first in viewers:
                    viewers[first].hold("unwatched", held=second)
                case "leave" if first in viewers:
                    track.remove(viewers.pop(first))
                case "come" if first not in viewers:
                    viewers[first] = Forward(track, Out())
                    track.add(viewers[first])
                case "frame" if second in wanted[0]:
                    track.media.on_frame(EncodedFrame("VP8", 0, 90_000, b"", first, layer=second))
                case "wait":
                    now[0] += first
                    track.look_at_needs()
            for viewer in viewers.values():
                assert viewer.needs & track.layers.names <= wanted[0]


SIZES = {"q": 400, "f": 3000}


@contextlib.asynccontextmanager
async def camera(client, *, obeys=True):
    """Publish a camera in two layers that sends only those that are wanted, as LiveKit's dynacast does."""
    layers = [ANNOUNCED[0], ANNOUNCED[2]]
    out = await client.publish("video", "VP8", cid="camera", rids=tuple(SIZES), layers=layers)
    keys = set(SIZES)
    out.on_keyframe_request = lambda: keys.update(SIZES)

    async def shoot():
        for i in range(100_000):
            wanted = wanted_of(client) if obeys else set(SIZES)
            for rid, size in SIZES.items():
                if rid not in wanted:
                    keys.add(rid)
                    continue
                key = rid in keys
                keys.discard(rid)
                data = (b"\x00" if key else b"\x01") + bytes(size)
                out.send(EncodedFrame("VP8", i * 1800, 90_000, data, key, layer=rid))
            await asyncio.sleep(0.02)

    task = asyncio.create_task(shoot())
    yield
    task.cancel()


def wanted_of(client):
    updates = client.of("subscribed_quality_update")
    if not updates:
        return set(SIZES)
    (codec,) = updates[-1].subscribed_codecs
    assert codec.codec == "vp8"
    return {"qhf"[each.quality] for each in codec.qualities if each.enabled} & set(SIZES)


@pytest.mark.parametrize("obeys", [True, False])
async def test_a_camera_is_sent_as_somebody_sees_it(enter, monkeypatch, obeys):
    monkeypatch.setattr(hub_layers, "_PAUSE_AFTER_S", 1.0)
    ada, bob = await enter("ada"), await enter("bob")
    async with camera(ada, obeys=obeys):
        await bob.until(lambda: bob.frames)
        (frames,) = bob.frames.values()
        (stream,) = bob.frames
        sid = stream.rpartition("|")[2]

        async def sees(height, size, wanted):
            setting = rtc.UpdateTrackSettings(track_sids=[sid], disabled=height is None, height=height or 0)
            await bob.send(track_setting=setting)
            if size is not None:
                await bob.until(lambda: frames and len(frames[-1].data) - 1 == size)
            await ada.until(lambda: wanted_of(ada) == wanted)

        await sees(720, SIZES["f"], {"f"})
        await sees(180, SIZES["q"], {"q"})
        await sees(720, SIZES["f"], {"f"})
        await sees(None, None, set())
        frames.clear()
        await sees(180, SIZES["q"], {"q"})
        assert frames[0].keyframe
        # who comes later is served as well
        cleo = await enter("cleo")
        await cleo.until(lambda: any(len(f) > 3 for f in cleo.frames.values()))
        assert next(iter(cleo.frames.values()))[0].keyframe
        await cleo.until(lambda: len(next(iter(cleo.frames.values()))[-1].data) - 1 == SIZES["f"])


async def test_a_camera_nobody_subscribes_to_is_turned_off_and_on_again_for_the_first_who_does(enter, monkeypatch):
    monkeypatch.setattr(hub_layers, "_PAUSE_AFTER_S", 1.0)
    ada = await enter("ada")
    async with camera(ada):
        await ada.until(lambda: wanted_of(ada) == set())
        bob = await enter("bob")
        await bob.until(lambda: any(len(f) > 3 for f in bob.frames.values()))
        assert next(iter(bob.frames.values()))[0].keyframe
