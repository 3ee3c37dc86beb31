import numpy as np
import pytest

from appliance.media.decode import Undecodable, VideoDecoder, fitted_size
from appliance.media.encode import H264Encoder, Vp8Encoder
from appliance.media.opus import OpusDecoder, OpusEncoder
from appliance.media.rtc.frames import EncodedFrame
from hardware import registry
from hardware.camera.mark import decode as read_mark


def pictures(count, uri="sim:pattern?size=640x360&fps=60&mark=R"):
    with registry.camera(uri) as camera:
        return [camera.read(1.0) for _ in range(count)]


@pytest.mark.parametrize("make", [H264Encoder, Vp8Encoder])
def test_a_picture_survives_the_way_through_the_codec(make):
    encoder, decoder = make(), VideoDecoder()
    for frame in pictures(5):
        encoded = encoder.encode(frame)
        picture = decoder.fit(decoder.decode(encoded), 1920, 1080)
        assert picture.size == (640, 360)
        assert read_mark(picture.planes[0]) == read_mark(frame.y)
        assert encoded.timestamp == frame.captured_ns * 9 // 100_000 & 0xFFFFFFFF


def test_only_the_first_picture_is_a_key_frame_until_one_is_asked_for():
    encoder = Vp8Encoder()
    keys = [encoder.encode(frame, keyframe=n == 3).keyframe for n, frame in enumerate(pictures(5))]
    assert keys == [True, False, False, True, False]


def test_a_camera_that_changes_size_goes_on():
    encoder, decoder = Vp8Encoder(), VideoDecoder()
    for frame in [*pictures(2), *pictures(2, "sim:pattern?size=320x180&fps=60")]:
        picture = decoder.decode(encoder.encode(frame))
        assert (picture.width, picture.height) == (frame.width, frame.height)


@pytest.mark.parametrize(("width", "height"), [(640, 360), (472, 266), (320, 180), (256, 144)])
def test_a_picture_is_shrunk_into_its_tile_and_still_legible(width, height):
    decoder = VideoDecoder()
    frame = pictures(1, "sim:pattern?size=1280x720&mark=R")[0]
    picture = decoder.fit(decoder.decode(Vp8Encoder().encode(frame)), width, height)
    assert picture.size == fitted_size(1280, 720, width, height)
    assert picture.planes[1].shape == (picture.size[1] // 2, picture.size[0] // 2)
    assert read_mark(picture.planes[0]) == read_mark(frame.y)


def test_fitting_keeps_the_shape_and_never_enlarges():
    assert fitted_size(1280, 720, 640, 640) == (640, 360)
    assert fitted_size(720, 1280, 640, 360) == (202, 360)
    assert fitted_size(320, 180, 1920, 1080) == (320, 180)
    assert fitted_size(321, 181, 1920, 1080) == (320, 180)
    assert fitted_size(4000, 2, 100, 100) == (100, 2)


def test_decoding_begins_at_a_key_frame():
    encoder, decoder = Vp8Encoder(), VideoDecoder()
    first, second = (encoder.encode(frame) for frame in pictures(2))
    with pytest.raises(Undecodable):
        decoder.decode(second)
    assert decoder.decode(first) is not None
    assert decoder.decode(second) is not None


@pytest.mark.parametrize("data", [b"\x00", b"\xff" * 200])
def test_broken_frames_are_refused_in_words(data):
    with pytest.raises(Undecodable, match="broken"):
        VideoDecoder().decode(EncodedFrame("VP8", 0, 90000, data))


def test_an_unknown_codec_is_refused():
    with pytest.raises(Undecodable, match="AV1"):
        VideoDecoder().decode(EncodedFrame("AV1", 0, 90000, b"x"))


def test_a_tone_survives_the_way_through_opus():
    encoder, decoder = OpusEncoder(), OpusDecoder()
    t = np.arange(960 * 20) / 48000
    tone = (8000 * np.sin(2 * np.pi * 1000 * t)).astype("<i2").tobytes()
    heard = [decoder.decode(encoder.encode(tone[i : i + 1920])) for i in range(0, len(tone), 1920)]
    assert {len(block) for block in heard} == {960}
    sound = np.concatenate(heard[5:])
    spectrum = np.abs(np.fft.rfft(sound))
    assert abs(np.argmax(spectrum) * 48000 / len(sound) - 1000) < 10
    assert 4000 < np.abs(sound).max() < 12000


def test_a_broken_opus_packet_gives_nothing():
    assert OpusDecoder().decode(b"\xff\xff\xff") is None


def test_a_picture_that_claims_to_be_huge_is_refused():
    frame = Vp8Encoder().encode(pictures(1)[0])
    # RFC 6386, 9.1: after the tag and the start code, 14 bits of width and 14 of height
    huge = frame.data[:6] + (16_000).to_bytes(2, "little") * 2 + frame.data[10:]
    with pytest.raises(Undecodable):
        VideoDecoder().decode(EncodedFrame("VP8", 0, 90000, huge, True))
