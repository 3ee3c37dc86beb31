"""What every driver promises. A new driver joins by its URI."""

import array
import math
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from hardware import registry
from hardware.camera.mark import decode, source_id
from hardware.ports import BACKLOG, BLOCK, DeviceError

DEMO_CLIP = Path(__file__).parents[3] / "appliance" / "demo" / "clips" / "big-buck-bunny.mp4"
CAMERAS = [
    "sim:pattern?size=320x180",
    "sim:pattern?size=640x360&fps=10&mark=A",
    "file:{clip}",
    "file:{clip}?size=160x90",
]
MICROPHONES = ["sim:tone", "sim:silence", "sim:array?channels=4&direction=30", "file:{clip}"]
SPEAKERS = ["sim:sink", "sim:sink?record={tmp}/played.wav"]


@pytest.fixture(params=CAMERAS)
def camera(request, clip):
    return registry.camera(request.param.format(clip=clip))


@pytest.fixture(params=MICROPHONES)
def microphone(request, clip):
    return registry.microphone(request.param.format(clip=clip))


@pytest.fixture(params=SPEAKERS)
def speaker(request, tmp_path):
    return registry.speaker(request.param.format(tmp=tmp_path))


def read(device):
    value = device.read(2.0)
    assert value is not None
    return value


def test_a_camera_gives_whole_i420_pictures_in_order(camera):
    with camera:
        frames = [read(camera) for _ in range(5)]
    for frame in frames:
        assert frame.width % 2 == 0
        assert frame.height % 2 == 0
        assert frame.y.dtype == np.uint8
        assert frame.u.shape == frame.v.shape == (frame.height // 2, frame.width // 2)
    stamps = [frame.captured_ns for frame in frames]
    assert stamps == sorted(set(stamps))
    assert stamps[-1] <= time.monotonic_ns()


def test_a_camera_moves(camera):
    with camera:
        first, second = read(camera).y.copy(), read(camera).y
        assert (first != second).any()


def test_a_camera_says_none_when_no_picture_is_due(camera):
    with camera:
        read(camera)
        read(camera)
        assert camera.read(0.0) is None


def test_a_slow_reader_of_a_camera_gets_the_newest_and_the_rest_is_counted(camera):
    with camera:
        read(camera)
        time.sleep(0.35)
        read(camera)
        assert camera.dropped >= 1


def test_a_camera_opens_again_after_it_was_closed(camera):
    for _ in range(2):
        with camera:
            read(camera)


def test_a_microphone_opens_again_after_it_was_closed(microphone):
    for _ in range(2):
        with microphone:
            read(microphone)


def test_every_device_has_a_name_and_says_that_it_is_simulated(clip):
    devices = [registry.camera(uri.format(clip=clip)) for uri in CAMERAS]
    devices += [registry.microphone(uri.format(clip=clip)) for uri in MICROPHONES]
    devices += [registry.speaker("sim:sink")]
    assert all(device.name and device.simulated for device in devices)


def test_a_microphone_gives_whole_blocks(microphone):
    with microphone:
        blocks = [read(microphone) for _ in range(8)]
    assert {len(block.samples) for block in blocks} == {BLOCK * 2 * microphone.channels}
    assert {block.channels for block in blocks} == {microphone.channels}
    assert [b.captured_ns for b in blocks] == sorted(b.captured_ns for b in blocks)


def test_at_most_100_ms_wait_for_a_slow_reader_of_a_microphone(microphone):
    with microphone:
        read(microphone)
        time.sleep(0.3)
        read(microphone)
    # thirty blocks passed, ten were kept
    assert microphone.dropped >= 30 - BACKLOG - 1


def test_a_speaker_takes_blocks_at_the_pace_of_real_time(speaker):
    with speaker:
        started = time.monotonic()
        for _ in range(20):
            speaker.write(bytes(BLOCK * 2))
        assert time.monotonic() - started > 0.15


def test_what_a_speaker_played_can_be_listened_to_while_it_plays(tmp_path):
    path = tmp_path / "played.wav"
    tone = array.array("h", (round(9000 * math.sin(math.tau * 1000 * n / 48000)) for n in range(BLOCK)))
    with registry.speaker(f"sim:sink?record={path}") as speaker:
        for _ in range(4):
            speaker.write(tone.tobytes())
        with wave.open(str(path)) as recording:
            assert (recording.getframerate(), recording.getnchannels()) == (48000, 1)
            assert recording.readframes(10**6) == tone.tobytes() * 4


def test_a_recording_that_cannot_be_written_is_explained(tmp_path):
    with (
        pytest.raises(DeviceError, match="name another place"),
        registry.speaker(f"sim:sink?record={tmp_path}/no/x.wav"),
    ):
        pass


@pytest.mark.parametrize(("uri", "hz"), [("sim:tone?hz=600", 600), ("file:{clip}", 1000)])
def test_a_microphone_hears_its_tone(uri, hz, clip):
    with registry.microphone(uri.format(clip=clip)) as microphone:
        samples = np.frombuffer(b"".join(read(microphone).samples for _ in range(30)), np.int16)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert abs(np.argmax(spectrum) * 48000 / len(samples) - hz) < 8


def test_silence_is_silent():
    with registry.microphone("sim:silence") as microphone:
        assert not any(read(microphone).samples)


@pytest.mark.parametrize("uri", ["sim:pattern?mark=BOARDROOM&size=320x180", "file:{clip}?mark=BOARDROOM"])
def test_a_camera_with_a_mark_numbers_its_pictures(uri, clip):
    with registry.camera(uri.format(clip=clip)) as camera:
        marks = [decode(read(camera).y) for _ in range(3)]
    assert {mark.source for mark in marks} == {source_id("BOARDROOM")}
    assert len({mark.count for mark in marks}) == 3


def read_to_the_end(device):
    with device:
        while True:
            device.read(1.0)


def test_a_clip_that_does_not_loop_ends_with_a_word(clip):
    for device in (registry.camera(f"file:{clip}?loop=0"), registry.microphone(f"file:{clip}?loop=0")):
        with pytest.raises(DeviceError, match=r"is over; add \?loop=1"):
            read_to_the_end(device)


def test_a_clip_that_says_no_cameras_rate_plays_at_the_one_it_seems_to_have():
    """FFmpeg takes 3300 pictures a second for this one's rate."""
    with registry.camera(f"file:{DEMO_CLIP}") as camera:
        assert [camera.read(2.0) is not None for _ in range(5)] == [True] * 5
        assert camera.dropped < 100
