"""Which time zone a room is in."""

from pathlib import Path

import pytest

from appliance.calendars.errors import CalendarError
from appliance.calendars.zone import room_zone


def test_the_settings_name_the_zone():
    assert room_zone("Australia/Lord_Howe").key == "Australia/Lord_Howe"


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "/usr", "Europe", "\x00"])
def test_a_zone_nobody_knows_is_refused_in_words(name: str):
    with pytest.raises(CalendarError, match="is no time zone; use a name such as Europe/Berlin"):
        room_zone(name)


def test_without_a_name_the_machines_zone_is_taken(tmp_path: Path):
    database = tmp_path / "usr/share/zoneinfo/America"
    database.mkdir(parents=True)
    (database / "New_York").touch()
    (tmp_path / "localtime").symlink_to(database / "New_York")
    assert room_zone("", localtime=tmp_path / "localtime").key == "America/New_York"
    assert room_zone("", localtime=tmp_path / "missing").key == "UTC"
