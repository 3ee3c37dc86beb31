import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.camera.signal import FLAT_S, OFF_S, ON_S, SignalWatch, is_flat
from hardware.camera.sticks import STICKS, is_capture_stick
from hardware.ports import VideoFrame

FPS = 30
BLACK, WHITE, BLUE, GREEN = (16, 128, 128), (235, 128, 128), (41, 240, 110), (145, 54, 34)


def flat(colour, width=128, height=72):
    y, u, v = colour
    half = height // 2, width // 2
    return VideoFrame(np.full((height, width), y, np.uint8), np.full(half, u, np.uint8), np.full(half, v, np.uint8), 0)


def slide(seed=1):
    """A slide: it stands still, with text on white."""
    frame = flat(WHITE)
    frame.y[8:60:4, 10 : 60 + seed * 5] = 16
    return frame


def bars():
    """What a stick may draw without a source."""
    frame = flat(BLACK)
    for number in range(8):
        frame.y[:, number * 16 : number * 16 + 16] = 30 + number * 25
        frame.u[:, number * 8 : number * 8 + 8] = 60 + number * 20
    return frame


def noisy(frame, amount=2):
    noise = np.random.default_rng(5).integers(-amount, amount + 1, frame.y.shape)
    y = np.clip(frame.y.astype(int) + noise, 0, 255).astype(np.uint8)
    return VideoFrame(y, frame.u, frame.v, 0)


class Screen:
    """Shows one thing after another to a watch, at the rate of a stick."""

    def __init__(self, watch=None):
        self.watch = watch or SignalWatch()
        self.now = 1000.0

    def shows(self, frame, seconds, **how):
        """Return what was said during that time, by the end of each change, with when it began."""
        said = [(0.0, self.watch.has_signal)]
        begun = self.now
        while self.now < begun + seconds:
            told = self.watch.see(frame, self.now, **how)
            if told != said[-1][1]:
                said.append((round(self.now - begun, 2), told))
            self.now += 1 / FPS
        return said


def changed_at(said):
    """Return when it changed, if it did so once."""
    assert len(said) <= 2
    return said[1][0] if len(said) == 2 else None


def shared():
    screen = Screen()
    screen.shows(slide(), 1)
    assert screen.watch.has_signal
    return screen


def test_a_picture_is_a_signal_after_a_moment():
    assert ON_S <= changed_at(Screen().shows(slide(), 2)) < ON_S + 0.1


def test_one_glimpse_is_no_signal():
    screen = Screen()
    assert changed_at(screen.shows(slide(), 0.3)) is None
    assert changed_at(screen.shows(None, 1)) is None
    assert changed_at(screen.shows(slide(), 0.3)) is None


@pytest.mark.parametrize("frame", [flat(BLACK), flat(WHITE), flat(BLUE), None])
def test_one_colour_or_nothing_begins_no_share(frame):
    assert changed_at(Screen().shows(frame, 60)) is None


def test_a_slide_that_stands_still_is_a_signal_for_as_long_as_it_likes():
    assert changed_at(shared().shows(slide(), 120)) is None


def test_when_no_pictures_come_the_share_is_over_after_a_second():
    assert OFF_S <= changed_at(shared().shows(None, 5)) <= OFF_S + 0.1


def test_a_short_gap_is_none():
    """As sticks make when a screen changes its resolution."""
    screen = shared()
    assert changed_at(screen.shows(None, 0.8)) is None
    assert changed_at(screen.shows(slide(), 5)) is None


@pytest.mark.parametrize("colour", [BLACK, WHITE, GREEN])
def test_a_black_slide_ends_no_share_at_once(colour):
    screen = shared()
    assert changed_at(screen.shows(flat(colour), FLAT_S - 0.5)) is None
    assert changed_at(screen.shows(slide(), 5)) is None


def test_a_screen_that_stays_black_ends_the_share_and_a_picture_begins_it_again():
    screen = shared()
    assert FLAT_S <= changed_at(screen.shows(flat(BLACK), 20)) < FLAT_S + 0.1
    assert changed_at(screen.shows(slide(), 2)) < ON_S + 0.1


def test_black_with_a_pointer_in_it_is_a_picture():
    frame = flat(BLACK)
    frame.y[30:34, 50:52] = 200
    assert changed_at(shared().shows(frame, 60)) is None


def test_black_with_noise_is_a_picture():
    assert not is_flat(noisy(flat(BLACK)))


@pytest.mark.parametrize("plane", ["y", "u", "v"])
def test_one_point_of_another_colour_is_enough(plane):
    frame = flat(BLACK)
    assert is_flat(frame)
    getattr(frame, plane)[17, 23] += 1
    assert not is_flat(frame)


def test_flat_blue_ends_the_share_after_a_second():
    assert OFF_S <= changed_at(shared().shows(flat(BLUE), 5)) <= OFF_S + 0.1


def test_a_test_card_goes_for_a_picture():
    assert changed_at(shared().shows(bars(), 30)) is None


def test_the_drivers_word_that_there_is_no_source_is_believed():
    assert OFF_S <= changed_at(shared().shows(slide(), 5, driver=False)) <= OFF_S + 0.1
    assert changed_at(Screen().shows(slide(), 5, driver=False)) is None


def test_a_screen_of_one_picture_a_second_is_no_signal():
    screen = Screen()
    for _ in range(10):
        screen.watch.see(slide(), screen.now)
        assert not screen.watch.has_signal
        screen.now += 1.0


looks = st.sampled_from([None, flat(BLACK), flat(BLUE), slide(), bars()])


@given(st.lists(st.tuples(looks, st.floats(0.001, 3)), max_size=60))
def test_it_is_steady_whatever_is_seen(seen):
    """It never says yes without 0.4 s of pictures, nor no within a second of the last one."""
    watch, now = SignalWatch(), 0.0
    last_picture, changed = -math.inf, -math.inf
    for frame, pause in seen:
        now += pause
        before = watch.has_signal
        told = watch.see(frame, now)
        is_picture = frame is not None and not is_flat(frame)
        last_picture = now if is_picture else last_picture
        if told and not before:
            assert is_picture
            assert now - changed >= ON_S
        if before and not told:
            assert now - last_picture > OFF_S
        changed = now if told != before else changed


@pytest.mark.parametrize("usb", ["534d:2109", "534D:2109", " 0fd9:0066\n", "2935:0008"])
def test_hdmi_inputs_are_known_by_their_usb_numbers(usb):
    assert is_capture_stick(usb)


@pytest.mark.parametrize("usb", ["046d:085e", "", "2", ":", "29355:0008", "534d"])
def test_other_numbers_are_no_hdmi_inputs(usb):
    assert not is_capture_stick(usb)


def test_the_page_about_hardware_lists_every_known_number():
    page = (Path(__file__).parents[3] / "docs" / "hardware.md").read_text()
    assert not [number for number in STICKS if f"`{number}`" not in page]


def test_the_numbers_in_the_table_can_match():
    assert all(len(number) == 9 and number == number.lower() and number[4] == ":" for number in STICKS)
