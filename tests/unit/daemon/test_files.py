"""Files that are the old or the new, whatever happens while they are written."""

import os
import stat
from pathlib import Path

import pytest

from appliance.files import replace_file


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "will.json"


def test_a_file_is_replaced_and_its_owners_alone(path):
    replace_file(path, b"old")
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_disk_that_fails_leaves_the_old_file_and_nothing_else(path, monkeypatch):
    replace_file(path, b"old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_what_an_earlier_try_left_open_to_others_is_not_written_into(path):
    path.parent.mkdir()
    left = path.with_name("will.json.new")
    left.write_bytes(b"half")
    left.chmod(0o666)
    with left.open("rb") as reader:
        replace_file(path, b"secret")
        assert reader.read() == b"half"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_file_and_folder_reach_the_disk(path, monkeypatch):
    path.parent.mkdir()
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(Path(f"/proc/self/fd/{descriptor}").readlink()))
    replace_file(path, b"new")
    assert synced == [path.with_name("will.json.new"), path.parent]
