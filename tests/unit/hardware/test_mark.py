import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.camera.mark import Mark, burn, decode, source_id


def picture(width, height, fill=90):
    return tuple(
        np.full(size, fill, np.uint8)
        for size in ((height, width), (height // 2, width // 2), (height // 2, width // 2))
    )


@given(source=st.integers(0, 0xFFFF), count=st.integers(0, 0xFFFF))
def test_what_is_burned_in_is_read_again(source, count):
    planes = picture(320, 180)
    burn(*planes, Mark(source, count))
    assert decode(planes[0]) == Mark(source, count)


@pytest.mark.parametrize(("width", "height"), [(320, 180), (256, 144), (640, 360), (1920, 1080), (472, 266)])
def test_the_mark_survives_shrinking_and_noise(width, height):
    planes = picture(1280, 720)
    burn(*planes, Mark(0xA5F0, 12345))
    small = cv2.resize(planes[0], (width, height), interpolation=cv2.INTER_LINEAR).astype(np.int16)
    small += np.random.default_rng(1).integers(-30, 30, small.shape, np.int16)
    assert decode(np.clip(small, 0, 255).astype(np.uint8)) == Mark(0xA5F0, 12345)


@pytest.mark.parametrize("fill", [0, 16, 128, 235, 255])
def test_a_plain_picture_carries_no_mark(fill):
    assert decode(picture(320, 180, fill)[0]) is None


def test_a_picture_of_noise_carries_no_mark():
    assert decode(np.random.default_rng(2).integers(0, 255, (180, 320), np.uint8)) is None


def test_what_covers_the_source_does_not_hide_the_count_from_who_knows_the_source():
    planes = picture(1920, 1080)
    burn(*planes, Mark(0xA5F1, 7))
    planes[0][60:120, 1380:] = 40
    assert decode(planes[0]) is None
    assert decode(planes[0], 0xA5F1) == Mark(0xA5F1, 7)
    assert decode(planes[0], 0xA5F0) is None


def test_names_get_different_ids():
    assert source_id("ROOM") == source_id("ROOM")
    assert len({source_id(name) for name in ("ROOM", "GUEST", "BOARDROOM", "")}) == 4
