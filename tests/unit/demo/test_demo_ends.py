"""How the demo ends when its room does, and what it tells of room and console."""

import asyncio
import math
import os
import shutil
import stat
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from appliance import settings
from appliance.demo import checks  # noqa: F401 - imported here, where reading files blocks nobody
from appliance.demo import stage as staging
from appliance.demo.console import admin_link, room_at_console
from appliance.demo.main import Course, Report, _examine, _health, _reachable, _tell
from appliance.demo.processes import still_running
from appliance.errors import SalonError
from fleet import settings as console_settings


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
    _tell(stage, "http://127.0.0.1:1/#secret", "http://127.0.0.1:2/welcome/once")
    said = stage.note.read_text()
    assert "http://127.0.0.1:1/#secret" in said
    assert "http://127.0.0.1:2/welcome/once" in said
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


async def test_a_program_that_outlives_the_demo_is_found(tmp_path):
    environment = {**os.environ, "SALON_CONFIG": str(tmp_path / "room.toml")}
    process = await asyncio.create_subprocess_exec("sleep", "60", env=environment)
    try:
        assert await asyncio.to_thread(still_running, tmp_path) == [process.pid]
    finally:
        process.kill()
        await process.wait()
    assert not await asyncio.to_thread(still_running, tmp_path)


async def test_the_demos_console_is_one_for_the_demos_broker_and_its_link_opens_it(stage):
    link = await admin_link(stage)
    told = console_settings.load(stage.console_config)
    assert link.startswith(f"{told.public_url}/welcome/")
    assert told.mqtt.url == settings.load(stage.config).mqtt.url
    assert told.console.org == settings.load(stage.config).mqtt.org


async def test_a_room_of_which_the_console_has_not_heard_is_a_check_that_fails(stage):
    await admin_link(stage)
    assert await asyncio.to_thread(room_at_console, stage, "room") == {}
