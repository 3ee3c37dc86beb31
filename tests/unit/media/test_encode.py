"""The camera's encoders: their rate changes in place, and key frames come only when asked for."""

import numpy as np
import pytest

from appliance.media.decode import VideoDecoder
from appliance.media.encode import MOST, H264Encoder, Vp8Encoder, encoder_for
from hardware.ports import VideoFrame

BOTH = pytest.mark.parametrize("make", [H264Encoder, Vp8Encoder])
WIDTH, HEIGHT = 640, 360


@pytest.fixture(scope="module")
def scene():
    """Two seconds that always cost bits: texture that drifts to and fro, with noise on top."""
    dice = np.random.default_rng(1)
    texture = dice.normal(128, 25, (HEIGHT + 60, WIDTH + 60))
    texture = (texture + np.roll(texture, 1, 0) + np.roll(texture, 1, 1) + np.roll(texture, 2, 0)) / 4
    chroma = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    shown = []
    for n in (*range(30), *range(30, 0, -1)):
        luma = texture[n : n + HEIGHT, n : n + WIDTH] + dice.normal(0, 1.5, (HEIGHT, WIDTH))
        shown.append((np.clip(luma, 0, 255).astype(np.uint8), chroma))
    return shown


def frames(scene, count, *, fps=30):
    for n in range(count):
        luma, chroma = scene[n % len(scene)]
        yield VideoFrame(luma, chroma, chroma, captured_ns=10**9 + n * 10**9 // fps)


def rate(encoded, fps=30):
    return sum(len(frame.data) for frame in encoded) * 8 * fps / len(encoded)


@BOTH
@pytest.mark.parametrize("fps", [30, 15])
def test_the_rate_follows_without_a_new_key_frame(make, scene, fps):
    encoder = make(bitrate=1_000_000)
    encoded = []
    for n, frame in enumerate(frames(scene, 12 * fps, fps=fps)):
        if n == 4 * fps:
            encoder.set_bitrate(400_000)
        if n == 8 * fps:
            encoder.set_bitrate(1_200_000)
        encoded.append(encoder.encode(frame))
    assert [n for n, frame in enumerate(encoded) if frame.keyframe] == [0]
    for begin, wanted in ((2, 1_000_000), (6, 400_000), (10, 1_200_000)):
        assert 0.65 * wanted < rate(encoded[begin * fps : (begin + 2) * fps], fps) < 1.25 * wanted


@BOTH
def test_no_picture_is_many_times_larger_than_the_others(make, scene):
    encoder = make(bitrate=600_000)
    encoded = [encoder.encode(frame) for frame in frames(scene, 90)]
    assert max(len(frame.data) for frame in encoded[1:]) < 5 * 600_000 / 30 / 8
    assert len(encoded[0].data) * 8 < 0.35 * 600_000


@BOTH
def test_what_was_asked_for_is_a_picture_to_begin_with(make, scene):
    encoder, decoder = make(), VideoDecoder()
    encoded = [encoder.encode(frame, keyframe=n == 5) for n, frame in enumerate(frames(scene, 8))]
    assert [frame.keyframe for frame in encoded] == [n in {0, 5} for n in range(8)]
    for frame in encoded[5:]:
        picture = decoder.decode(frame)
        assert (picture.width, picture.height) == (WIDTH, HEIGHT)


def test_h264_is_constrained_baseline_with_parameters_in_each_key_frame(scene):
    encoder = H264Encoder()
    encoded = [encoder.encode(frame, keyframe=n == 5) for n, frame in enumerate(frames(scene, 8))]
    for frame in encoded:
        units = [unit for unit in frame.data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
        kinds = [unit[0] & 0x1F for unit in units]
        assert ({7, 8} <= set(kinds)) == frame.keyframe
        assert kinds.count(5 if frame.keyframe else 1) == 1, "one slice"
        for unit in units:
            if unit[0] & 0x1F == 7:
                # profile_idc 66 and constraint_set1: what every browser decodes
                assert (unit[1], unit[2] & 0x40) == (66, 0x40)


@BOTH
def test_a_pause_of_the_camera_is_no_reason_for_a_flood(make, scene):
    encoder = make(bitrate=500_000)
    shown = list(frames(scene, 60))
    before = [encoder.encode(frame) for frame in shown[:30]]
    late = [VideoFrame(f.y, f.u, f.v, captured_ns=f.captured_ns + 60 * 10**9) for f in shown[30:]]
    after = [encoder.encode(frame) for frame in late]
    assert max(len(frame.data) for frame in after) < 6 * max(len(frame.data) for frame in before[10:])


def test_the_codec_is_chosen_by_name_and_nothing_exceeds_the_most():
    assert (encoder_for("H264").codec, encoder_for("VP8").codec) == ("H264", "VP8")
    encoder = encoder_for("H264")
    encoder.set_bitrate(100 * MOST)
    assert encoder._bitrate == MOST
