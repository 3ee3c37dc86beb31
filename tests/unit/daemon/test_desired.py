import json
import os
from dataclasses import replace

import pytest
from builders import NOON, OPEN, report, wish

from appliance.desired import Desired, DesiredFile, Preset, adopt, hearing
from appliance.lifecycle.rules import Decision
from appliance.state.camera import CameraAim, CameraPreset
from appliance.state.room import Controls, MeetingKey
from appliance.state.touch import Mark, Touch

WEEKLY = MeetingKey("weekly")


def test_the_will_survives_on_disk_and_only_for_its_owner(tmp_path):
    path = tmp_path / "state" / "desired.json"
    aim = CameraAim(0.5, -0.25, 1.0, framing=True)
    will = Desired(
        wish(), OPEN, Preset(closed=True, at=NOON), aim=aim, presets=(CameraPreset(3, CameraAim(0.1)),)
    ).deciding(WEEKLY, Decision.JOINED)
    DesiredFile(path).save(will)
    assert DesiredFile(path).load() == will
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_file_of_a_room_that_knew_nothing_of_cameras_is_read_all_the_same(tmp_path):
    path = tmp_path / "desired.json"
    will = Desired(controls=OPEN).deciding(WEEKLY, Decision.LEFT)
    DesiredFile(path).save(will)
    stored = json.loads(path.read_text())
    path.write_text(json.dumps({key: stored[key] for key in stored.keys() - {"aim", "presets"}}))
    assert DesiredFile(path).load() == will


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b"\xff", b'{"call":1,"controls":{},"decided":{}}', b"[]"])
def test_a_broken_file_means_muted_camera_off_and_no_call(tmp_path, content):
    path = tmp_path / "desired.json"
    path.write_bytes(content)
    assert DesiredFile(path).load() == Desired()
    assert Desired().controls == Controls(mic_muted=True, camera_off=True)


def test_a_save_that_is_cut_short_leaves_the_old_will(tmp_path, monkeypatch):
    file = DesiredFile(tmp_path / "desired.json")
    file.save(Desired(controls=OPEN))
    monkeypatch.setattr(os, "fsync", lambda fd: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        file.save(Desired())
    assert file.load().controls == OPEN


def test_a_new_daemon_adopts_the_call_that_is_running():
    assert adopt(Desired(wish(), OPEN), report(wanted=wish()), NOON).call == wish()
    assert adopt(Desired(), report(wanted=wish()), NOON).call == wish()


def test_a_call_that_was_left_is_not_adopted():
    assert adopt(Desired().deciding(WEEKLY, Decision.LEFT), report(wanted=wish()), NOON).call is None


def test_a_call_that_media_lost_is_wanted_still():
    assert adopt(Desired(wish(), OPEN), report(wanted=None), NOON).call == wish()


def test_the_newer_wish_wins_over_what_media_still_does():
    assert adopt(Desired(wish("next")), report(wanted=wish()), NOON).call == wish("next")


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("real", [True, False])
def test_the_stricter_gate_wins(stored, real):
    will = Desired(controls=replace(OPEN, mic_muted=stored, camera_off=stored))
    after = adopt(will, report(controls=replace(OPEN, mic_muted=real, camera_off=real)), NOON)
    assert after.controls.mic_muted is after.controls.camera_off is (stored or real)


def test_only_the_newest_decisions_are_kept():
    will = Desired()
    for number in range(300):
        will = will.deciding(MeetingKey(str(number)), Decision.LEFT)
    assert len(will.decided) == 200
    assert "299" in will.decided


def touch(count, *, muted):
    return Touch(Mark("media", count), muted)


def test_who_mutes_by_hand_between_calls_is_muted_in_the_next_one():
    for before in (Desired(), Desired(mic_preset=Preset(closed=False, at=NOON))):
        after = hearing(before, touch(1, muted=True), NOON)
        assert after.mic_preset == Preset(closed=True, at=NOON)
        assert hearing(after, touch(1, muted=True), NOON) is after


def test_neither_a_touch_in_a_call_nor_a_start_of_media_nor_an_opening_decides_about_the_next_call():
    assert hearing(Desired(wish(), OPEN), touch(1, muted=True), NOON).mic_preset is None
    assert hearing(Desired(), touch(0, muted=True), NOON).mic_preset is None
    assert hearing(Desired(), touch(1, muted=False), NOON).mic_preset is None


def test_who_muted_while_the_daemon_was_away_is_muted_in_the_next_call():
    tapped = replace(report(wanted=None), touch=touch(1, muted=True))
    after = adopt(Desired(mic_preset=Preset(closed=False, at=NOON)), tapped, NOON)
    assert after.mic_preset == Preset(closed=True, at=NOON)
    assert after.controls.mic_muted
    # in the call that media is in, the touch decided about that call, and says nothing of the next
    assert adopt(Desired(), replace(tapped, wanted=wish()), NOON).mic_preset is None
