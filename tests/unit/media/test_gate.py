import errno
import stat
import threading

import pytest

from appliance.media import gate as gate_module
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
    (tmp_path / "gate.json.new").mkdir()
    gate = MuteGate(path)
    gate.set(mic_muted=True, camera_off=True)
    assert (gate.mic_muted, gate.camera_off) == (True, True)
    assert (MuteGate(path).mic_muted, MuteGate(path).camera_off) == (True, True)


def test_a_disk_that_has_become_read_only_keeps_nobody_from_muting(tmp_path, monkeypatch):
    gate = MuteGate(tmp_path / "gate.json")
    gate.set(mic_muted=False, camera_off=False)

    def refused(*_args, **_options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("appliance.files.os.open", refused)
    monkeypatch.setattr("appliance.files.Path.unlink", refused)
    gate.set(mic_muted=True, camera_off=False)
    assert (gate.mic_muted, gate.camera_off) == (True, False)


def test_a_hand_that_mutes_while_an_older_opening_is_being_saved_is_not_undone(tmp_path, monkeypatch):
    gate = MuteGate(tmp_path / "gate.json")
    save = gate_module._save

    def slow_disk(path, **state):
        save(path, **state)
        if not state["mic_muted"]:
            gate.close_at_once(mic_muted=True, camera_off=False)

    monkeypatch.setattr(gate_module, "_save", slow_disk)
    gate.set(mic_muted=False, camera_off=True)
    assert gate.mic_muted
    # memory is shut, the file is not: what is kept says so, and whoever shut it has it corrected
    assert gate.kept == (False, True)
    gate.keep_muted()
    assert gate.kept == (True, True)
    gate.set(mic_muted=True, camera_off=True)
    assert gate.kept == (True, True)
    assert MuteGate(tmp_path / "gate.json").mic_muted
    monkeypatch.undo()
    gate.set(mic_muted=False, camera_off=True)
    assert not gate.mic_muted


def test_what_a_disk_did_not_take_counts_as_shut(tmp_path):
    gate = MuteGate(tmp_path / "gate.json")
    assert gate.kept == (True, True)
    (tmp_path / "gate.json.new").mkdir()
    gate.set(mic_muted=False, camera_off=False)
    assert (gate.mic_muted, gate.kept) == (False, (True, True))


def test_an_opening_that_somebody_shut_while_it_waited_for_the_disk_is_saved_as_shut(tmp_path, monkeypatch):
    path = tmp_path / "gate.json"
    gate, begun, shut = MuteGate(path), threading.Event(), MuteGate._shut

    def told(self, **state):
        begun.set()
        return shut(self, **state)

    monkeypatch.setattr(MuteGate, "_shut", told)
    with gate._saving:
        opening = threading.Thread(target=gate.set, kwargs={"mic_muted": False, "camera_off": False})
        opening.start()
        assert begun.wait(10)
        opening.join(0.05)
        gate.close_at_once(mic_muted=True, camera_off=False)
    opening.join(10)
    again = MuteGate(path)
    assert (gate.mic_muted, gate.camera_off) == gate.kept == (again.mic_muted, again.camera_off) == (True, False)


def test_what_a_read_only_disk_keeps_is_not_said_to_be_shut(tmp_path, monkeypatch):
    gate = MuteGate(tmp_path / "gate.json")
    gate.set(mic_muted=False, camera_off=False)

    def refused(*_args, **_options):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("appliance.files.os.open", refused)
    monkeypatch.setattr("appliance.files.Path.unlink", refused)
    gate.set(mic_muted=True, camera_off=True)
    assert gate.kept == (False, False)
    assert (gate.mic_muted, gate.camera_off) == (True, True)
