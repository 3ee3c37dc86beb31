"""How the demo ends when its room does."""

import math
import shutil
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from appliance.demo import checks  # noqa: F401 - imported here, where reading files blocks nobody
from appliance.demo import stage as staging
from appliance.demo.main import Course, Report, _examine, _health


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
