"""What the doctor finds on a made-up machine."""

from appliance.doctor import Level, examine, names_finding
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


def test_a_machine_without_fonts_is_told_the_packages_for_names_in_other_scripts(tmp_path):
    (found,) = (finding for finding in findings(tmp_path) if finding.what.startswith("names on the TV"))
    assert found.level is Level.NOTE
    for script in ("Arabic", "Thai", "Chinese", "emoji"):
        assert script in found.what
    for package in ("fonts-noto-core", "fonts-noto-cjk", "fonts-noto-color-emoji"):
        assert package in found.remedy


def test_only_what_is_missing_is_to_be_installed():
    whole = {"fonts-noto-core": [], "fonts-noto-cjk": []}
    assert names_finding(whole, right_to_left=True).level is Level.OK
    found = names_finding({**whole, "fonts-noto-cjk": ["Korean"]}, right_to_left=True)
    assert (found.what, found.remedy) == ("names on the TV: no font for Korean", "apt install fonts-noto-cjk")
    found = names_finding(whole, right_to_left=False)
    assert "wrong order" in found.what
    assert found.remedy == "apt install libfribidi0"
