import re
import subprocess
import sys
import tomllib
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import SalonError
from appliance.programs import calendar_address
from appliance.sections import Settings
from appliance.settings import BadSettings, load, parse

DEFAULTS = (files("appliance") / "defaults.toml").read_text()


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


BAD_VALUES = """
room.timezone = "Europe/Nowhere"
calendar.source = "ftp://cal.example/t0ken"
calendar.auto_join_hosts = ["https://meet.example.org/room"]
devices.camera = ["sim:patern", "webcam:0"]
devices.microphone = ["jack:"]
devices.speaker = ["sim:snk"]
display.screen = "hdmi:"
mqtt = { url = "broker.example.org", org = "My Org" }

[[meetings.livekit]]
host = "meet.example.org"
url = "https://meet.example.org"
key = "k"
secret_file = "/none/secret"
"""


def test_values_are_checked_together_with_keys():
    with pytest.raises(BadSettings) as caught:
        parse(f"hub.prot = 1\n{BAD_VALUES}", where="room.toml", look=True)
    told = "\n".join(caught.value.mistakes)
    for part in (
        "did you mean hub.port?",
        "room.timezone: 'Europe/Nowhere' is no time zone; did you mean Europe/",
        "calendar.source: A calendar's address begins with one of file:, http:",
        "calendar.auto_join_hosts[1]: must be a host only, such as meet.example.org",
        "devices.camera[1]: sim: has no camera called 'patern'; it has sim:pattern",
        "devices.camera[2]: there is no camera driver webcam: yet; known: sim: (simulated), file: (simulated)",
        "devices.microphone[1]: there is no microphone driver jack: yet",
        "devices.speaker[1]: sim: has no speaker called 'snk'; it has sim:sink",
        "display.screen: 'hdmi:' names no screen; known are sdl:",
        "mqtt.url: 'broker.example.org' is no broker's address; write mqtt://host:1883",
        "mqtt.org: 'My Org' cannot stand in an MQTT topic",
        "meetings.livekit[1].url: must look like wss://meet.example.org",
        "meetings.livekit[1].secret_file: there is no file /none/secret",
    ):
        assert part in told
    assert "t0ken" not in told
    assert len(caught.value.mistakes) == 13
    assert str(caught.value).startswith("room.toml has 13 mistakes:\n  - ")


def test_files_are_looked_at_only_where_asked(tmp_path):
    text = f'calendar.source_file = "{tmp_path}/cal"\nmqtt.ca_file = "{tmp_path}/none"'
    parse(text, where="room.toml")
    (tmp_path / "cal").write_text("gopher://x")
    with pytest.raises(BadSettings) as caught:
        parse(text, where="room.toml", look=True)
    open_, missing = caught.value.mistakes
    assert open_ == f"calendar.source_file: {tmp_path}/cal may be read by others; run: chmod 600 {tmp_path}/cal"
    assert missing == f"mqtt.ca_file: there is no file {tmp_path}/none"
    (tmp_path / "cal").chmod(0o600)
    with pytest.raises(BadSettings, match="source_file: A calendar's address begins with"):
        parse(text, where="room.toml", look=True)


def test_a_file_for_the_users_of_hub_and_broker_must_only_be_there(tmp_path):
    (tmp_path / "password").write_bytes(b"\xff")
    parse(f'broker.password_file = "{tmp_path}/password"', where="room.toml", look=True)
    with pytest.raises(BadSettings, match=r"hub\.key_file: there is no file /none/key"):
        parse('hub.key_file = "/none/key"', where="room.toml", look=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('calendar.auto_join_hosts = "x"', 'a list, such as ["meet.example.org"]'),
        ('devices.camera = "sim:pattern"', 'a list, such as ["sim:pattern"]'),
        ('meetings.livekit = "x"', "a list of sections, each under [[meetings.livekit]]"),
    ],
)
def test_a_list_is_shown_by_example(text, words):
    with pytest.raises(BadSettings, match=re.escape(f"must be {words}")):
        parse(text, where="room.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = " + "[" * 5000, "nested too deeply"),
        (f"hub.port = {'9' * 5000}", "a number of thousands of digits"),
        (f"hub.port = {'9' * 3000}", "hub.port must be from 0 to 65535, not 999"),
        ("joining.lead_s = nan", "joining.lead_s must be from 0 to 86400, not nan"),
        ("hub.port = true", "hub.port must be a whole number, not true"),
        ("tv.off_from = 22:00:00", "tv.off_from must be text in quotes, not 22:00:00"),
        ("[room]\nname = Aquarium", "(at line 2, column 8). A line is like name = "),
        ('"\\u001b[31mred" = 1', "\\x1b[31mred is not a setting"),
        ('room.name = " "', "room.name: must be a name"),
        ('paths.state = ""', "paths.state: '' must be a whole path, such as /var/lib/salon"),
        ('paths.state = "~nobody-here/x"', "names the home folder of a user who is not there"),
        ('paths.state = "$NO_SUCH_VARIABLE/x"', "must be a whole path"),
        ('paths.state = "/x\\u0000"', "cannot be a path"),
        (f'paths.runtime = "/tmp/{"r" * 200}"', "paths.runtime: is too long a path for sockets"),
        ('mqtt.ca_file = "~nobody-here/x"', "mqtt.ca_file: '~nobody-here/x' names the home folder of a user"),
        ('mqtt.url = "mqtt://a..b"', "mqtt.url: 'a..b' cannot be the name of a server"),
        (f'calendar.source = "https://{"a" * 70}/x"', "cannot be the name of a server"),
        ('tv.connector = "HDMI"', "tv.connector: 'HDMI' is no socket; write it like HDMI-A-1"),
        ('tv.off_from = "22:00+01:00"', "'22:00+01:00' is no time of day; write it like 22:00"),
        ('tv.off_from = "22:00"', "tv.off_from and tv.off_until make a night together"),
        ('tv = { off_from = "22:00", off_until = "22:00" }', "a night of no length"),
        ('devices.camera = ["sim:pattern", "sim:pattern"]', "devices.camera: sim:pattern is there twice"),
        ('wires.mute_button = "17"', "wires.mute_button: '17' is no wire: write gpio: and the line's number"),
        (
            'wires = { mute_button = "gpio:17", motion = "gpio:17" }',
            "wires.motion: gpio:17 is the line of wires.mute_b",
        ),
        ('wires = { mute_line = "gpio:7", call_light = "gpio:007" }', "wires.call_light: gpio:007 is the line of"),
        ('wires = { mute_line = "gpio:7", motion = "gpio:7@pinctrl-rp1" }', "is the line of wires.mute_line already"),
        (
            'wires = { mute_button = "gpio:5", relays = [{ name = "Lights", pin = "gpio:5?active_low=1" }] }',
            "wires.relays[1].pin: gpio:5?active_low=1 is the line of wires.mute_button already",
        ),
        (
            'wires.relays = [{ name = "Lights", pin = "gpio:5" }, { name = "Lights", pin = "gpio:6" }]',
            "the name of wires.relays: Lights is there twice",
        ),
        ('wires.mute_light = ["gpio:17"]', "wires.mute_light[1]: gpio:17: this light would be dark"),
        ('wires.mute_light = ["mock:a?pull=up", "mock:b", "mock:c", "mock:d"]', "it takes one, two or three"),
    ],
)
def test_nonsense_is_told_in_words_with_its_key(text, words):
    with pytest.raises(BadSettings) as caught:
        parse(text, where="room.toml")
    assert words in str(caught.value)
    assert all(len(mistake) <= 400 and mistake.isprintable() for mistake in caught.value.mistakes)


_TOML = st.recursive(
    st.one_of(st.integers(-(2**70), 2**70), st.floats(), st.booleans(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=4,
)
_KEYS = [(section, key) for section, keys in tomllib.loads(DEFAULTS).items() for key in keys]


@given(st.lists(st.tuples(st.sampled_from(_KEYS), _TOML), max_size=6))
def test_whatever_stands_where_a_value_should_is_settings_or_a_mistake(chosen):
    given_ = {}
    for (section, key), value in chosen:
        given_.setdefault(section, {})[key] = value
    with pytest.MonkeyPatch.context() as patched:
        read = tomllib.loads
        patched.setattr("tomllib.loads", lambda text: given_ if text == "given" else read(text))
        with suppress(BadSettings):
            assert isinstance(parse("given", where="room.toml", look=True), Settings)


def test_a_file_that_begins_with_a_byte_order_mark_is_read(tmp_path):
    (tmp_path / "room.toml").write_text('\ufeff[room]\nname = "Ärmel"', encoding="utf-8")
    assert load(tmp_path / "room.toml").room.name == "Ärmel"


def test_checking_values_loads_nothing_heavy():
    code = "import sys, appliance.settings; appliance.settings.parse('', where=''); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"numpy", "av", "sdl2", "PIL", "paho", "icalendar", "aiohttp"} & set(loaded)


def test_every_default_has_a_comment_of_its_own():
    lines = (files("appliance") / "defaults.toml").read_text().splitlines()
    keys = [number for number, line in enumerate(lines) if re.match(r"\w+ = ", line)]
    assert keys
    assert [lines[number] for number in keys if not lines[number - 1].startswith("# ")] == []


def test_the_readmes_room_has_all_a_room_needs():
    (text,) = re.findall(r"```toml\n(.*?)```", (Path(__file__).parents[3] / "README.md").read_text(), re.DOTALL)
    settings = parse(text, where="README.md", look=True)
    assert settings.devices.camera
    assert settings.devices.microphone
    assert settings.devices.speaker
    assert settings.calendar.source
    assert settings.calendar.auto_join_hosts == (settings.hub.address,)
