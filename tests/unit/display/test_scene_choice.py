from dataclasses import replace
from datetime import timedelta
from itertools import combinations

import pytest
from tv_builders import NOW, in_call, room

from appliance.link.faults import Fault
from appliance.state.devices import DeviceKind, DeviceUse
from appliance.state.layout import Layout, PersonId, Source, Tile
from appliance.state.room import Agenda, AutoJoin, Call, Countdown, Meeting, MeetingKey, Phase, Senses, Wanted
from appliance.state.sound import Hearing, SoundHint
from display import theme
from display.geometry import Rect
from display.icons import Icon
from display.scenes.banners import Badge, Banner, Reconnecting, Status, TitleLabel
from display.scenes.choose import View, choose_scene
from display.scenes.idle import CalendarNote, Clock, Header, Next, NoMeetings, Row, Today
from display.scenes.message import Hint, Words
from display.text import Typesetter

SOON = NOW + timedelta(seconds=42)
KEY = MeetingKey("k1")
COUNTDOWN = Countdown(KEY, "Design review", SOON, SOON)


def meeting(title, start_min, length_min=30, **more):
    start = NOW + timedelta(minutes=start_min)
    more = {"auto_join": AutoJoin.YES, "organizer": "Amara", **more}
    return Meeting(MeetingKey(title), title, start, start + timedelta(minutes=length_min), **more)


def agenda(*meetings, **more):
    return room(agenda=Agenda(meetings, **{"fetched_at": NOW, **more}))


def words(scene):
    return [patch.text for patch in scene.patches if isinstance(patch, Words)]


def part(scene, kind):
    return next(item for item in (*scene.patches, *scene.overlays) if isinstance(item, kind))


def banners(scene):
    return [overlay.text for overlay in scene.overlays if isinstance(overlay, Banner)]


STATES = [
    (None, "starting"),
    (room(), "idle"),
    (room(countdown=COUNTDOWN), "countdown"),
    (room(wanted=Wanted(KEY, "Design review")), "joining"),
    (room(call=Call(Phase.JOINING)), "joining"),
    (room(call=Call(Phase.LOBBY)), "joining"),
    (room(call=Call(Phase.LIVE)), "gallery"),
    (in_call(["Ada"]), "gallery"),
    (in_call(["Ada"], phase=Phase.RECONNECTING), "reconnecting"),
    (room(call=Call(Phase.LEAVING)), "leaving"),
    (room(call=Call(reason="The host ended it.", since=NOW - timedelta(seconds=3))), "ended"),
    (room(call=Call(reason="The host ended it.", since=NOW - timedelta(seconds=30))), "idle"),
    (
        room(call=Call(reason="The host ended it.", since=NOW - timedelta(seconds=3)), countdown=COUNTDOWN),
        "countdown",
    ),
]


@pytest.mark.parametrize(("state", "name"), STATES)
def test_each_state_of_the_room_has_its_scene(state, name):
    assert choose_scene(View(state), NOW).name == name


@pytest.mark.parametrize(
    "view",
    [
        *(View(state) for state, _ in STATES),
        View(agenda(meeting("Design review", 1), meeting("Weekly", 40), meeting("Budget", 90))),
        View(replace(agenda(meeting("k1", 1)), countdown=COUNTDOWN)),
        View(room(call=Call(Phase.JOINING, reason="The meeting server does not answer."))),
        View(None, (Fault("daemon", "It ran out of memory.", NOW),)),
    ],
)
def test_what_is_drawn_anew_touches_nothing_else(view):
    patches = choose_scene(view, NOW).patches
    overlaps = [(a, b) for a, b in combinations(patches, 2) if a.rect.intersect(b.rect)]
    assert overlaps == []


@pytest.mark.parametrize("program", ["daemon", "media"])
def test_a_room_that_cannot_work_says_so_from_the_fault_alone(program):
    scene = choose_scene(View(None, (Fault(program, "It ran out of memory.", NOW),)), NOW)
    assert scene.name == "safe"
    assert "It ran out of memory." in words(scene)


def test_a_call_and_its_mute_sign_stay_in_sight_when_the_daemon_is_given_up():
    state, fault = in_call(["Ada"]), Fault("daemon", "Its disk is full.", NOW)
    scene = choose_scene(View(state, (fault,), daemon_lost=True), NOW)
    assert scene.name == "gallery"
    assert part(scene, Status) == part(choose_scene(View(state), NOW), Status)
    assert banners(scene) == ["The room’s control program stopped. Its disk is full."]
    for view in (View(room(), (fault,)), View(state, (fault, Fault("media", "It crashed.")))):
        assert choose_scene(view, NOW).name == "safe"


def test_a_lesser_fault_is_a_banner_beside_the_room():
    scene = choose_scene(View(room(), (Fault("panel", "The terminal went away."),)), NOW)
    assert scene.name == "idle"
    assert banners(scene) == ["The touch panel stopped. The terminal went away."]


def test_without_the_daemon_the_last_layout_stays_and_a_banner_says_why():
    state = in_call(["Ada", "Grace"])
    scene = choose_scene(View(state, daemon_lost=True), NOW)
    assert scene.tiles == choose_scene(View(state), NOW).tiles
    assert banners(scene) == ["The room’s control program is restarting"]


def test_the_countdown_ends_at_one_second():
    for left, shown in ((42, "0:42"), (0.2, "0:01"), (0, "0:00"), (-3, "0:00"), (75, "1:15")):
        moment = NOW + timedelta(seconds=left)
        scene = choose_scene(View(room(countdown=Countdown(KEY, "Design review", moment, moment))), NOW)
        assert shown in words(scene)
        assert "Design review" in words(scene)


def test_a_countdown_during_a_call_is_a_banner():
    scene = choose_scene(View(replace(in_call(["Ada"]), countdown=COUNTDOWN)), NOW)
    assert scene.name == "gallery"
    assert banners(scene) == ["Next meeting in 0:42: Design review"]


def test_idle_shows_what_is_next_and_what_the_room_will_do():
    scene = choose_scene(View(agenda(meeting("Design review", 20), meeting("Stand-up", 24 * 60))), NOW)
    upcoming = part(scene, Next)
    assert (upcoming.day, upcoming.time, upcoming.title) == ("Today", "15:01 – 15:31", "Design review")
    assert upcoming.action == "The room joins by itself"
    assert part(scene, Row).detail.startswith("Tomorrow")
    assert part(scene, Today).availability == "Free until 15:01"
    assert part(scene, Clock).time == "14:41"


def test_times_are_in_the_rooms_zone():
    from zoneinfo import ZoneInfo

    scene = choose_scene(View(agenda(meeting("Design review", 20))), NOW.astimezone(ZoneInfo("Asia/Kolkata")))
    assert part(scene, Next).time == "20:31 – 21:01"
    assert part(scene, Clock).time == "20:11"


def test_a_meeting_that_is_on_and_not_joined_waits_for_a_hand():
    scene = choose_scene(View(agenda(meeting("Design review", -10))), NOW)
    assert part(scene, Next).day == "Now"
    assert part(scene, Next).icon is Icon.TOUCH
    assert part(scene, Today).busy


def test_a_reason_not_to_join_is_told():
    scene = choose_scene(View(agenda(meeting("Dinner", 10, auto_join=AutoJoin.NO, why="Its link is for phones"))), NOW)
    assert part(scene, Next).action == "Its link is for phones"


def test_nothing_booked_is_said_kindly():
    scene = choose_scene(View(agenda(meeting("Over", -60))), NOW)
    assert part(scene, NoMeetings)
    assert part(scene, Today).availability == "Free for the rest of the day"


def test_a_broken_calendar_shows_its_age():
    scene = choose_scene(View(agenda(fetched_at=NOW - timedelta(hours=2), error="The server answered 503.")), NOW)
    assert part(scene, CalendarNote) == CalendarNote("Calendar as of 12:41. The server answered 503.", wrong=True)


def test_simulated_devices_are_never_hidden():
    senses = Senses(True, False, False, (DeviceUse(DeviceKind.CAMERA, simulated=True),))
    for state in (room(senses=senses), replace(in_call(["Ada"]), senses=senses)):
        assert part(choose_scene(View(state), NOW), Badge).text == "Simulated devices"


def test_the_badge_lies_below_the_status_and_on_nobodys_frame():
    senses = Senses(True, False, False, (DeviceUse(DeviceKind.CAMERA, simulated=True),))
    scene = choose_scene(View(replace(in_call(["Ada"]), senses=senses)), NOW)
    (_, status), (across, badge) = (
        overlay.corner.place(280, 56, Rect(0, 0, 1920, 1080), overlay.inset)
        for overlay in (part(scene, Status), part(scene, Badge))
    )
    assert badge >= status + 56
    assert across + 280 <= 1920 - theme.EDGE


def test_a_calendar_that_was_never_read_is_no_free_room():
    for error in ("", "No such file."):
        scene = choose_scene(View(agenda(fetched_at=None, error=error)), NOW)
        assert part(scene, Today).busy
        assert part(scene, NoMeetings).title == "Meetings not known"
        assert part(scene, CalendarNote).text == error


@pytest.mark.parametrize(
    ("senses", "shown"),
    [
        (Senses(True, mic_muted=False, camera_off=False), (False, False)),
        (Senses(True, mic_muted=True, camera_off=False), (True, False)),
        (Senses(False, mic_muted=False, camera_off=False), (True, True)),
    ],
)
def test_the_status_tells_what_is_captured_not_what_was_wished(senses, shown):
    status = part(choose_scene(View(replace(in_call(["Ada"]), senses=senses)), NOW), Status)
    assert (status.mic_muted, status.camera_off) == shown
    assert not status.talking


def test_who_talks_while_muted_is_told_so_on_the_tv():
    senses = Senses(True, mic_muted=True, hearing=Hearing((SoundHint.MUTED_SPEECH,)))
    assert part(choose_scene(View(replace(in_call(["Ada"]), senses=senses)), NOW), Status).talking


def test_who_speaks_is_marked_and_a_reconnecting_call_is_dimmed():
    speaking = in_call(["Ada", "Grace"], speakers=(PersonId("p1"),))
    assert [tile.speaking for tile in choose_scene(View(speaking), NOW).tiles] == [False, True]
    lost = in_call(["Ada", "Grace"], phase=Phase.RECONNECTING, speakers=(PersonId("p1"),), reason="The server is away.")
    scene = choose_scene(View(lost), NOW)
    assert [(tile.speaking, tile.dimmed) for tile in scene.tiles] == [(False, True), (False, True)]
    assert part(scene, Reconnecting).reason == "The server is away."


def test_strangers_text_is_cleaned_once_more():
    evil = "Eve\u202e\x1b]0;x\x07\u200b"
    state = in_call([evil], title=evil)
    scene = choose_scene(View(replace(state, name=evil)), NOW)
    assert scene.tiles[0].name == "Eve]0;x"
    assert part(scene, TitleLabel).title == "Eve]0;x"
    idle = choose_scene(View(replace(agenda(meeting(evil, 5)), name=evil)), NOW)
    assert part(idle, Header).room == "Eve]0;x"
    assert part(idle, Next).title == "Eve]0;x"


def test_tiles_off_the_canvas_or_on_odd_numbers_are_left_out():
    tiles = [(0, 0, 640, 360), (1, 0, 640, 360), (1900, 0, 640, 360), (-640, 0, 640, 360), (0, 0, 0, 0)]
    layout = Layout(1, 1920, 1080, tuple(Tile(PersonId("p"), Source.CAMERA, *numbers) for numbers in tiles))
    scene = choose_scene(View(replace(in_call(["Ada"]), layout=layout)), NOW)
    assert [(tile.rect.x, tile.rect.w) for tile in scene.tiles] == [(0, 640)]


def test_equal_states_make_equal_scenes():
    assert choose_scene(View(in_call(["Ada"])), NOW) == choose_scene(View(in_call(["Ada"])), NOW + timedelta(seconds=5))


def lies(overlay):
    image = overlay.draw(Typesetter())
    x, y = overlay.corner.place(image.width, image.height, Rect(0, 0, 1920, 1080), overlay.inset)
    return Rect(x, y, image.width, image.height)


def overlap(one, other):
    across = one.x < other.x + other.w and other.x < one.x + one.w
    return across and one.y < other.y + other.h and other.y < one.y + one.h


@pytest.mark.parametrize("phase", [Phase.LIVE, Phase.RECONNECTING])
def test_no_words_however_long_hide_whether_the_room_is_muted(phase):
    senses = Senses(
        connected=True,
        devices=(DeviceUse(DeviceKind.CAMERA, simulated=True),),
        hearing=Hearing(hints=(SoundHint.MUTED_SPEECH,)),
    )
    call = in_call(["Ada"], phase=phase, title="W" * 90, reason="W " * 90)
    state = replace(call, senses=senses, countdown=replace(COUNTDOWN, title="W " * 90))
    places = [(type(overlay).__name__, lies(overlay)) for overlay in choose_scene(View(state), NOW).overlays]
    assert {"TitleLabel", "Status", "Banner", "Badge"} <= {name for name, _ in places}
    for (_, one), (_, other) in combinations(places, 2):
        assert not overlap(one, other)


def test_a_long_notice_has_two_lines_so_that_its_remedy_is_read():
    why = "The meeting server refused the link: This link is not valid. Ask whoever invited you for a new one."
    scene = choose_scene(View(room(notice=why, countdown=COUNTDOWN)), NOW)
    banner = part(scene, Banner)
    lines = Typesetter().wrap(why, theme.LABEL, 780, 2)
    assert "new one." in lines[-1].runs[-1].text
    assert lies(banner).h == 92
    assert not overlap(lies(banner), part(scene, Hint).rect)
    assert lies(Banner("Short.")).h == 64
