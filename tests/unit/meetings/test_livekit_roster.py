from livekit.protocol import models

from appliance.meetings.livekit_roster import Roster
from appliance.meetings.provider import Slot
from appliance.state.room import Participant


def person(sid, name="", *tracks, state=models.ParticipantInfo.ACTIVE, hidden=False):
    info = models.ParticipantInfo(sid=sid, identity=f"id-{sid}", name=name, state=state, tracks=tracks)
    info.permission.hidden = hidden
    return info


def track(sid, source, *, muted=False, kind=models.TrackType.VIDEO):
    return models.TrackInfo(sid=sid, type=kind, source=source, muted=muted)


CAMERA = track("TR_c", models.TrackSource.CAMERA)
MICROPHONE = track("TR_m", models.TrackSource.MICROPHONE, kind=models.TrackType.AUDIO)
SCREEN = track("TR_s", models.TrackSource.SCREEN_SHARE, muted=True)


def test_everybody_but_the_room_itself_is_on_the_roster():
    roster = Roster("PA_me")
    roster.update([person("PA_me", "Room"), person("PA_1", "Ann", CAMERA, MICROPHONE, SCREEN), person("PA_2", "Ben")])
    assert roster.participants() == (
        Participant("id-PA_1", "Ann", mic_muted=False, camera_on=True, screen_on=False),
        Participant("id-PA_2", "Ben", mic_muted=True),
    )


def test_people_come_change_and_go():
    roster = Roster("PA_me")
    roster.update([person("PA_1", "Ann", CAMERA)])
    roster.update([person("PA_1", "Anna")])
    assert [p.name for p in roster.participants()] == ["Anna"]
    assert roster.track("TR_c") is None
    roster.update([person("PA_1", state=models.ParticipantInfo.DISCONNECTED)])
    assert roster.participants() == ()


def test_recorders_and_others_who_hide_are_not_shown():
    roster = Roster("PA_me")
    roster.update([person("PA_1", "Recorder", hidden=True)])
    assert roster.participants() == ()


def test_a_name_is_cleaned_and_never_empty():
    roster = Roster("")
    roster.update([person("PA_1", "\u202e \x1b[31mEve\n"), person("PA_2", "\u200b"), person("PA_3", "x" * 500)])
    names = [p.name for p in roster.participants()]
    assert names[0] == "[31mEve"
    assert names[1] == "id-PA_2"
    assert len(names[2]) == 64


def test_a_track_of_unknown_source_counts_by_its_kind():
    roster = Roster("")
    roster.update([person("PA_1", "Ann", track("TR_x", models.TrackSource.UNKNOWN))])
    assert roster.track("TR_x").slot is Slot.CAMERA


def test_speakers_are_kept_from_changes_loudest_first():
    roster = Roster("PA_me")
    roster.update([person("PA_1"), person("PA_2")])
    speak = models.SpeakerInfo
    assert roster.speaking([speak(sid="PA_1", level=0.2, active=True)]) == ("id-PA_1",)
    assert roster.speaking([speak(sid="PA_2", level=0.7, active=True)]) == ("id-PA_2", "id-PA_1")
    assert roster.speaking([speak(sid="PA_2", level=0, active=False), speak(sid="PA_9", active=True)]) == ("id-PA_1",)
    roster.update([person("PA_1", state=models.ParticipantInfo.DISCONNECTED)])
    assert roster.speaking([]) == ()


def test_only_tracks_that_are_not_muted_should_carry_media():
    roster = Roster("")
    roster.update([person("PA_1", "Ann", CAMERA, SCREEN)])
    assert roster.sending == {"TR_c"}


def test_a_crowd_without_end_and_endless_identities_are_left_out():
    roster = Roster("")
    roster.update([models.ParticipantInfo(sid="PA_long", identity="x" * 257)])
    roster.update(person(f"PA_{n}") for n in range(1001))
    assert len(roster.participants()) == 1000
    roster.update([person("PA_0", "Ann")])
    assert roster.participants()[0].name == "Ann"
