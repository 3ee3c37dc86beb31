from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from appliance.link.scale import scale
from display.canvas import Canvas
from display.colour import to_image, to_planes, to_sticker, yuv
from display.geometry import Design, Rect, letterbox

RED, GREEN = (200, 30, 30), (30, 180, 60)


def picture(w, h, colour):
    return tuple(
        np.full(shape, value, np.uint8)
        for shape, value in zip(((h, w), (h // 2, w // 2), (h // 2, w // 2)), colour, strict=True)
    )


def outside(canvas, rect):
    """Copies of the planes with the rectangle blanked, to see that nothing else changed."""
    planes = [plane.copy() for plane in (canvas.y, *canvas.uv)]
    for plane, unit in zip(planes, (1, 2, 2), strict=True):
        plane[rect.y // unit : rect.bottom // unit, rect.x // unit : rect.right // unit] = 0
    return planes


@pytest.mark.parametrize("size", [(320, 180), (640, 360), (100, 56), (1920, 1080)])
def test_a_picture_of_any_size_fills_its_tile_and_nothing_else(size):
    canvas, rect = Canvas(640, 360), Rect(64, 36, 320, 180)
    before = outside(canvas, rect)
    canvas.place(rect, picture(*size, (120, 90, 160)), GREEN)
    inside = canvas.views(rect)
    # shapes that differ from 16:9 by rounding leave no hairline
    assert [np.unique(plane[4:-4, 4:-4]).tolist() for plane in inside] == [[120], [90], [160]]
    for old, new in zip(before, outside(canvas, rect), strict=True):
        assert (old == new).all()


def test_pictures_are_written_in_place():
    canvas = Canvas(640, 360)
    for view in canvas.views(Rect(2, 4, 100, 60)):
        assert np.shares_memory(view, canvas.memory)
        scale(np.full((7, 9), 200, np.uint8), view)
        assert (view == 200).all()


def test_a_picture_of_its_tiles_size_is_copied_and_not_scaled(monkeypatch):
    monkeypatch.setattr("display.canvas.scale", Mock(side_effect=AssertionError("nothing is to be scaled")))
    canvas, rect = Canvas(640, 360), Rect(64, 36, 320, 180)
    canvas.place(rect, picture(320, 180, (120, 90, 160)), GREEN)
    assert [np.unique(plane).tolist() for plane in canvas.views(rect)] == [[120], [90], [160]]


def test_a_portrait_picture_stands_between_margins():
    canvas, rect = Canvas(640, 360), Rect(0, 0, 320, 180)
    canvas.place(rect, picture(90, 160, (120, 90, 160)), GREEN)
    y, _, _ = canvas.views(rect)
    green = yuv(GREEN)[0]
    assert (y[:, :100] == green).all()
    assert (y[:, 114:206] == 120).all()
    assert (y[:, 220:] == green).all()


def test_letterbox_keeps_the_shape_and_even_numbers():
    assert letterbox(1280, 720, Rect(0, 0, 626, 352)) == Rect(0, 0, 626, 352)
    assert letterbox(720, 1280, Rect(0, 0, 640, 360)) == Rect(218, 0, 202, 360)
    assert letterbox(2, 4000, Rect(0, 0, 640, 360)).w == 2


def test_odd_and_outside_rectangles_are_refused():
    with pytest.raises(ValueError, match="odd"):
        Rect(1, 0, 10, 10)
    with pytest.raises(ValueError, match="not inside"):
        Canvas(64, 36).fill(Rect(60, 0, 10, 10), RED)


def test_grey_takes_the_colour_out_of_one_tile():
    canvas, rect = Canvas(640, 360), Rect(64, 36, 320, 180)
    canvas.fill(canvas.rect, RED)
    canvas.grey(canvas.views(rect))
    y, u, v = canvas.views(rect)
    assert (u == 128).all()
    assert (v == 128).all()
    assert 16 <= y[0, 0] < yuv(RED)[0]
    assert canvas.y[0, 0] == yuv(RED)[0]


def test_a_sticker_is_blended_only_inside_its_clip():
    canvas = Canvas(64, 64)
    canvas.fill(canvas.rect, RED)
    sticker = to_sticker(Image.new("RGBA", (32, 32), (*GREEN, 255)))
    canvas.blit(sticker, 16, 16, Rect(16, 16, 8, 32))
    assert (canvas.views(Rect(16, 16, 8, 32))[0] == yuv(GREEN)[0]).all()
    assert (canvas.views(Rect(24, 16, 24, 32))[0] == yuv(RED)[0]).all()
    canvas.blit(sticker, 56, -8)
    assert canvas.y[0, 63] == yuv(GREEN)[0]


def test_half_a_stickers_opacity_is_half_its_colour():
    canvas = Canvas(64, 64)
    canvas.fill(canvas.rect, (0, 0, 0))
    canvas.blit(to_sticker(Image.new("RGBA", (64, 64), (255, 255, 255, 128))), 0, 0)
    assert abs(int(canvas.y[5, 5]) - (16 + 235) // 2) <= 2


def test_sparse_blends_do_what_the_separate_ones_do():
    one, other = Canvas(64, 64), Canvas(64, 64)
    image = Image.new("RGBA", (20, 20), (*GREEN, 0))
    image.paste((*RED, 180), (3, 4, 9, 11))
    sticker = to_sticker(image)
    for canvas in (one, other):
        canvas.fill(canvas.rect, GREEN)
    one.blit(sticker, 2, 6)
    one.blit(sticker, 40, 30)
    other.sparse(other.blends(sticker, 2, 6) + other.blends(sticker, 40, 30)).apply()
    assert (one.memory == other.memory).all()


def test_a_cover_blends_brightness_and_takes_over_the_colour():
    blended, covered = Canvas(64, 64), Canvas(64, 64)
    sticker = to_sticker(Image.new("RGBA", (32, 32), (*GREEN, 200)))
    for canvas in (blended, covered):
        canvas.fill(canvas.rect, RED)
    blended.blit(sticker, 16, 16)
    for cover in covered.covers(sticker, 16, 16):
        cover.apply()
    assert (blended.y == covered.y).all()
    _, u, v = covered.views(Rect(16, 16, 32, 32))
    assert abs(int(u[3, 3]) - yuv(GREEN)[1]) <= 2
    assert abs(int(v[3, 3]) - yuv(GREEN)[2]) <= 2
    assert covered.uv[0][2, 2] == yuv(RED)[1]
    assert covered.covers(sticker, 70, 70) == []


def test_drawings_come_back_from_the_canvas_in_their_colours():
    canvas = Canvas(64, 64)
    for colour in (RED, GREEN, (0, 0, 0), (255, 255, 255), (96, 165, 255)):
        canvas.paste(0, 0, to_planes(Image.new("RGB", (64, 64), colour)))
        shown = to_image(canvas).getpixel((30, 30))
        assert max(abs(a - b) for a, b in zip(shown, colour, strict=True)) <= 4


def test_limited_range_bounds_what_is_drawn():
    assert yuv((0, 0, 0)) == (16, 128, 128)
    assert yuv((255, 255, 255)) == (235, 128, 128)


def test_full_range_pictures_are_squeezed():
    canvas = Canvas(64, 64)
    canvas.place(canvas.rect, picture(64, 64, (255, 128, 128)), RED, full_range=True)
    assert (canvas.y == 235).all()


def test_bt709_pictures_keep_their_colour():
    # pure red in BT.709, limited range, must become pure red in BT.601
    canvas = Canvas(64, 64)
    canvas.place(canvas.rect, picture(64, 64, (63, 102, 240)), GREEN, matrix=1)
    shown = (int(canvas.y[9, 9]), int(canvas.uv[0][9, 9]), int(canvas.uv[1][9, 9]))
    assert all(abs(a - b) <= 2 for a, b in zip(shown, yuv((255, 0, 0)), strict=True))


def test_every_change_is_counted():
    canvas = Canvas(64, 64)
    rev = canvas.rev
    canvas.fill(Rect(0, 0, 2, 2), RED)
    assert canvas.rev == rev + 1
    assert canvas.copy().rev == canvas.rev


def test_a_design_part_stays_on_canvases_of_other_sizes():
    for width, height in ((1280, 720), (3840, 2160), (1280, 800), (320, 180)):
        canvas = Rect(0, 0, width, height)
        for part in (Rect(0, 0, 1920, 1080), Rect(1032, 960, 792, 50)):
            place = Design(width, height).on_canvas(part)
            assert place.intersect(canvas) == place
