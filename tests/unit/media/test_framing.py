"""What is shown of the room, and how it moves there."""

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.media.framing import Face, Framing, Rules
from appliance.media.pointing import Pointing
from appliance.media.view import Crop, View
from hardware.camera.aim import Aim

FULL_HD, HD = (1920, 1080), (1280, 720)
VIEW = View(FULL_HD, HD, field_of_view_deg=80.0)
FPS = 30


class Meeting:
    """A framing that lives through a meeting, and what it showed."""

    def __init__(self, framing=None):
        self.framing = Framing(VIEW) if framing is None else framing
        self.now = 100.0
        self.crops = []

    def goes(self, seconds, voice=None, faces=()):
        for frame in range(round(seconds * FPS)):
            self.now += 1 / FPS
            if frame % 3 == 0:
                self.framing = self.framing.heard(voice, self.now)
            self.framing = self.framing.seen(faces).step(self.now)
            self.crops.append(self.framing.crop)
        return self.framing.crop


def test_a_speaker_is_shown_in_the_middle():
    crop = Meeting().goes(6.0, voice=20.0)
    assert crop.x == pytest.approx(VIEW.place(20.0), abs=0.01)
    assert crop.size == pytest.approx(VIEW.size_of(Rules().close_deg), abs=0.01)


def test_an_array_that_points_elsewhere_is_allowed_for():
    framing = Framing(replace(VIEW, array_deg=15.0))
    assert Meeting(framing).goes(6.0, voice=15.0).x == pytest.approx(0.5, abs=0.01)


def test_somebody_far_out_is_shown_as_near_as_the_picture_reaches():
    crop = Meeting().goes(6.0, voice=39.0)
    assert crop.x + crop.size / 2 == pytest.approx(1.0, abs=1e-3)


def test_a_voice_from_out_of_view_shows_all():
    meeting = Meeting()
    meeting.goes(8.0, voice=10.0)
    assert meeting.goes(12.0, voice=120.0) == Crop()


@pytest.mark.parametrize("seconds", [0.2, 0.9])
def test_a_cough_is_not_followed(seconds):
    meeting = Meeting()
    shown = meeting.goes(10.0, voice=-20.0)
    meeting.goes(seconds, voice=25.0)
    assert meeting.goes(6.0, voice=-20.0) == shown


def test_who_pauses_to_breathe_stays_in_view():
    meeting = Meeting()
    shown = meeting.goes(10.0, voice=-20.0)
    assert meeting.goes(7.0) == shown


def test_after_eight_silent_seconds_all_of_the_room_is_shown():
    meeting = Meeting()
    meeting.goes(10.0, voice=-20.0)
    assert meeting.goes(7.5) != Crop()
    assert meeting.goes(7.0) == Crop()


def test_the_next_speaker_is_shown_after_the_hold_and_not_before():
    meeting = Meeting()
    meeting.goes(1.5, voice=-20.0)
    first = meeting.framing.goal
    assert first != Crop()
    meeting.goes(2.0, voice=20.0)
    assert meeting.framing.goal == first
    meeting.goes(2.0, voice=20.0)
    assert meeting.framing.goal.x > 0.5


def test_two_who_take_turns_are_shown_together():
    meeting = Meeting()
    for _ in range(4):
        meeting.goes(2.5, voice=-20.0)
        meeting.goes(2.5, voice=20.0)
    assert meeting.framing.goal == Crop()
    meeting.goes(16.0, voice=20.0)
    assert meeting.framing.goal.x > 0.5


def test_small_movements_of_a_speaker_are_not_followed_but_a_walk_is():
    meeting = Meeting()
    shown = meeting.goes(10.0, voice=0.0)
    for step in range(20):
        meeting.goes(0.5, voice=2.0 * math.sin(step))
    assert meeting.framing.crop == shown
    for step in range(40):
        meeting.goes(0.5, voice=step * 0.6)
    assert meeting.framing.goal.x > shown.x + 0.1


def test_a_face_says_how_far_away_and_how_high():
    face = Face(VIEW.place(18.0), 0.4, 0.05, 0.09)
    crop = Meeting().goes(8.0, voice=20.0, faces=(Face(0.1, 0.5, 0.3, 0.5), face))
    assert crop.size == pytest.approx(0.09 * Rules().faces_high, abs=0.01)
    assert crop.x == pytest.approx(face.x, abs=0.01)
    assert crop.y - crop.size / 2 < face.y < crop.y


def test_a_face_that_is_not_the_speakers_is_not_shown():
    crop = Meeting().goes(8.0, voice=20.0, faces=(Face(0.1, 0.5, 0.3, 0.5),))
    assert crop.x == pytest.approx(VIEW.place(20.0), abs=0.01)


def test_an_aim_is_shown_until_it_may_frame_by_itself_again():
    meeting = Meeting()
    meeting.framing = meeting.framing.aimed(Aim(1.0, 1.0, 1.0))
    crop = meeting.goes(8.0, voice=-20.0)
    assert VIEW.box(crop).left + VIEW.box(crop).width == 1920
    assert VIEW.box(crop).top == 0
    assert VIEW.box(crop).width == VIEW.least_width
    meeting.framing = meeting.framing.aimed(None)
    assert meeting.goes(8.0, voice=-20.0).x < 0.5


def test_a_move_starts_and_stops_gently():
    meeting = Meeting()
    meeting.goes(8.0, voice=30.0)
    steps = [
        math.dist((a.x, a.size), (b.x, b.size)) * FPS for a, b in zip(meeting.crops, meeting.crops[1:], strict=False)
    ]
    moving = [speed for speed in steps if speed > 0]
    assert max(moving) > 0.8 * Rules().speed
    assert moving[0] < 0.2 * Rules().speed
    assert moving[-1] < 0.05 * Rules().speed
    changes = [abs(a - b) for a, b in itertools.pairwise(steps)]
    assert max(changes) < 0.2 * Rules().speed


angles = st.one_of(st.sampled_from([-25.0, 25.0, 28.0, None]), st.floats(-200, 200), st.just(math.nan))
parts = st.floats(0, 1)
faces = st.lists(st.builds(Face, parts, parts, parts, parts), max_size=3)
sizes = st.tuples(st.integers(80, 1000), st.integers(80, 600)).map(lambda size: (size[0] * 2, size[1] * 2))
views = st.builds(
    View,
    sizes,
    sizes,
    field_of_view_deg=st.floats(30, 120),
    array_deg=st.floats(-180, 180),
    least_width=st.integers(16, 2000),
)
ends = st.sampled_from([Aim(), Aim(1.0, 1.0, 1.0), Aim(-1.0, -1.0, 1.0), Aim(-1.0, 1.0, 0.5)])
aims = st.one_of(ends, st.builds(Aim, st.floats(-1, 1), st.floats(-1, 1), parts))
heard = st.tuples(st.just(Framing.heard), angles)
seen = st.tuples(st.just(Framing.seen), faces)
aimed = st.tuples(st.just(Framing.aimed), st.one_of(st.none(), aims))
lengths = st.one_of(st.sampled_from([1 / FPS, 0.2]), st.floats(0, 3))
events = st.lists(st.tuples(lengths, st.one_of(heard, seen, aimed)), max_size=30)


def parts_of(crop):
    return crop.x, crop.y, crop.size


def lived(framing, events):
    """Yield what was shown before and after each event, and how long it lasted."""
    now = 50.0
    framing = framing.step(now)
    for lasted, (takes, what) in events:
        before = takes(framing, what, now) if takes is Framing.heard else takes(framing, what)
        now += lasted
        framing = before.step(now)
        yield before, framing, lasted


@given(views, events)
def test_the_crop_is_always_inside_even_and_in_proportion(view, events):
    for _, framing, _ in lived(Framing(view), events):
        assert parts_of(view.inside(framing.crop)) == pytest.approx(parts_of(framing.crop), abs=1e-12)
        box = view.box(framing.crop)
        assert 0 <= box.left <= box.left + box.width <= view.picture[0]
        assert 0 <= box.top <= box.top + box.height <= view.picture[1]
        assert all(number % 2 == 0 for number in (box.left, box.top, box.width, box.height))
        assert min(box.width, box.height) >= 16
        # a pixel off in width, and one in height
        ratio = view.sent[1] / view.sent[0]
        assert abs(box.height - box.width * ratio) <= 1.001 + ratio or box.height == 16


@given(events)
def test_the_crop_is_never_narrower_than_the_least_width(events):
    for _, framing, _ in lived(Framing(VIEW), events):
        assert VIEW.box(framing.crop).width >= VIEW.least_width


@given(events)
def test_nothing_moves_faster_than_the_rules_say(events):
    for before, after, lasted in lived(Framing(replace(VIEW, least_width=160)), events):
        reach = Rules().speed * lasted * 1.01 + 1e-3
        for name in ("x", "y", "size"):
            assert abs(getattr(after.crop, name) - getattr(before.crop, name)) <= reach


@given(views, events, aims)
def test_it_arrives_and_then_stands_still(view, events, aim):
    *_, (_, framing, _) = lived(Framing(view), [*events, (1.0, (Framing.aimed, aim))])
    for step in range(60):
        framing = framing.step(200.0 + step / 2)
    assert framing.crop == framing.goal == view.inside(view.crop(aim))
    assert framing.step(300.0).crop == framing.crop


@given(views, events, st.integers(0, 3))
def test_a_picture_of_another_size_is_framed_within_itself(view, events, place):
    shown = [framing for _, framing, _ in lived(Framing(VIEW), events)]
    for framing in shown[-place:]:
        box = view.box(framing.seeing(view).crop)
        assert box.left + box.width <= view.picture[0]
        assert box.top + box.height <= view.picture[1]


@given(views, aims)
def test_an_aim_comes_back_from_its_crop(view, aim):
    crop = view.crop(aim)
    back = view.aim(crop)
    again = view.crop(back)
    assert (again.x, again.y, again.size) == pytest.approx((crop.x, crop.y, crop.size), abs=1e-6)


@given(views, st.floats(-60, 60))
def test_a_place_in_the_picture_has_its_direction(view, off):
    x = view.place(view.array_deg + off)
    if x is None:
        assert abs(off) > view.field_of_view_deg / 2 - 1e-9
    else:
        assert view.direction(x) == pytest.approx(view.array_deg + off, abs=1e-6)


def pointed(pointing, seconds, voice, start=0.0):
    for tick in range(round(seconds * 10)):
        pointing = pointing.heard(voice, start + tick / 10).step(start + tick / 10)
    return pointing


def test_a_head_with_motors_turns_to_the_speaker_and_back():
    pointing = pointed(Pointing(170.0, array_deg=-10.0), 3, 58.0)
    assert (pointing.aim.pan, pointing.aim.zoom) == (pytest.approx(68 / 170), 0.3)
    assert pointed(pointing, 12, None, start=3).aim == Aim()


def test_a_head_with_motors_moves_seldom():
    pointing, moves, now = Pointing(100.0), 0, 0.0
    for turn in range(30):
        for _ in range(20):
            now += 0.1
            after = pointing.heard((-30.0, 30.0, 5.0)[turn % 3], now).step(now)
            moves += after.aim != pointing.aim
            pointing = after
    assert 1 <= moves <= now / pointing.hold_s + 1


def test_a_voice_the_head_cannot_reach_shows_all():
    assert pointed(Pointing(100.0), 5, 150.0).aim == Aim()


@given(st.lists(st.tuples(st.floats(0, 3), angles), max_size=40))
def test_a_head_is_never_sent_where_it_cannot_go(voices):
    pointing, now = Pointing(30.0), 0.0
    for lasted, degrees in voices:
        now += lasted
        pointing = pointing.heard(degrees, now).step(now)
        assert abs(pointing.aim.pan) <= 1
