from fractions import Fraction
from unittest.mock import Mock

import av
import numpy as np
import pytest
from sound import voice

from appliance.media.decode import Undecodable, VideoDecoder, copy_plane, fitted_size
from appliance.media.encode import H264Encoder, Vp8Encoder
from appliance.media.opus import OpusEncoder, opus_decoder
from appliance.media.rtc.frames import EncodedFrame
from hardware import registry
from hardware.camera.mark import decode as read_mark


def pictures(count, uri="sim:pattern?size=640x360&fps=60&mark=R"):
    with registry.camera(uri) as camera:
        return [camera.read(1.0) for _ in range(count)]


def copied(picture):
    w, h = picture.size
    planes = [np.zeros(shape, np.uint8) for shape in ((h, w), (h // 2, w // 2), (h // 2, w // 2))]
    for to, plane in zip(planes, picture.planes, strict=True):
        copy_plane(to, plane)
    return planes


@pytest.mark.parametrize("make", [H264Encoder, Vp8Encoder])
def test_a_picture_survives_the_way_through_the_codec(make):
    encoder, decoder = make(), VideoDecoder()
    for frame in pictures(5):
        encoded = encoder.encode(frame)
        picture = decoder.fit(decoder.decode(encoded), 1920, 1080)
        assert picture.size == (640, 360)
        assert read_mark(copied(picture)[0]) == read_mark(frame.y)
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
    y, u, v = copied(picture)
    assert read_mark(y) == read_mark(frame.y)
    assert abs(float(u.mean()) - float(frame.u.mean())) < 2
    assert abs(float(v.mean()) - float(frame.v.mean())) < 2


def test_fitting_keeps_the_shape_and_never_enlarges():
    assert fitted_size(1280, 720, 640, 640) == (640, 360)
    assert fitted_size(720, 1280, 640, 360) == (202, 360)
    assert fitted_size(320, 180, 1920, 1080) == (320, 180)
    assert fitted_size(321, 181, 1920, 1080) == (320, 180)
    assert fitted_size(4000, 2, 100, 100) == (100, 2)


def test_a_picture_of_its_tiles_size_is_copied_and_not_scaled(monkeypatch):
    monkeypatch.setattr("appliance.media.decode.scale", Mock(side_effect=AssertionError("nothing is to be scaled")))
    decoder = VideoDecoder()
    monkeypatch.setattr(decoder, "_shrink", Mock(reformat=Mock(side_effect=AssertionError("nor shrunk"))))
    (shown,) = pictures(1)
    fitted = decoder.fit(decoder.decode(Vp8Encoder().encode(shown)), 640, 360)
    for plane in fitted.planes:
        slot = np.zeros_like(plane)
        copy_plane(slot, plane)
        assert (slot == plane).all()


def test_a_rounding_error_leaves_no_hairline_beside_the_picture():
    assert fitted_size(640, 360, 602, 338) == (602, 338)
    assert fitted_size(320, 180, 274, 154) == (274, 154)
    assert fitted_size(639, 361, 640, 362) == (638, 360)


def test_in_a_hurry_what_no_other_picture_needs_is_left_out():
    codec = av.CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt, codec.time_base = 640, 360, "yuv420p", Fraction(1, 30)
    codec.options = {"preset": "superfast", "bf": "1", "b_strategy": "0"}
    packets = []
    for number in range(12):
        picture = av.VideoFrame.from_ndarray(np.full((540, 640), 20 * number, np.uint8), "yuv420p")
        picture.pts = number
        packets += codec.encode(picture)
    frames = [
        EncodedFrame("H264", p.pts, 90000, bytes(p), bool(p.is_keyframe)) for p in [*packets, *codec.encode(None)]
    ]
    calm, hurried = VideoDecoder(), VideoDecoder()
    assert sum(calm.decode(frame) is not None for frame in frames) > 9
    assert 4 <= sum(hurried.decode(frame, hurry=True) is not None for frame in frames) <= 7


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
    encoder, decoder = OpusEncoder(), opus_decoder()
    t = np.arange(960 * 20) / 48000
    tone = (8000 * np.sin(2 * np.pi * 1000 * t)).astype("<i2").tobytes()
    heard = [decoder.decode(encoder.encode(tone[i : i + 1920])) for i in range(0, len(tone), 1920)]
    assert {len(block) for block in heard} == {960}
    sound = np.concatenate(heard[5:])
    spectrum = np.abs(np.fft.rfft(sound))
    assert abs(np.argmax(spectrum) * 48000 / len(sound) - 1000) < 10
    assert 4000 < np.abs(sound).max() < 12000


def blocks(sound):
    return [sound[at : at + 960].tobytes() for at in range(0, len(sound), 960)]


def test_the_bitrate_changes_in_place():
    encoder = OpusEncoder()
    rates = []
    for bitrate in (32_000, 12_000, 64_000, 1):
        encoder.set_bitrate(bitrate)
        rates.append(np.mean([len(encoder.encode(block)) for block in blocks(voice(2))]) * 8 * 50)
    for rate, least, most in zip(rates, (20_000, 7_000, 40_000, 4_000), (34_000, 13_000, 68_000, 9_000), strict=True):
        assert least < rate < most


def test_every_loss_rate_carries_the_packet_before_once_more():
    encoder = OpusEncoder()
    for loss in (0.0, 0.25, 7.0):
        encoder.set_loss(loss)
        decoder = opus_decoder()
        stream = [encoder.encode(block) for block in blocks(voice(1))]
        assert sum(decoder.recover(packet, 960) is not None for packet in stream) > 20


def test_silence_is_announced_and_then_hardly_sent():
    encoder = OpusEncoder()
    silence = np.zeros(48_000 * 4, np.int16)
    sizes = [len(encoder.encode(block)) for block in blocks(silence)][50:]
    assert sum(size > 0 for size in sizes) < 20
    assert sum(0 < size <= 2 for size in sizes) >= 5
    assert sum(len(encoder.encode(block)) > 2 for block in blocks(voice(1))) >= 49


def test_a_broken_opus_packet_gives_nothing():
    assert opus_decoder().decode(b"\xff\xff\xff") is None


def test_a_picture_that_claims_to_be_huge_is_refused():
    frame = Vp8Encoder().encode(pictures(1)[0])
    # RFC 6386, 9.1: after the tag and the start code, 14 bits of width and 14 of height
    huge = frame.data[:6] + (16_000).to_bytes(2, "little") * 2 + frame.data[10:]
    with pytest.raises(Undecodable):
        VideoDecoder().decode(EncodedFrame("VP8", 0, 90000, huge, True))
