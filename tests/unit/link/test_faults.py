import json
from datetime import UTC, datetime

from appliance.link.faults import Fault, read_faults


def test_no_folder_means_no_faults(tmp_path):
    assert read_faults(tmp_path / "faults") == ()


def test_the_worst_fault_comes_first(tmp_path):
    for program in ("broker", "media", "daemon"):
        (tmp_path / f"{program}.json").write_text(json.dumps({"program": program, "reason": "it stopped"}))
    assert [fault.program for fault in read_faults(tmp_path)] == ["daemon", "media", "broker"]


def test_a_fault_says_since_when(tmp_path):
    since = datetime(2026, 11, 22, 14, tzinfo=UTC)
    (tmp_path / "hub.json").write_text(json.dumps({"program": "hub", "reason": "port", "since": since.isoformat()}))
    assert read_faults(tmp_path) == (Fault("hub", "port", since),)


def test_an_unreadable_fault_still_is_one(tmp_path):
    (tmp_path / "media.json").write_text("{not json")
    (tmp_path / "daemon.json").write_text(json.dumps({"program": 7}))
    (tmp_path / "hub.json").write_text("[" * 100_000)
    (tmp_path / "half-written.tmp").write_text("{}")
    assert read_faults(tmp_path) == (Fault("daemon"), Fault("media"), Fault("hub"))
