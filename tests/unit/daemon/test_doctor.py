"""What the doctor finds on a made-up machine."""

from appliance.doctor import Level, examine
from appliance.settings import parse


def findings(tmp_path, text=""):
    """Examine an empty machine with these settings."""
    settings = parse(f'paths = {{ state = "{tmp_path}/state", runtime = "{tmp_path}/run" }}\n{text}', where="the test")
    return tuple(examine(settings, tmp_path))


def test_a_calendars_secret_address_is_never_in_a_finding(tmp_path):
    file = tmp_path / "calendar"
    file.touch(mode=0o600)
    file.write_text("https://127.0.0.1:9/t0ken/basic.ics")
    told = findings(tmp_path, f'calendar.source_file = "{file}"')
    assert any("calendar at 127.0.0.1 does not answer" in finding.what for finding in told)
    assert not any("t0ken" in finding.what + finding.remedy for finding in told)


def test_a_calendars_file_that_cannot_be_read_is_a_lack(tmp_path):
    told = findings(tmp_path, f'calendar.source_file = "{tmp_path}/none"')
    (found,) = (finding for finding in told if finding.what.startswith("calendar"))
    assert found.level is Level.LACK
    assert found.remedy
