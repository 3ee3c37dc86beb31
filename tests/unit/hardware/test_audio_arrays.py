import math

import pytest

from hardware.audio.arrays import KNOWN, array_of, asked_for, from_geometry
from hardware.ports import Array, BadUri
from hardware.uri import DeviceUri


def uri(options=""):
    return DeviceUri.parse(f"pipewire:array{'?' if options else ''}{options}")


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_a_layout_fits_its_channels(known):
    for channels, array in known.layouts.items():
        named = [*array.microphones, array.processed, array.reference]
        used = [channel for channel in named if channel is not None]
        assert len(used) == len(set(used))
        assert all(0 <= channel < channels for channel in used)
        assert len(array.places) == len(array.microphones)
        assert all(math.hypot(*place) < 0.2 for place in array.places)
        # the host cancels echoes on bare microphones
        assert not array.cleans


@pytest.mark.parametrize(
    ("usb", "name", "channels", "microphones", "processed", "reference"),
    [
        ("2886:0018", "ReSpeaker 4 Mic Array (UAC1.0)", 6, (1, 2, 3, 4), 0, 5),
        ("2886:001A", "reSpeaker XVF3800 4-Mic Array", 6, (2, 3, 4, 5), 0, None),
        ("2752:001c", "micArray RAW SPK", 8, (0, 1, 2, 3, 4, 5, 6), None, None),
        ("", "seeed-8mic-voicecard", 8, (0, 1, 2, 3, 4, 5), None, 6),
        ("", "seeed4micvoicec", 4, (0, 1, 2, 3), None, None),
    ],
)
def test_a_known_array_has_its_bare_microphones(usb, name, channels, microphones, processed, reference):
    array = array_of(usb, name, channels)
    assert (array.microphones, array.processed, array.reference) == (microphones, processed, reference)
    assert array.name


@pytest.mark.parametrize(
    ("usb", "name", "channels"),
    [
        ("2886:0018", "ReSpeaker 4 Mic Array", 1),
        ("2886:0018", "ReSpeaker with a firmware of tomorrow", 5),
        ("0b0e:0412", "Jabra Speak 410", 1),
        ("095d:9217", "Polycom Studio", 2),
        ("046d:085e", "Logitech MeetUp Speakerphone", 1),
        ("20b1:0011", "XMOS VocalFusion St", 2),
    ],
)
def test_what_cleans_its_own_sound_says_so_in_any_layout(usb, name, channels):
    array = array_of(usb, name, channels)
    assert array.cleans
    assert array.processed == 0
    assert array.microphones == (0,)


@pytest.mark.parametrize(
    ("usb", "name", "channels"), [("046d:085e", "BRIO Ultra HD Webcam", 2), ("", "", 0), ("20b1:3008", "A DAC", 10)]
)
def test_of_an_unknown_device_the_first_channel_is_the_rooms(usb, name, channels):
    assert array_of(usb, name, channels) == Array(name)


def test_a_circle_begins_ahead_and_goes_clockwise():
    places = from_geometry(uri("geometry=circle:0.05"), 4)
    assert [tuple(round(x, 6) for x in place) for place in places] == [(0, 0.05), (0.05, 0), (0, -0.05), (-0.05, 0)]


def test_a_line_goes_from_left_to_right():
    assert from_geometry(uri("geometry=line:0.05"), 3) == ((-0.05, 0.0), (0.0, 0.0), (0.05, 0.0))


def test_the_uri_says_which_channels_are_microphones_and_where():
    array = asked_for(uri("microphones=1-4&geometry=line:0.1"), Array("x", processed=0), 6)
    assert array.microphones == (1, 2, 3, 4)
    assert array.places[0] == pytest.approx((-0.15, 0))


def test_a_turned_array_has_its_front_elsewhere():
    array = asked_for(uri("geometry=circle:0.05&turned=90"), Array("x"), 4)
    # what was ahead is on the right now
    assert array.places[0] == pytest.approx((0.05, 0))
    assert array.places[1] == pytest.approx((0, -0.05))


@pytest.mark.parametrize(
    "options",
    [
        "geometry=square:0.05",
        "geometry=circle:wide",
        "geometry=circle:nan",
        "geometry=circle:40",
        "geometry=line",
        "geometry=line:0.05&microphones=4-1",
        "geometry=line:0.05&microphones=1-9",
        "geometry=line:0.05&microphones=all",
        "turned=ninety",
    ],
)
def test_a_shape_that_is_none_is_explained(options):
    with pytest.raises(BadUri, match="should"):
        asked_for(uri(options), Array("x"), 6)
