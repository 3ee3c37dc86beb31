"""How the demo ends when its room does."""

import math
import shutil
import stat
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from appliance import settings
from appliance.demo import checks  # noqa: F401 - imported here, where reading files blocks nobody
from appliance.demo import stage as staging
from appliance.demo.main import Course, Report, _examine, _health, _reachable, _tell
from appliance.errors import SalonError


@pytest.fixture
def stage(tmp_path):
    stage = staging.build(tmp_path)
    yield stage
    shutil.rmtree(stage.folder)


async def test_the_demo_looks_no_longer_than_there_is_a_room(stage):
    ended = SimpleNamespace(returncode=0)
    assert await _examine(stage, Course(datetime.now(UTC)), ended, math.inf) == Report()


def test_a_broker_that_is_away_is_a_check_that_fails_and_no_traceback(stage):
    assert _health(stage, "room") == {}


def test_the_demo_says_where_its_room_is_in_a_file_of_its_owner(stage, capsys):
    _tell(stage, "http://127.0.0.1:1/#secret")
    said = stage.note.read_text()
    assert "http://127.0.0.1:1/#secret" in said
    assert f"salon --config {stage.config} status" in said
    assert said in capsys.readouterr().out
    assert stat.S_IMODE(stage.note.stat().st_mode) == 0o600


def test_the_room_points_at_that_file_and_never_at_the_link(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stage = staging.build(tmp_path / "demo-out")
    told = settings.load(stage.config)
    shutil.rmtree(stage.folder)
    assert told.room.how_to_join == "The guest link is in demo-out/room.txt"


async def test_a_meeting_server_that_does_not_start_is_told_in_a_sentence(stage):
    with pytest.raises(SalonError, match=r"hub\.log"):
        await _reachable(stage.hub_port, patience_s=0.2)
