"""Which device a URI of the settings means."""

from __future__ import annotations

import pytest

from hardware.choice import matches, present
from hardware.ports import Found

CAMERA = Found("camera", "usb:046d:085e:A7", "BRIO", "/dev/video4", "pci-1")
STICK = Found("capture", "usb:534d:2109@pci-0", "USB Video", "/dev/video0", "pci-0")
MICROPHONE = Found("microphone", "usb:2886:0018:S", "Array", "hw:2", "pci-2")
SPEAKER = Found("speaker", "usb:2886:0018:S", "Array", "hw:2", "pci-2")
PLUGGED = Found("camera", "sim:camera-Left", "Left", "/room/camera-Left")
FOUND = (STICK, CAMERA, MICROPHONE, SPEAKER, PLUGGED)


@pytest.mark.parametrize(
    ("uri", "kind", "wanted"),
    [
        ("v4l2:", "camera", CAMERA),
        ("v4l2:", "", CAMERA),
        ("v4l2:", "capture", STICK),
        ("v4l2:?size=640x360", "camera", CAMERA),
        ("v4l2:/dev/video0", "camera", STICK),
        ("v4l2:brio", "capture", None),
        ("v4l2:046d:085e", "capture", CAMERA),
        ("v4l2:usb%3A046d%3A085e%3AA7", "camera", CAMERA),
        ("v4l2:array", "camera", None),
        ("V4L2:usb:046d:085e:A7", "camera", CAMERA),
        ("alsa:", "", MICROPHONE),
        ("alsa:", "speaker", SPEAKER),
        ("alsa:hw:2", "microphone", MICROPHONE),
        ("pipewire:array", "speaker", SPEAKER),
        ("alsa:brio", "microphone", None),
        ("alsa:", "camera", None),
        ("sim:pattern?plug=/room/camera-Left", "camera", PLUGGED),
        ("sim:pattern?plug=/room/camera-Right", "camera", None),
        ("sim:pattern", "camera", None),
        ("file:/clip.mp4", "camera", None),
        ("nonsense", "camera", None),
    ],
)
def test_a_uri_means_the_first_device_that_fits_what_it_is_wanted_for(
    uri: str, kind: str, wanted: Found | None
) -> None:
    assert matches(uri, FOUND, kind) == wanted


def test_an_hdmi_input_is_no_camera_to_somebody_who_takes_any() -> None:
    assert matches("v4l2:", [STICK], "camera") is None
    assert matches("v4l2:usb video", [STICK], "camera") == STICK


def test_a_camera_goes_before_an_hdmi_input_with_the_same_words_in_its_name() -> None:
    camera = Found("camera", "usb:1:2", "My USB Video camera", "/dev/video9")
    assert matches("v4l2:usb video", [STICK, camera], "camera") == camera


def test_a_camera_is_shared_only_where_it_is_named_by_number_port_or_node() -> None:
    camera = Found("camera", "usb:1234:5678", "HDMI Camera", "/dev/video9", "pci-1")
    assert matches("v4l2:hdmi", [camera], "capture") is None
    for selector in ("1234:5678", "usb:1234:5678", "pci-1", "/dev/video9"):
        assert matches(f"v4l2:{selector}", [camera], "capture") == camera


@pytest.mark.parametrize(
    ("uri", "there"),
    [
        ("v4l2:", False),
        ("v4l2:anything", False),
        ("alsa:", False),
        ("alsa:hw:7", False),
        ("alsa:2886:0018", False),
        ("alsa:default", None),
        ("pipewire:", None),
        ("picamera:0", None),
        ("sim:pattern", None),
        ("sim:pattern?plug=/gone", False),
        ("file:/clip.mp4", None),
        ("nonsense", None),
    ],
)
def test_what_is_not_found_is_missing_only_where_udev_would_know_of_it(uri: str, there: bool | None) -> None:
    assert present(uri, ()) is there


def test_what_is_found_is_there() -> None:
    assert present("pipewire:array", FOUND, "microphone") is True
    assert present("sim:pattern?plug=/room/camera-Left", FOUND) is True
