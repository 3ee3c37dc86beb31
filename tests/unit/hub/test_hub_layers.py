import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol import models

from appliance.hub.downlink import Downlink, Flow, allocate
from appliance.hub.layers import Layers, Step, enough
from appliance.hub.tracks import Forward, Track
from appliance.media.rtc.frames import Capacity, EncodedFrame

Q, H, F = Step("q", 150_000.0, 180), Step("h", 500_000.0, 360), Step("f", 1_500_000.0, 720)
QUALITY = models.VideoQuality
ANNOUNCED = [
    models.VideoLayer(quality=QUALITY.LOW, width=320, height=180),
    models.VideoLayer(quality=QUALITY.MEDIUM, width=640, height=360),
    models.VideoLayer(quality=QUALITY.HIGH, width=1280, height=720),
]


class Line:
    """Stands for both peers of a forward: what is asked of the sender and what the receiver gets."""

    def __init__(self):
        self.asked, self.sent, self.changes = [], [], []
        self.on_keyframe_request = self.on_frame = self.on_end = None
        self.mid = "0"

    def request_keyframe(self, layer=""):
        self.asked.append(layer)

    def forget_keyframe(self, layer): ...

    def send(self, frame):
        self.sent.append((frame.layer, frame.data))

    def source_changed(self, *, at_keyframe=False):
        self.changes.append(at_keyframe)


def frame(layer, number, *, key=False):
    return EncodedFrame("VP8", number, 90_000, bytes([number]), key, layer=layer)


@pytest.fixture
def line():
    return Line()


@pytest.fixture
def track(line):
    return make_track(line, on_begin=lambda _: None)


def make_track(line, *, on_begin):
    info = models.TrackInfo(sid="TR", type=models.TrackType.VIDEO, height=720)
    track = Track(
        info,
        names=frozenset(),
        layers=ANNOUNCED,
        on_begin=on_begin,
        on_level=lambda _: None,
        on_wanted=lambda _: None,
    )
    track.bind(line)
    return track


@pytest.fixture
def forward(track, line):
    forward = Forward(track, line)
    track.forwards.append(forward)
    return forward


def test_a_layer_is_known_by_its_rate_and_its_height_and_forgotten_when_it_ends():
    layers = Layers(ANNOUNCED, 720)
    for i in range(61):
        layers.count("f", 6000, i / 20)
        layers.count("q", 750, i / 20)
    assert [(s.name, s.height) for s in layers.steps(3.0)] == [("q", 180), ("f", 720)]
    assert [s.bitrate for s in layers.steps(3.0)] == pytest.approx([120_000, 960_000], rel=0.1)
    layers.count("q", 750, 5.5)
    assert [s.name for s in layers.steps(5.5)] == ["q"]


@pytest.mark.parametrize(
    ("height", "left"), [(None, "qhf"), (90, "q"), (180, "q"), (182, "qh"), (700, "qhf"), (2000, "qhf"), (0, "qhf")]
)
def test_a_viewer_gets_nothing_larger_than_the_first_that_fills_its_place(height, left):
    assert "".join(step.name for step in enough((Q, H, F), height)) == left


def test_the_next_layer_begins_with_its_key_frame_and_the_old_one_goes_on_until_then(track, forward, line):
    track.media.on_frame(frame("q", 1, key=True))
    forward.take_layer("f")
    assert line.asked == ["f"]
    for sent in (frame("q", 2), frame("f", 3), frame("h", 4, key=True), frame("f", 5, key=True), frame("q", 6)):
        track.media.on_frame(sent)
    assert line.sent == [("q", b"\x01"), ("q", b"\x02"), ("f", b"\x05")]
    assert line.changes == [True]


def test_who_lacks_a_picture_while_layers_change_waits_for_the_new_one(track, forward, line):
    track.media.on_frame(frame("q", 1, key=True))
    forward.take_layer("h")
    line.asked.clear()
    line.on_keyframe_request()
    assert line.asked == ["h"]


def test_a_sender_that_alternates_codecs_does_not_have_everybody_negotiate(line, monkeypatch):
    now, begun = [100.0], []
    monkeypatch.setattr("appliance.hub.tracks.time.monotonic", lambda: now[0])
    track = make_track(line, on_begin=lambda track: begun.append(track.codec))
    forward = Forward(track, line)
    track.forwards.append(forward)
    for number in range(200):
        now[0] += 0.02
        codec = ("VP8", "H264")[number % 2]
        track.media.on_frame(EncodedFrame(codec, number, 90_000, codec.encode(), keyframe=True))
    assert begun == ["VP8"]
    assert {data for _, data in line.sent} == {b"VP8"}
    now[0] += 5.0
    track.media.on_frame(EncodedFrame("H264", 200, 90_000, b"", keyframe=True))
    assert begun == ["VP8", "H264"]


def test_nothing_is_asked_of_the_sender_for_a_video_that_waits(track, forward, line):
    track.media.on_frame(frame("q", 1, key=True))
    forward.hold("network", held=True)
    forward.take_layer("f")
    assert line.asked == []


def test_screens_come_before_cameras_and_all_come_small_before_one_comes_large():
    screen = Flow("screen", (Step("", 800_000.0, 1080),), is_screen=True)
    cameras = [Flow(name, (Q, H, F)) for name in ("ada", "bob")]
    chosen = allocate([*cameras, screen], 1_500_000)
    assert {sid: step and step.name for sid, step in chosen.items()} == {"screen": "", "ada": "h", "bob": "q"}
    assert allocate([*cameras, screen], 900_000) == {"screen": screen.steps[0], "ada": None, "bob": None}


def test_a_congested_viewer_gets_the_small_layer_instead_of_none():
    downlink = Downlink()
    flows = [Flow("ada", (Q, H, F))]
    told = Capacity(400_000, measured=False)
    seen = [downlink.choose(flows, capacity=told, loss=0.3, sounds=1, now=float(t))["ada"] for t in range(4)]
    assert seen == [F, F, Q, Q]


def test_a_measured_network_is_followed_up_as_it_proves_to_carry_more():
    downlink = Downlink()
    flows = [Flow("ada", (Q, H, F))]

    def choose(bitrate, now, *, full):
        capacity = Capacity(bitrate, measured=True, full=full)
        return downlink.choose(flows, capacity=capacity, loss=0.0, sounds=1, now=now)["ada"]

    assert [choose(400_000, 0.5 * t, full=True) for t in range(6)] == [F, F, F, F, Q, Q]
    assert [choose(400_000, 3.0 + t, full=False) for t in range(60)] == [Q] * 60
    assert [choose(bitrate, 70.0, full=False) for bitrate in (500_000, 700_000, 1_000_000, 1_700_000)] == [Q, H, H, F]
    assert choose(500_000, 71.0, full=False) is F


def test_what_was_held_back_wholly_is_tried_again_when_nothing_is_heard_without_it():
    downlink = Downlink()
    flows = [Flow("ada", (Q,))]
    full = Capacity(100_000, measured=True, full=True)
    seen = [downlink.choose(flows, capacity=full, loss=0.0, sounds=0, now=float(t))["ada"] for t in range(9)]
    assert seen == [Q, Q, None, None, None, None, None, Q, Q]


RATES = st.lists(st.integers(10_000, 3_000_000), min_size=1, max_size=3).map(sorted)


@given(st.lists(st.tuples(RATES, st.booleans()), max_size=12), st.integers(0, 20_000_000))
def test_an_allocation_never_exceeds_its_budget(videos, budget):
    flows = [
        Flow(str(i), tuple(Step("qhf"[n], float(rate), 0) for n, rate in enumerate(rates)), is_screen)
        for i, (rates, is_screen) in enumerate(videos)
    ]
    chosen = allocate(flows, budget)
    assert chosen.keys() == {flow.sid for flow in flows}
    assert sum(step.bitrate for step in chosen.values() if step is not None) <= budget
