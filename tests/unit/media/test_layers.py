import pytest

from appliance.media.decode import VideoDecoder
from appliance.media.layers import LayeredEncoder
from hardware import registry


@pytest.fixture(scope="module")
def shown():
    with registry.camera("sim:pattern?size=640x360&fps=60") as camera:
        first = camera.read(1.0)
        rest = [camera.read(1.0) for _ in range(9)]
    from dataclasses import replace

    return [replace(([first, *rest])[n % 10], captured_ns=10**9 + n * 10**9 // 30) for n in range(180)]


def size(frame):
    picture = VideoDecoder().decode(frame)
    return picture.width, picture.height


@pytest.mark.parametrize("codec", ["H264", "VP8"])
def test_less_room_makes_a_smaller_picture_that_begins_anew(shown, codec):
    encoder = LayeredEncoder(codec)
    [large] = encoder.encode(shown[0], budget=1_000_000, keyframe=False)
    [small] = encoder.encode(shown[1], budget=300_000, keyframe=False)
    assert (size(large), size(small)) == ((640, 360), (320, 180))
    assert (large.keyframe, small.keyframe, small.layer, small.codec) == (True, True, "", codec)


def test_half_the_frames_are_left_out_where_there_is_room_for_half(shown):
    encoder = LayeredEncoder("VP8")
    sent = [encoder.encode(frame, budget=150_000, keyframe=False) for frame in shown[:30]]
    assert 15 <= sum(len(frames) for frames in sent) <= 16


def test_sound_alone_leaves_nothing_and_the_picture_comes_back(shown):
    encoder = LayeredEncoder("VP8")
    assert encoder.encode(shown[0], budget=10_000, keyframe=True) == []
    back = [encoder.encode(frame, budget=900_000, keyframe=False) for frame in shown[1:]]
    first = next(n for n, frames in enumerate(back) if frames)
    assert 80 < first < 120
    assert back[first][0].keyframe


def test_simulcast_layers_have_names_sizes_and_come_back_with_a_key_frame(shown):
    encoder = LayeredEncoder("H264", simulcast=True)
    full = encoder.encode(shown[0], budget=2_000_000, keyframe=False)
    assert [(frame.layer, size(frame)) for frame in full] == [("q", (160, 90)), ("h", (320, 180)), ("f", (640, 360))]
    less = encoder.encode(shown[1], budget=500_000, keyframe=False)
    assert [(frame.layer, frame.keyframe) for frame in less] == [("q", False), ("h", False)]
    again = [encoder.encode(frame, budget=2_000_000, keyframe=False) for frame in shown[2:]]
    third = next(frames[2] for frames in again if len(frames) == 3)
    assert (third.layer, third.keyframe) == ("f", True)


def test_only_what_is_wanted_is_encoded_and_what_comes_back_begins_anew(shown):
    encoder = LayeredEncoder("VP8", simulcast=True)

    def encode(number, *wanted):
        frames = encoder.encode(shown[number], budget=2_000_000, keyframe=False, wanted=frozenset(wanted))
        return [(frame.layer, frame.keyframe) for frame in frames]

    assert encode(0, "q", "h", "f") == [("q", True), ("h", True), ("f", True)]
    assert encode(1, "f") == [("f", False)]
    assert encode(2) == []
    assert encode(3, "q", "f") == [("q", True), ("f", True)]


def test_a_stream_of_one_layer_is_sent_while_anything_is_wanted(shown):
    encoder = LayeredEncoder("VP8")
    for number, (wanted, keys) in enumerate(((None, [True]), ({"q"}, [False]), (set(), []), ({"q"}, [True]))):
        frames = encoder.encode(shown[number], budget=2_000_000, keyframe=False, wanted=wanted)
        assert [frame.keyframe for frame in frames] == keys
        assert all(size(frame) == (640, 360) for frame in frames if frame.keyframe)
