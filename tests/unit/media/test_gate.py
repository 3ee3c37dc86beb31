import errno
import stat

import pytest

from appliance.media.gate import MuteGate


def test_without_a_file_the_room_is_muted_and_its_camera_off(tmp_path):
    gate = MuteGate(tmp_path / "gate.json")
    assert (gate.mic_muted, gate.camera_off) == (True, True)


@pytest.mark.parametrize("muted", [True, False])
@pytest.mark.parametrize("off", [True, False])
def test_the_state_survives_a_restart(tmp_path, muted, off):
    path = tmp_path / "state" / "gate.json"
    MuteGate(path).set(mic_muted=muted, camera_off=off)
    again = MuteGate(path)
    assert (again.mic_muted, again.camera_off) == (muted, off)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"mic_muted": false}', '{"mic_muted": 0, "camera_off": "no"}', "\xff"]
)
def test_a_broken_file_opens_nothing(tmp_path, text):
    path = tmp_path / "gate.json"
    path.write_text(text, encoding="latin-1")
    gate = MuteGate(path)
    assert (gate.mic_muted, gate.camera_off) == (True, True)


def test_shutting_at_once_never_opens(tmp_path):
    gate = MuteGate(tmp_path / "gate.json")
    gate.set(mic_muted=False, camera_off=True)
    gate.close_at_once(mic_muted=True, camera_off=False)
    assert (gate.mic_muted, gate.camera_off) == (True, True)


def test_a_disk_that_takes_nothing_leaves_no_stale_permission_behind(tmp_path):
    path = tmp_path / "gate.json"
    MuteGate(path).set(mic_muted=False, camera_off=False)
    (tmp_path / "gate.new").mkdir()
    gate = MuteGate(path)
    gate.set(mic_muted=True, camera_off=True)
    assert (gate.mic_muted, gate.camera_off) == (True, True)
    assert (MuteGate(path).mic_muted, MuteGate(path).camera_off) == (True, True)


def test_a_disk_that_has_become_read_only_keeps_nobody_from_muting(tmp_path, monkeypatch):
    gate = MuteGate(tmp_path / "gate.json")
    gate.set(mic_muted=False, camera_off=False)

    def refused(*_args, **_options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("appliance.media.gate.os.open", refused)
    monkeypatch.setattr("appliance.media.gate.Path.unlink", refused)
    gate.set(mic_muted=True, camera_off=False)
    assert (gate.mic_muted, gate.camera_off) == (True, False)
