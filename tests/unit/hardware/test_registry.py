import pytest

from hardware import registry
from hardware.ports import BadUri, DeviceError, DeviceMissing, UnknownScheme
from hardware.uri import DeviceUri


def test_an_unknown_scheme_names_the_known_ones():
    with pytest.raises(
        UnknownScheme, match=r"no camera driver webcam: yet; known: sim: \(simulated\), file: \(simulated\)"
    ):
        registry.camera("webcam:0")


@pytest.mark.parametrize("text", ["", "clip.mp4", ":pattern"])
def test_what_is_no_uri_is_explained(text):
    with pytest.raises(BadUri, match="write scheme:name"):
        registry.microphone(text)


@pytest.mark.parametrize(
    ("open_", "uri", "words"),
    [
        (registry.camera, "sim:patern", "it has sim:pattern"),
        (registry.camera, "sim:pattern?colour=red", "no option 'colour'; it has mark, size, fps"),
        (registry.camera, "sim:pattern?size=big", "should look like 1280x720"),
        (registry.camera, "sim:pattern?fps=1000", "from 1 to 60"),
        (registry.camera, "file:/clip.mp4?loop=yes", "should be 0 or 1"),
        (registry.microphone, "sim:hum", "sim:tone and sim:silence"),
        (registry.microphone, "sim:silence?hz=3", "no option 'hz'; it has plug"),
        (registry.speaker, "sim:cone", "it has sim:sink"),
    ],
)
def test_a_wrong_uri_says_what_is_right(open_, uri, words):
    with pytest.raises(BadUri, match=words):
        open_(uri)


def test_a_missing_clip_names_the_path_and_the_remedy(tmp_path):
    with (
        pytest.raises(DeviceMissing, match=r"no clip at .*gone\.mp4: put a video file there"),
        registry.camera(f"file:{tmp_path}/gone.mp4"),
    ):
        pass


def test_a_file_that_is_no_clip_is_a_device_error(tmp_path):
    (tmp_path / "notes.mp4").write_text("hello")
    with pytest.raises(DeviceError, match="cannot be opened"), registry.camera(f"file:{tmp_path}/notes.mp4"):
        pass


def test_a_clip_without_sound_is_no_microphone(silent_clip):
    with pytest.raises(DeviceError, match="no audio in it"), registry.microphone(f"file:{silent_clip}"):
        pass


def test_a_size_is_made_even():
    assert DeviceUri.parse("sim:pattern?size=641x361").size() == (640, 360)


def test_a_path_may_hold_encoded_characters():
    assert DeviceUri.parse("file:/a%20b%3F.mp4?loop=0").path == "/a b?.mp4"


def test_simulations_are_told_from_devices():
    assert [registry.simulated(uri) for uri in ("sim:pattern", "file:/x", "v4l2:/dev/video0")] == [True, True, False]
