import pytest

from hardware.gpio.wiring import Pull, fails_lit, parse
from hardware.ports import BadUri, UnknownScheme


def test_a_wire_is_described_by_its_uri():
    wiring = parse("gpio:17?active_low=1&pull=up")
    assert (wiring.pin, wiring.chip, wiring.active_low, wiring.pull) == ("17", "", True, Pull.UP)
    assert not wiring.simulated
    assert parse("gpio:3@cp2112_gpio").chip == parse("gpio:3?chip=cp2112_gpio").chip == "cp2112_gpio"
    assert parse("mock:mute_button?dir=/run/pins").simulated


@pytest.mark.parametrize(
    "text",
    ["gpio:", "gpio:GPIO17", "gpio:-1", "gpio:17?pull=left", "gpio:17?bounce=3", "gpio:1@a?chip=b", "gpio:99999",
     "gpio:17?active_low=yes", "mock:", "mock:../etc/passwd", "mock:a/b", "mock:x?dir=here", "mock:x?released=never",
     "mock:x?chip=y", "17", ""],
)  # fmt: skip
def test_nonsense_is_refused_in_words(text):
    with pytest.raises(BadUri):
        parse(text)


def test_another_scheme_is_refused_by_name():
    with pytest.raises(UnknownScheme, match=r"gpio:, mock:"):
        parse("pigpio:17")


@pytest.mark.parametrize(
    ("text", "active"),
    [("gpio:1", None), ("gpio:1?pull=up", True), ("gpio:1?pull=down", False), ("gpio:1?active_low=1&pull=down", True),
     ("gpio:1?active_low=1&pull=up", False), ("gpio:1?pull=none", None)],
)  # fmt: skip
def test_what_an_undriven_wire_is_follows_from_its_resistor(text, active):
    assert parse(text).active_when_released is active


def test_a_mute_light_that_would_be_dark_when_all_is_dead_is_refused_with_what_to_solder():
    assert fails_lit("gpio:22?active_low=1&pull=down").pin == "22"
    assert fails_lit("gpio:22?pull=up").pin == "22"
    with pytest.raises(BadUri, match=r"10 kOhm from the line to 3\.3 V and write pull=up"):
        fails_lit("gpio:22")
    with pytest.raises(BadUri, match="10 kOhm from the line to ground and write pull=down"):
        fails_lit("gpio:22?active_low=1&pull=up")
