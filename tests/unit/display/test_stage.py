from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tv_builders import NOW, HandRing, HandSource, in_call, plain, room

from appliance.link.faults import Fault
from appliance.state.layout import Layout, PersonId, Source, Tile
from appliance.state.room import Agenda, Call, Countdown, Meeting, MeetingKey, Participant, Phase
from display import theme
from display.canvas import Canvas
from display.colour import to_sticker, yuv
from display.frames import PictureBook
from display.geometry import Rect
from display.scenes.choose import View, choose_scene
from display.stage import Stage

ADA, GRACE = PersonId("p0"), PersonId("p1")
BLUE, ORANGE = (90, 200, 110), (150, 60, 190)
START_NS = 10**12
MS = 10**6


class Show:
    """A stage with a ring in the test's hand and a clock that stands still."""

    def __init__(self, state, size=(1920, 1080)):
        self.state = state
        self.ring = HandRing(state.layout)
        self.source = HandSource(self.ring)
        self.canvas = Canvas(*size)
        self.stage = Stage(self.canvas, PictureBook(self.source))
        self.ns = START_NS

    def put(self, person, colour, number=1, **more):
        tile = next(tile for tile in self.ring.layout.tiles if tile.person == person)
        self.ring.put(person, plain(tile.w, tile.h, colour, number=number, now_ns=self.ns, **more))

    def draw(self, now=NOW, **view):
        return self.stage.draw(choose_scene(View(self.state, **view), now), self.ns)

    def colour(self, index):
        """The middle of a tile."""
        tile = self.state.layout.tiles[index]
        y, x = tile.y + tile.h // 2, tile.x + tile.w // 2
        return int(self.canvas.y[y, x]), *(int(plane[y // 2, x // 2]) for plane in self.canvas.uv)


def test_each_picture_is_in_its_own_tile():
    show = Show(in_call(["Ada", "Grace"]))
    show.put(ADA, BLUE)
    show.put(GRACE, ORANGE)
    drawn = show.draw()
    assert (show.colour(0), show.colour(1)) == (BLUE, ORANGE)
    assert drawn.remote
    assert drawn.stale == ()


def test_a_picture_that_was_written_over_while_it_was_drawn_is_drawn_again():
    show = Show(in_call(["Ada"]))
    torn = iter([False])

    def whole():
        # the first look finds another picture's lines in it; by then that picture is there
        if next(torn, True):
            return True
        show.put(ADA, ORANGE, number=2)
        return False

    show.put(ADA, BLUE)
    show.ring.frames[ADA, Source.CAMERA] = replace(show.ring.frames[ADA, Source.CAMERA], whole=whole)
    show.draw()
    assert show.colour(0) == ORANGE


def test_the_gap_between_tiles_stays_dark():
    show = Show(in_call(["Ada", "Grace"]))
    show.put(ADA, BLUE)
    show.draw()
    ada, grace = show.state.layout.tiles
    assert ada.x + ada.w == grace.x
    gap = show.canvas.y[ada.y : ada.y + ada.h, grace.x - 6 : grace.x + 2]
    assert np.unique(gap).tolist() == [yuv(theme.NIGHT)[0]]


def test_nothing_is_drawn_while_nothing_changes():
    show = Show(in_call(["Ada", "Grace"]))
    show.put(ADA, BLUE)
    show.draw()
    before = show.canvas.rev
    assert not show.draw().remote
    show.draw(NOW + timedelta(seconds=9))
    assert show.canvas.rev == before


def test_labels_are_drawn_once_however_often_their_tiles_are(monkeypatch):
    drawn = []
    monkeypatch.setattr("display.stage.to_sticker", lambda image: drawn.append(image) or to_sticker(image))
    show = Show(in_call(["Ada", "Grace"]))
    counts = []
    for number in range(10):
        show.put(ADA, BLUE, number=number)
        show.put(GRACE, ORANGE, number=number)
        # each time a scene of its own, as at every change of the room's state
        show.state = replace(show.state, rev=number, call=replace(show.state.call, title=f"Review {number % 2}"))
        show.draw()
        counts.append(len(drawn))
    assert counts[1] >= 2
    assert counts[-1] == counts[1]


def test_a_new_picture_redraws_its_tile_alone():
    show = Show(in_call(["Ada", "Grace"]))
    show.put(ADA, BLUE)
    show.put(GRACE, ORANGE)
    show.draw()
    mark = Rect(show.state.layout.tiles[1].x + 100, show.state.layout.tiles[1].y + 100, 2, 2)
    show.canvas.fill(mark, (255, 255, 255))
    show.put(ADA, ORANGE, number=2)
    show.draw()
    assert show.colour(0) == ORANGE
    assert (show.canvas.views(mark)[0] == 235).all()


def test_a_minute_redraws_the_clock_and_not_the_agenda():
    show = Show(room())
    show.draw()
    mark = Rect(1200, 120, 2, 2)
    show.canvas.fill(mark, (255, 0, 0))
    clock = show.canvas.views(Rect(96, 320, 800, 200))[0].copy()
    show.draw(NOW + timedelta(minutes=1))
    assert (show.canvas.views(mark)[0] == yuv((255, 0, 0))[0]).all()
    assert (show.canvas.views(Rect(96, 320, 800, 200))[0] != clock).any()


def test_each_second_of_the_countdown_looks_as_if_drawn_alone():
    state = room(countdown=Countdown(MeetingKey("k1"), "Weekly", NOW, NOW + timedelta(seconds=42)))
    ticking, alone = Show(state), Show(state)
    for second in range(3):
        ticking.draw(NOW + timedelta(seconds=second))
    alone.draw(NOW + timedelta(seconds=2))
    assert np.array_equal(ticking.canvas.y, alone.canvas.y)
    assert all(map(np.array_equal, ticking.canvas.uv, alone.canvas.uv))


def test_a_picture_of_another_layout_is_not_drawn():
    show = Show(in_call(["Ada"], rev=4))
    show.ring.layout = replace(show.ring.layout, rev=3)
    show.put(ADA, BLUE)
    assert not show.draw().remote
    assert show.colour(0) != BLUE


def test_people_who_swap_tiles_keep_their_own_picture():
    show = Show(in_call(["Ada", "Grace"], rev=3))
    show.put(ADA, BLUE)
    show.put(GRACE, ORANGE)
    show.draw()
    first, second = show.state.layout.tiles
    swapped = (replace(first, person=GRACE), replace(second, person=ADA))
    show.state = replace(show.state, layout=Layout(4, 1920, 1080, swapped))
    show.draw()
    assert (show.colour(0), show.colour(1)) == (ORANGE, BLUE)


def test_a_picture_older_than_half_a_second_is_grey_and_told():
    show = Show(in_call(["Ada", "Grace"]))
    show.put(ADA, BLUE)
    show.put(GRACE, ORANGE)
    show.draw()
    show.ns += 400 * MS
    show.put(GRACE, ORANGE, number=2)
    assert show.draw().stale == ()
    show.ns += 200 * MS
    assert show.draw().stale == ("p0",)
    assert show.colour(0)[1:] == (128, 128)
    assert show.colour(0)[0] < BLUE[0]
    assert show.colour(1) == ORANGE
    show.put(ADA, BLUE, number=2)
    assert show.draw().stale == ()
    assert show.colour(0) == BLUE


def test_a_person_without_new_pictures_does_not_hold_the_old_rings_memory():
    show = Show(in_call(["Ada", "Grace"]))
    show.put(ADA, BLUE)
    show.draw()
    old = show.ring.frames[ADA, Source.CAMERA]
    show.source.ring = HandRing(show.state.layout)
    show.ring = show.source.ring
    show.put(GRACE, ORANGE)
    show.draw()
    held = show.stage._book.turn(show.stage._actors[0].tile, show.ns).frame
    assert (held.y == old.y).all()
    assert not np.shares_memory(held.y, old.y)
    assert show.colour(0) == BLUE


def test_media_gone_greys_every_copy_and_its_return_lights_them():
    show = Show(in_call(["Ada"]))
    show.put(ADA, BLUE)
    show.draw()
    show.source.ring = None
    assert show.draw().stale == ("p0",)
    show.source.ring = HandRing(show.state.layout)
    show.ring = show.source.ring
    show.put(ADA, ORANGE)
    assert show.draw().stale == ()
    assert show.colour(0) == ORANGE


def test_a_still_screen_share_is_not_called_stale_at_once():
    tile = Tile(ADA, Source.SCREEN, 0, 0, 640, 360)
    state = in_call(["Ada"])
    people = (replace(state.call.participants[0], screen_on=True),)
    show = Show(replace(state, layout=Layout(3, 1920, 1080, (tile,)), call=replace(state.call, participants=people)))
    show.ring.put(ADA, plain(640, 360, BLUE, now_ns=show.ns), Source.SCREEN)
    show.draw()
    show.ns += 1500 * MS
    assert show.draw().stale == ()
    show.ns += 2000 * MS
    assert show.draw().stale == ("p0",)


def test_a_camera_switched_off_leaves_no_grey_face():
    show = Show(in_call(["Ada"]))
    show.put(ADA, BLUE)
    show.draw()
    people = (replace(show.state.call.participants[0], camera_on=False),)
    show.state = replace(show.state, call=replace(show.state.call, participants=people))
    show.ns += 600 * MS
    assert show.draw().stale == ()
    assert show.colour(0)[0] not in {BLUE[0], 16}
    tile = show.state.layout.tiles[0]
    surface = show.canvas.y[tile.y + 40, tile.x + 400]
    assert surface == yuv(theme.SURFACE)[0]


def test_the_rooms_own_picture_is_not_a_remote_one():
    show = Show(in_call(["Ada"]))
    show.state = replace(show.state, call=replace(show.state.call, participants=()))
    show.put(ADA, BLUE)
    assert not show.draw().remote
    assert show.colour(0) == BLUE


def test_who_speaks_has_a_border_and_corners_are_round():
    show = Show(in_call(["Ada", "Grace"], speakers=(GRACE,)))
    show.put(ADA, BLUE)
    show.put(GRACE, BLUE)
    show.draw()
    ada, grace = show.state.layout.tiles
    for tile, edge in ((ada, BLUE[0]), (grace, yuv(theme.GOOD)[0])):
        assert show.canvas.y[tile.y, tile.x] == yuv(theme.NIGHT)[0]
        assert show.canvas.y[tile.y + 8, tile.x + tile.w // 2] == edge
        assert show.canvas.y[tile.y + tile.h // 2, tile.x + 8] == edge


def test_reconnecting_takes_the_colour_out_until_the_call_is_back():
    show = Show(in_call(["Ada", "Grace"], phase=Phase.RECONNECTING))
    show.put(ADA, BLUE)
    show.draw()
    assert show.colour(0)[1:] == (128, 128)
    show.state = replace(show.state, call=replace(show.state.call, phase=Phase.LIVE))
    show.draw()
    assert show.colour(0) == BLUE


def test_a_banner_floats_over_moving_pictures_without_growing_denser():
    show = Show(in_call(["Ada"]))
    show.put(ADA, BLUE)
    show.draw(daemon_lost=True)
    band = Rect(400, 40, 1120, 100)
    first = show.canvas.views(band)[0].copy()
    show.put(ADA, BLUE, number=2)
    show.draw(daemon_lost=True)
    assert (show.canvas.views(band)[0] == first).all()
    assert (first != BLUE[0]).any()
    show.draw()
    assert (show.canvas.views(Rect(700, 60, 500, 40))[0] == BLUE[0]).all()


@pytest.mark.parametrize("size", [(1280, 720), (3840, 2160), (1280, 800), (320, 180)])
def test_a_canvas_of_another_size_shows_the_same_scenes(size):
    for state in (room(), in_call(["Ada"]), in_call([]), room(call=Call(Phase.JOINING, title="Review"))):
        show = Show(state, size)
        show.draw()
        assert np.ptp(show.canvas.y) > 100
    show = Show(room(), size)
    show.draw(faults=(Fault("daemon", "It stopped.", NOW),))
    assert np.ptp(show.canvas.y) > 100


hostile = st.text(max_size=120) | st.sampled_from(
    [
        "[@click=app.leave]x[/]",
        "\u202e\u2066evil",
        "Z\u0351\u036b\u0343" * 40,
        "👩‍👩‍👧‍👦" * 30,
        "\ud800",
        "%s%n{}",
        "\0\x1b[2J",
    ]
)


@settings(max_examples=25, deadline=None)
@given(hostile, hostile, hostile)
def test_no_strangers_text_darkens_the_tv(name, title, reason):
    tile = Tile(ADA, Source.CAMERA, 16, 16, 640, 360)
    call = Call(Phase.RECONNECTING, MeetingKey("k"), title, NOW, (Participant(ADA, name),), reason=reason)
    meetings = (Meeting(MeetingKey("k"), title, NOW, NOW + timedelta(hours=1), name, why=reason),)
    agenda = Agenda(meetings * 3, NOW, reason)
    for state in (
        room(call=call, layout=Layout(1, 1920, 1080, (tile,))),
        room(name=name, agenda=agenda, notice=reason, how_to_join=title),
    ):
        show = Show(state)
        show.draw()
        assert np.ptp(show.canvas.y) > 100
