"""What cec-ctl wrote on a real adapter, read; and a cec-ctl that stalls, floods or is not there."""

import re
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.ports import DeviceError, DeviceMissing
from hardware.tv.cec import Adapter, Cec, Fate, Transmission, choose, parse_adapter, parse_transmission
from hardware.tv.command import CommandStalled
from hardware.tv.connector import Connector
from hardware.tv.edid import Edid
from hardware.tv.power import Method, Power

FOLDER = Path(__file__).parent / "cec_ctl"
OLD, NEW = "1.22.1", "1.30.1"


def written(version):
    text = (FOLDER / f"{version}.txt").read_text()
    return {m[1]: m[2] for m in re.finditer(r"^=== (.*?) \$ .*\n((?:(?!===).*\n)*)", text, re.MULTILINE)}


WRITTEN = {version: written(version) for version in (OLD, NEW)}
PLAYBACK = Adapter("/dev/cec1", "vivid", "vivid-000-vid-out0", "1.0.0.0", claimed=True, osd_name="Salon")


@pytest.mark.parametrize(
    ("version", "section", "fate", "power"),
    [
        (OLD, "asked in standby", Fate.HEARD, Power.OFF),
        (NEW, "asked in standby", Fate.HEARD, Power.OFF),
        (NEW, "asked while turning on", Fate.HEARD, Power.TURNING_ON),
        (NEW, "asked while on", Fate.HEARD, Power.ON),
        (OLD, "image view on", Fate.HEARD, Power.UNKNOWN),
        (NEW, "image view on", Fate.HEARD, Power.UNKNOWN),
        (NEW, "image view on and active source", Fate.HEARD, Power.UNKNOWN),
        (OLD, "power-on key", Fate.HEARD, Power.UNKNOWN),
        (NEW, "power-off key", Fate.HEARD, Power.UNKNOWN),
        (OLD, "active source", Fate.HEARD, Power.UNKNOWN),
        (NEW, "standby", Fate.HEARD, Power.UNKNOWN),
        (OLD, "asked nobody", Fate.UNHEARD, Power.UNKNOWN),
        (NEW, "asked nobody", Fate.UNHEARD, Power.UNKNOWN),
        (OLD, "asked a dumb tv", Fate.REFUSED, Power.UNKNOWN),
        (NEW, "asked a dumb tv", Fate.REFUSED, Power.UNKNOWN),
        (OLD, "asked a silent tv", Fate.SILENT, Power.UNKNOWN),
        (NEW, "asked a silent tv", Fate.SILENT, Power.UNKNOWN),
        (OLD, "woken while unclaimed", Fate.UNCONFIGURED, Power.UNKNOWN),
        (NEW, "asked while unclaimed", Fate.UNCONFIGURED, Power.UNKNOWN),
        (OLD, "woken while unplugged", Fate.LINE, Power.UNKNOWN),
        (NEW, "woken while unplugged", Fate.LINE, Power.UNKNOWN),
        (OLD, "standby while unplugged", Fate.LOST, Power.UNKNOWN),
        (NEW, "asked while unplugged", Fate.LOST, Power.UNKNOWN),
        (NEW, "not an option", Fate.LOST, Power.UNKNOWN),
    ],
)
def test_a_message_s_fate_is_read_from_cec_ctl_s_words(version, section, fate, power):
    assert parse_transmission(WRITTEN[version][section]) == Transmission(fate, power)


@pytest.mark.parametrize("version", [OLD, NEW])
def test_an_adapter_says_whether_it_has_addresses(version):
    wrote = WRITTEN[version]
    assert parse_adapter("/dev/cec1", wrote["claimed adapter"]) == PLAYBACK
    assert parse_adapter("/dev/cec1", wrote["unclaimed adapter"]) == replace(PLAYBACK, claimed=False, osd_name="")
    unplugged = parse_adapter("/dev/cec1", wrote["unplugged adapter"])
    assert (unplugged.physical_address, unplugged.claimed) == ("f.f.f.f", False)


def test_a_driver_that_knows_its_connector_names_it():
    line = "\tDRM Connector Info         : card 1, connector 33\n"
    text = WRITTEN[NEW]["claimed adapter"].replace("\tConnector Info             : None\n", line)
    assert parse_adapter("/dev/cec0", text).connector == (1, 33)


def test_a_forbidden_or_missing_device_is_told_with_what_helps():
    with pytest.raises(DeviceError, match="group video"):
        parse_adapter("/dev/cec1", WRITTEN[NEW]["not permitted"])
    with pytest.raises(DeviceError, match="No such file"):
        parse_adapter("/dev/cec7", WRITTEN[NEW]["no such device"])


@pytest.mark.parametrize("text", ["", "\0" * 100, "Driver Info:\n", "Segmentation fault\n", "Usage:\n  -d"])
def test_an_adapter_that_says_nothing_of_use_is_refused(text):
    with pytest.raises(DeviceError, match="does not answer as a CEC adapter should"):
        parse_adapter("/dev/cec0", text)


@given(st.text(max_size=400), st.data())
def test_garbage_is_never_taken_for_a_tv_that_answered(noise, data):
    wrote = data.draw(st.sampled_from(list(WRITTEN[NEW].values())))
    cut = wrote[: data.draw(st.integers(0, len(wrote)))]
    transmission = parse_transmission(noise)
    assert transmission.power is Power.UNKNOWN or "pwr-state" in noise
    assert parse_transmission(cut + noise).power in {Power.UNKNOWN, parse_transmission(wrote).power} or "pwr" in noise
    try:
        adapter = parse_adapter("/dev/cec0", cut + noise)
    except DeviceError:
        return
    assert re.fullmatch(r"([0-9a-f]\.){3}[0-9a-f]", adapter.physical_address)


@pytest.mark.parametrize("filler", ["\n", " ", "\t", "\tA ", "Tx", "\tTx, ", "Failed to open x"])
def test_no_flood_of_words_takes_long_to_read(filler):
    flood = (filler * 65_536)[:65_536]
    began = time.process_time()
    assert parse_transmission(flood).power is Power.UNKNOWN
    with pytest.raises(DeviceError):
        parse_adapter("/dev/cec0", flood)
    assert time.process_time() - began < 0.5


def tv(number=None, address=""):
    return Connector("card1-HDMI-A-2", connected=True, number=number, edid=Edid("GSM", physical_address=address))


def test_the_adapter_is_the_one_whose_driver_names_the_connector():
    first, second = Adapter("/dev/cec0", connector=(1, 33)), Adapter("/dev/cec1", connector=(1, 42))
    assert choose([first, second], tv(42)) == second
    assert choose([first, second], tv(99)) is None
    assert choose([first], tv(42)) is None


def test_without_a_driver_s_word_the_tv_s_address_tells_the_adapter():
    first, second = Adapter("/dev/cec0", physical_address="2.0.0.0"), PLAYBACK
    assert choose([first, second], tv(address="1.0.0.0")) == second
    assert choose([first, second], tv(address="4.0.0.0")) is None
    assert choose([second, replace(second, device="/dev/cec2")], tv(address="1.0.0.0")) is None


def test_an_hdmi_input_of_the_room_is_not_taken_for_the_way_to_its_tv():
    capture = Adapter("/dev/cec0", physical_address="0.0.0.0")
    assert choose([capture, PLAYBACK], tv()) == PLAYBACK
    assert choose([capture], tv(address="0.0.0.0")) is None


def test_the_only_adapter_is_the_tv_s():
    assert choose([PLAYBACK], tv()) == PLAYBACK
    assert choose([PLAYBACK], None) == PLAYBACK
    assert choose([], tv()) is None


@pytest.fixture
def cec_ctl(tmp_path):
    """Install a cec-ctl that does what real ones do at their worst."""

    def install(script, mode=0o755):
        program = tmp_path / "cec-ctl"
        program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/said\n{script}\n')
        program.chmod(mode)
        return str(program)

    (tmp_path / "said").touch()
    install.said = lambda: (tmp_path / "said").read_text().splitlines()
    return install


def prints(tmp_path, section):
    file = tmp_path / "printed"
    file.write_text(WRITTEN[NEW][section])
    return f"cat {file}"


async def test_a_cec_ctl_that_hangs_is_killed_in_time(cec_ctl):
    cec = Cec("/dev/cec0", program=cec_ctl("sleep 30 & sleep 30"), timeout_s=0.3)
    began = time.monotonic()
    with pytest.raises(CommandStalled, match=r"did not end within 0\.3 s"):
        await cec.find(None)
    assert time.monotonic() - began < 3
    assert not [p for p in psutil.Process().children(recursive=True) if p.name() in {"sleep", "cec-ctl"}]


async def test_a_cec_ctl_that_leaves_a_child_behind_holds_nobody_up(cec_ctl, tmp_path):
    cec = Cec("/dev/cec0", program=cec_ctl(f"{prints(tmp_path, 'claimed adapter')}; sleep 30 >&2 &"), timeout_s=0.3)
    with pytest.raises(CommandStalled):
        await cec.find(None)


async def test_a_cec_ctl_that_does_not_stop_writing_is_killed(cec_ctl):
    with pytest.raises(DeviceError, match="does not stop writing"):
        await Cec("/dev/cec0", program=cec_ctl("cat /dev/zero"), timeout_s=5).find(None)


@pytest.mark.parametrize("script", ["exit 0", "exit 3", "kill -SEGV $$", "printf '\\377\\376\\000'"])
async def test_a_cec_ctl_that_says_nothing_of_use_is_a_device_error(cec_ctl, script):
    with pytest.raises(DeviceError, match="does not answer"):
        await Cec("/dev/cec0", program=cec_ctl(script), timeout_s=5).find(None)


async def test_a_room_without_cec_ctl_says_what_to_install(tmp_path):
    with pytest.raises(DeviceMissing, match="apt install v4l-utils"):
        await Cec("/dev/cec0", program=str(tmp_path / "none")).find(None)


async def test_a_cec_ctl_that_may_not_be_run_is_a_device_error(cec_ctl):
    program = cec_ctl("exit 0", mode=0o644)
    with pytest.raises(DeviceError, match="Permission denied"):
        await Cec("/dev/cec0", program=program).find(None)


async def test_the_real_cec_ctl_without_a_device_is_a_device_error():
    with pytest.raises(DeviceError, match=r"/dev/cec63 cannot be opened \(No such file"):
        await Cec("/dev/cec63").find(None)


async def test_a_machine_without_adapters_has_no_cec(tmp_path):
    assert await Cec(root=tmp_path).find(tv()) is None


async def test_a_claimed_adapter_is_not_claimed_again(cec_ctl, tmp_path):
    cec = Cec("/dev/cec1", program=cec_ctl(prints(tmp_path, "claimed adapter")))
    await cec.use(Method.IMAGE_VIEW_ON, PLAYBACK)
    assert cec_ctl.said() == [
        "--device=/dev/cec1",
        "--device=/dev/cec1 --skip-info --to 0 --image-view-on --active-source phys-addr=1.0.0.0",
    ]


async def test_an_adapter_under_another_name_is_claimed_once(cec_ctl, tmp_path):
    cec = Cec("/dev/cec1", name="Aquarium", program=cec_ctl(prints(tmp_path, "claimed adapter")))
    await cec.use(Method.STANDBY, PLAYBACK)
    await cec.use(Method.STANDBY, PLAYBACK)
    assert len([words for words in cec_ctl.said() if "--osd-name Aquarium" in words]) == 1


async def test_an_unclaimed_adapter_is_claimed_under_the_room_s_name(cec_ctl, tmp_path):
    cec = Cec("/dev/cec1", name="Großer Saal im 2. Stock", program=cec_ctl(prints(tmp_path, "unclaimed adapter")))
    await cec.use(Method.STANDBY, PLAYBACK)
    assert cec_ctl.said()[1:] == [
        "--device=/dev/cec1 --playback --osd-name Groer Saal im",
        "--device=/dev/cec1 --skip-info --to 0 --standby",
    ]


async def test_without_an_address_a_tv_can_be_woken_and_nothing_is_claimed(cec_ctl, tmp_path):
    cec = Cec("/dev/cec1", program=cec_ctl(prints(tmp_path, "unplugged adapter")))
    await cec.use(Method.IMAGE_VIEW_ON, PLAYBACK)
    assert await cec.use(Method.ACTIVE_SOURCE, PLAYBACK) is Fate.UNCONFIGURED
    assert cec_ctl.said()[1] == "--device=/dev/cec1 --skip-info --to 0 --image-view-on"
    assert len(cec_ctl.said()) == 3


def test_a_connector_with_more_digits_than_any_number_is_none():
    digits = "9" * 5000
    adapter = parse_adapter(
        "/dev/cec0", f"\tAdapter Name : vivid\n\tDRM Connector Info : card {digits}, connector {digits}\n"
    )
    assert adapter.connector is None
