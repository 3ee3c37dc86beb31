"""What a console may set of a room, what holds where the room is stricter, and how it comes into force and goes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.overlay import SETTABLE, Overlay, OverlayFile, Revision, held_back, merged
from appliance.settings import BadSettings, Own, load, parse
from appliance.state.room import Call, Countdown, MeetingKey, Phase, Wanted
from appliance.telemetry.configuration import (
    KEPT_RESTARTING,
    MOST_STARTS,
    NOT_WELL,
    agreed,
    arrived,
    given_up,
    idle,
    proved,
    reported,
    started,
    tried,
    well,
)
from appliance.telemetry.protocol.codec import decode, encode
from appliance.telemetry.protocol.orders import Desired
from appliance.telemetry.protocol.payloads import IN_A_MEETING, KeyTrouble, Reported, Stamp

OWN = Own({"calendar": {"auto_join_hosts": ["a.example.org", "b.example.org"]}})
DOC = {"joining": {"enter_muted": True}}
DESIRED = Desired(7, DOC)

VALUES = st.one_of(
    st.booleans(),
    st.integers(-10, 100_000),
    st.floats(allow_nan=True),
    st.sampled_from(["", "auto", "off", "22:00", "06:30", "Europe/Berlin", "Blue room", "file:/etc/passwd"]),
    st.text(max_size=10),
    st.none(),
    st.lists(st.sampled_from(["a.example.org", "b.example.org", "evil.example.org"]), max_size=4),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)
SECTIONS = [*SETTABLE, "paths", "devices", "wires", "display", "meetings", "hub", "broker", "nonsense"]


def keys_of(section):
    known = [*Own({}).tree.get(section, {})]
    return st.dictionaries(st.sampled_from([*known, "nonsense"]), VALUES, max_size=4)


DOCS = st.lists(st.sampled_from(SECTIONS), max_size=4, unique=True).flatmap(
    lambda sections: st.fixed_dictionaries({section: keys_of(section) | VALUES for section in sections})
)
RIGHT = st.fixed_dictionaries(
    {},
    optional={
        "joining": st.fixed_dictionaries(
            {},
            optional={
                "enter_muted": st.booleans(),
                "enter_camera_off": st.booleans(),
                "min_countdown_s": st.integers(3, 600),
                "alone_s": st.integers(0, 86400),
                "lead_s": st.integers(0, 86400),
            },
        ),
        "camera": st.fixed_dictionaries({}, optional={"faces": st.booleans(), "framing": st.booleans()}),
        "calendar": st.fixed_dictionaries(
            {},
            optional={"auto_join_hosts": st.lists(st.sampled_from(["a.example.org", "evil.example.org"]), max_size=2)},
        ),
        "room": st.fixed_dictionaries({"name": st.sampled_from(["Blue room", "x" * 64])}),
        "tv": st.fixed_dictionaries({"switch": st.booleans()}),
    },
)
OWNS = st.builds(
    lambda muted, off, countdown, alone, faces: Own(
        {
            "joining": {
                "enter_muted": muted,
                "enter_camera_off": off,
                "min_countdown_s": countdown,
                "alone_s": alone,
            },
            "camera": {"faces": faces},
            "calendar": {"auto_join_hosts": ["a.example.org", "b.example.org"]},
        }
    ),
    st.booleans(),
    st.booleans(),
    st.integers(3, 600),
    st.integers(0, 600),
    st.booleans(),
)


@given(OWNS, DOCS | RIGHT)
def test_no_document_whatever_it_holds_loosens_the_rooms_own_privacy(own, doc):
    alone = own.settings()
    try:
        held = own.over(doc)
    except BadSettings:
        assert own.mistakes(doc)
        return
    assert held.joining.enter_muted >= alone.joining.enter_muted
    assert held.joining.enter_camera_off >= alone.joining.enter_camera_off
    assert held.joining.min_countdown_s >= alone.joining.min_countdown_s
    assert held.joining.alone_s <= alone.joining.alone_s
    assert held.camera.faces <= alone.camera.faces
    assert set(held.calendar.auto_join_hosts) <= set(alone.calendar.auto_join_hosts)
    tree = own.tree
    for section in tree:
        for key in tree[section]:
            if key not in SETTABLE.get(section, {}):
                assert getattr(getattr(held, section), key) == getattr(getattr(alone, section), key)


HARMLESS = {
    *("room.name", "room.timezone", "room.how_to_join", "calendar.poll_s", "joining.lead_s"),
    *("camera.framing", "camera.field_of_view_deg", "camera.array_deg"),
    *("sound.cancel_echo", "sound.suppress_noise", "sound.control_gain", "sound.double_talk", "sound.beam"),
    *("tv.switch", "tv.dpms", "tv.off_from", "tv.off_until", "tv.idle_off_min", "mqtt.health_s", "mqtt.idle_s"),
}
"""What a console may set as it likes: it opens no microphone and no camera, joins nothing, and tells nothing more."""


STRICTER = {
    "calendar.auto_join_hosts": lambda held, own: set(held) <= set(own),
    "joining.min_countdown_s": lambda held, own: held >= own,
    "joining.alone_s": lambda held, own: held <= own,
    "joining.enter_muted": lambda held, own: held >= own,
    "joining.enter_camera_off": lambda held, own: held >= own,
    "camera.faces": lambda held, own: held <= own,
}


def test_every_key_that_may_be_set_is_harmless_or_held_to_the_rooms_own():
    """A key that is new among them has to be put here, on purpose."""
    assert STRICTER.keys() | HARMLESS == {f"{section}.{key}" for section, keys in SETTABLE.items() for key in keys}
    assert not STRICTER.keys() & HARMLESS


@given(OWNS, RIGHT)
def test_what_holds_is_never_looser_than_the_rooms_own_and_stays_when_asked_again(own, doc):
    once = merged(own.tree, doc)
    for section, keys in once.items():
        for key, held in keys.items():
            stricter = STRICTER.get(f"{section}.{key}")
            assert stricter is None or stricter(held, own.tree[section][key])
    assert merged(own.tree, once) == once


@given(RIGHT)
def test_right_documents_are_taken(doc):
    assert OWN.mistakes(doc) == ()


@pytest.mark.parametrize(
    ("doc", "key", "words"),
    [
        ({"joining": {"lead_s": -1}}, "joining.lead_s", "from 0 to 86400"),
        ({"joining": {"led_s": 1}}, "joining.led_s", "a console may not set this"),
        ({"joining": 1}, "joining", "these sections only"),
        ({"display": {"screen": "null:"}}, "display", "these sections only"),
        ({"mqtt": {"url": "mqtts://evil.example.org"}}, "mqtt.url", "a console may not set this"),
        ({"calendar": {"source": "file:/x"}}, "calendar.source", "a console may not set this"),
        ({"tv": {"cec": "/dev/cec0"}}, "tv.cec", "a console may not set this"),
        ({"tv": {"off_from": "22:00"}}, "tv.off_from", "make a night together"),
        ({"room": {"timezone": "Mars"}}, "room.timezone", "is no time zone"),
        ({"room": {"name": "a\x1b[31m"}}, "room.name", "1 to 64 letters"),
    ],
)
def test_a_mistake_is_told_by_its_key(doc, key, words):
    (trouble,) = OWN.mistakes(doc)
    assert trouble.key == key
    assert words in trouble.reason


def test_all_mistakes_are_told_at_once_and_nothing_is_taken():
    doc = {"joining": {"lead_s": "soon", "enter_muted": True}, "paths": {"state": "/"}}
    mistakes = OWN.mistakes(doc)
    assert {trouble.key for trouble in mistakes} == {"joining.lead_s", "paths"}
    after = arrived(Overlay(good=Revision(3, DOC), seen=3), Desired(4, doc), mistakes)
    assert after.in_force == Revision(3, DOC)
    assert after.waiting is None
    assert (after.seen, after.troubles) == (4, mistakes)


def test_what_was_right_waits_and_an_older_or_repeated_revision_changes_nothing():
    heard = arrived(Overlay(), DESIRED, ())
    assert heard.waiting == Revision(7, DOC)
    assert heard.in_force.rev == 0
    for rev in (6, 7):
        assert arrived(heard, Desired(rev, {"joining": {"enter_muted": False}}), ()) is heard
    assert arrived(heard, Desired(8, {}), ()).waiting == Revision(8, {})


def test_a_trial_that_proves_itself_is_good():
    trial = tried(arrived(Overlay(), DESIRED, ()), ("media",))
    assert trial.in_force == Revision(7, DOC)
    assert trial.good == Revision()
    assert proved(trial).good == Revision(7, DOC)
    assert proved(trial).trial is None


def test_a_trial_the_room_keeps_restarting_with_is_given_up_for_the_last_good_one():
    overlay = tried(arrived(Overlay(good=Revision(3, {})), DESIRED, ()), ())
    for _ in range(MOST_STARTS):
        overlay = started(overlay)
        assert overlay.in_force.rev == 7
    overlay = started(overlay)
    assert (overlay.in_force.rev, overlay.refused) == (3, KEPT_RESTARTING)
    # and is not tried again, also if the console repeats it
    assert arrived(overlay, DESIRED, ()) is overlay
    assert started(overlay) is overlay


def test_a_given_up_trial_does_not_take_a_newer_one_with_it():
    trial = tried(arrived(Overlay(), DESIRED, ()), ())
    newer = arrived(trial, Desired(9, {}), ())
    after = given_up(newer, NOT_WELL)
    assert (after.waiting, after.refused) == (Revision(9, {}), "")


def test_what_changes_nothing_needs_no_trial():
    after = agreed(arrived(Overlay(), Desired(5, {}), ()))
    assert (after.good, after.waiting) == (Revision(5, {}), None)


def test_the_room_is_idle_without_a_call_one_that_begins_or_a_countdown(room):
    free = replace(room, call=Call(), wanted=None)
    assert idle(free)
    assert not idle(room)
    assert not idle(replace(free, wanted=Wanted(MeetingKey("m"), "Meeting")))
    assert not idle(replace(free, countdown=Countdown(MeetingKey("m"), "Meeting", room.now, room.now)))
    assert not idle(replace(free, call=Call(Phase.LEAVING)))


def test_a_room_is_well_when_all_is_back_that_was_there(room):
    assert well(room, ("media", "display"))
    lost = replace(room, face=replace(room.face, connected=False))
    assert not well(lost, ("media", "display"))
    assert well(lost, ("media",))


def test_the_report_says_what_is_in_force_and_why_the_newest_is_not():
    own = Own({"joining": {"enter_muted": True}})
    good = Overlay(good=Revision(3, {}), seen=3)
    assert reported(good, own.tree, ()).waits == ""
    waiting = arrived(good, DESIRED, ())
    said = reported(waiting, own.tree, ())
    assert (said.rev, said.seen, said.waits) == (3, 7, IN_A_MEETING)
    assert said.doc["joining"]["enter_muted"] is True
    assert set(said.doc) == set(SETTABLE)


@given(DOCS, st.text(max_size=2000))
def test_a_report_is_always_one_that_a_console_can_read(doc, name):
    own = Own({"room": {"how_to_join": name.replace("\x00", "")}})
    overlay = arrived(Overlay(), Desired(7, {}), own.mistakes(doc))
    body = reported(overlay, own.tree, ())
    assert decode(Reported, encode(Stamp(1, "boot", 1, 0), body))[1].seen == 7


def test_every_settable_key_is_a_setting():
    tree = Own({}).tree
    assert all(key in tree[section] for section, keys in SETTABLE.items() for key in keys)


def room_toml(tmp_path, more=""):
    file = tmp_path / "room.toml"
    file.write_text(f'[paths]\nstate = "{tmp_path}/state"\n{more}')
    return file, OverlayFile(tmp_path / "state" / "desired-settings.json")


def test_every_program_reads_what_is_in_force_over_the_rooms_own_settings(tmp_path):
    path, file = room_toml(tmp_path, '[room]\nname = "Own"\n')
    file.save(tried(arrived(Overlay(), Desired(7, {"room": {"name": "Blue"}, "tv": {"switch": False}}), ()), ()))
    settings = load(path)
    assert (settings.room.name, settings.tv.switch) == ("Blue", False)


def test_what_a_new_release_finds_wrong_does_not_keep_a_room_from_starting(tmp_path, caplog):
    path, file = room_toml(tmp_path)
    file.save(Overlay(good=Revision(3, {"room": {"name": "Good"}}), trial=Revision(4, {"room": {"name": ""}})))
    assert load(path).room.name == "Good"
    file.save(Overlay(good=Revision(3, {"sound": {"gone": 1}})))
    assert load(path).room.name == parse("", where="the defaults").room.name
    assert "do not fit this room" in caplog.text


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"good": 1}', b"[" * 5000, b'{"trial": {"rev": 1}}'])
def test_a_broken_file_leaves_the_rooms_own_settings(tmp_path, content):
    path, file = room_toml(tmp_path)
    file.path.parent.mkdir()
    file.path.write_bytes(content)
    assert load(path).room.name == "Meeting room"


def test_held_back_keys_are_reported_beside_what_holds():
    own = Own({"joining": {"enter_muted": True, "min_countdown_s": 30}})
    held = held_back(own.tree, {"joining": {"enter_muted": False, "min_countdown_s": 60}})
    assert held == (KeyTrouble("joining.enter_muted", "the room's own settings are stricter, and hold"),)
    assert own.over({"joining": {"enter_muted": False}}).joining.enter_muted
