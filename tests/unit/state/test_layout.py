import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.state.layout import PersonId, Source, gallery, stage

SIZES = st.tuples(st.integers(320, 4096), st.integers(240, 2304)).map(lambda size: (size[0] // 2 * 2, size[1] // 2 * 2))


def people(count):
    return [(PersonId(f"p{n}"), Source.CAMERA) for n in range(count)]


def screen(person="p0"):
    return (PersonId(person), Source.SCREEN)


def sound(tiles, width, height):
    """Even numbers, inside the canvas, 16:9, and no two on the same pixel."""
    for tile in tiles:
        assert not (tile.x | tile.y | tile.w | tile.h) & 1
        assert min(tile.x, tile.y) >= 0
        assert min(tile.w, tile.h) >= 2
        assert tile.x + tile.w <= width
        assert tile.y + tile.h <= height
        assert abs(tile.w * 9 - tile.h * 16) <= 32
    for number, one in enumerate(tiles):
        for other in tiles[number + 1 :]:
            beside = one.x + one.w <= other.x or other.x + other.w <= one.x
            above = one.y + one.h <= other.y or other.y + other.h <= one.y
            assert beside or above


@given(st.integers(0, 60), SIZES)
def test_every_gallery_is_even_inside_and_without_overlap(count, size):
    tiles = gallery(people(count), *size)
    assert [tile.person for tile in tiles] == [person for person, _ in people(min(count, 49))]
    sound(tiles, *size)


@given(st.integers(0, 12), SIZES)
def test_every_stage_is_even_inside_and_without_overlap(count, size):
    tiles = stage(screen(), people(count), *size)
    assert tiles[0].source is Source.SCREEN
    assert len(tiles) == 1 + min(count, len(tiles) - 1)
    sound(tiles, *size)


@pytest.mark.parametrize(
    ("count", "size"),
    [
        (1, (1920, 1080)),
        (2, (960, 540)),
        (4, (960, 540)),
        (9, (640, 360)),
        (16, (480, 270)),
        (25, (384, 216)),
        (49, (274, 154)),
    ],
)
def test_the_grids_of_a_1080p_canvas(count, size):
    assert {(tile.w, tile.h) for tile in gallery(people(count))} == {size}


def test_two_people_sit_side_by_side():
    one, other = gallery(people(2))
    assert (one.x, one.y, other.x, other.y) == (0, 270, 960, 270)


def test_a_last_row_that_is_not_full_is_in_the_middle():
    assert [tile.x for tile in gallery(people(5))[3:]] == [320, 960]


def test_content_is_large_and_five_people_are_beside_it():
    tiles = stage(screen(), people(9))
    assert (tiles[0].x, tiles[0].y, tiles[0].w, tiles[0].h) == (0, 134, 1600, 900)
    places = [(tile.x, tile.y, tile.w, tile.h) for tile in tiles[1:]]
    assert places == [(1600, 134 + 180 * n, 320, 180) for n in range(5)]


def test_a_strip_that_is_not_full_is_in_the_middle():
    assert [tile.y for tile in stage(screen(), people(2))[1:]] == [404, 584]


def test_content_alone_has_the_whole_canvas():
    (tile,) = stage(screen(), [])
    assert (tile.x, tile.y, tile.w, tile.h) == (0, 0, 1920, 1080)
