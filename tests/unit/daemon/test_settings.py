import pytest

from appliance.errors import SalonError
from appliance.programs import calendar_address
from appliance.settings import BadSettings, load, parse


def test_every_setting_has_a_default():
    settings = parse("", where="nothing")
    assert settings.joining.lead_s == 60
    assert settings.hub.address == settings.broker.address == "127.0.0.1"


def test_what_is_given_goes_over_the_defaults():
    settings = parse('[room]\nname = "Aquarium"\n[joining]\nlead_s = 30\n', where="room.toml")
    assert (settings.room.name, settings.joining.lead_s, settings.joining.alone_s) == ("Aquarium", 30.0, 10.0)


def test_all_mistakes_are_told_at_once_with_the_nearest_name():
    text = (
        '[rooom]\n[room]\nnmae = "x"\n[hub]\nport = 99999\n[devices]\ncamera = "sim:"\n[[meetings.livekit]]\nhots = 1\n'
    )
    with pytest.raises(BadSettings) as caught:
        parse(text, where="room.toml")
    said = str(caught.value)
    for part in (
        "rooom is not a setting; did you mean room?",
        "did you mean room.name?",
        "hub.port must be from 0 to 65535, not 99999",
        "devices.camera must be a list",
        "did you mean meetings.livekit[1].host?",
        "meetings.livekit[1] lacks secret_file",
    ):
        assert part in said


def test_a_section_that_is_no_section_is_told():
    with pytest.raises(BadSettings, match=r"room must be a section, \[room\]"):
        parse("room = 1", where="room.toml")


def test_a_file_that_cannot_be_read_names_the_way_out(tmp_path):
    with pytest.raises(BadSettings, match="--config"):
        load(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'[room]\nname = "\xe9"\n')
    with pytest.raises(BadSettings, match="UTF-8"):
        load(tmp_path / "latin.toml")
    with pytest.raises(BadSettings, match="not TOML"):
        parse("[room", where="room.toml")


def test_a_mistake_is_told_without_the_secret_of_an_address():
    with pytest.raises(BadSettings) as caught:
        parse('[calendar]\nsource = ["https://ada:pa55@cal.example/t0ken/basic.ics"]', where="room.toml")
    assert "calendar.source must be text in quotes, not ['https://cal.example/…']" in str(caught.value)


SECRET = "https://cal.example/t0ken/basic.ics"


def test_a_calendars_address_may_stand_in_a_file_of_its_own(tmp_path):
    file = tmp_path / "calendar"
    file.touch(mode=0o600)
    file.write_text(f"{SECRET}\n")
    assert calendar_address(parse(f'calendar.source_file = "{file}"', where="the test")) == SECRET
    assert calendar_address(parse(f'calendar.source = "{SECRET}"', where="the test")) == SECRET
    assert calendar_address(parse("", where="the test")) == ""
    with pytest.raises(SalonError, match="keep one"):
        calendar_address(parse(f'calendar = {{ source = "{SECRET}", source_file = "{file}" }}', where="the test"))
    file.chmod(0o640)
    with pytest.raises(SalonError, match="chmod 600"):
        calendar_address(parse(f'calendar.source_file = "{file}"', where="the test"))
