"""One contract for every driver of a wire: gpiozero's devices on its mock pins, and simulated wires in files."""

import pytest
from gpio_bench import MockBench, ZeroBench, wait_until

from hardware.ports import BadUri, DeviceError

POLARITIES = ["", "?active_low=1", "?pull=up", "?active_low=1&pull=down", "?pull=none", "?active_low=1&pull=none"]


@pytest.fixture(params=[ZeroBench, MockBench])
def bench(request, tmp_path):
    made = request.param(tmp_path) if request.param is MockBench else request.param()
    yield made
    made.close()


@pytest.mark.parametrize("options", POLARITIES)
def test_an_input_says_active_and_inactive_whatever_its_polarity(bench, options):
    uri = bench.uri(17, options)
    with bench.input(uri) as line:
        for active in (True, False, True):
            bench.drive(uri, active=active)
            assert line.read() is active


@pytest.mark.parametrize("options", ["", "?active_low=1"])
def test_a_button_that_nobody_touches_is_inactive(bench, options):
    with bench.input(bench.uri(17, options)) as line:
        assert not line.read()


@pytest.mark.parametrize("options", POLARITIES)
def test_each_edge_is_told_with_its_level(bench, options):
    uri = bench.uri(17, options)
    bench.drive(uri, active=False)
    with bench.input(uri) as line:
        bench.drive(uri, active=False)
        seen = []
        line.watch(lambda at_s, active: seen.append((at_s, active)))
        for n, active in enumerate((True, False, True), 1):
            # a simulated wire is looked at from time to time
            assert wait_until(lambda n=n: len(seen) >= n - 1)
            bench.simulated and wait_until(lambda: False, 0.03)
            bench.drive(uri, active=active)
        assert wait_until(lambda: len(seen) == 3)
    assert [active for _, active in seen] == [True, False, True]
    assert [at_s for at_s, _ in seen] == sorted(at_s for at_s, _ in seen)


def test_after_closing_nothing_is_told_and_nothing_can_be_read(bench):
    uri = bench.uri(17)
    seen = []
    with bench.input(uri) as line:
        line.watch(lambda *edge: seen.append(edge))
    bench.drive(uri, active=True)
    with pytest.raises(DeviceError, match="closed"):
        line.read()
    assert not seen


@pytest.mark.parametrize(("options", "high"), [("", True), ("?active_low=1", False), ("?active_low=1&pull=up", False)])
def test_an_output_drives_the_voltage_that_its_polarity_says(bench, options, high):
    uri = bench.uri(22, options)
    with bench.output(uri) as line:
        assert (bench.high(uri), line.read()) == (not high, False)
        line.write(True)
        assert (bench.high(uri), line.read()) == (high, True)
        line.write(False)
        assert (bench.high(uri), line.read()) == (not high, False)


@pytest.mark.parametrize("initial", [True, False])
@pytest.mark.parametrize("options", ["", "?active_low=1"])
def test_an_output_begins_as_it_is_told(bench, options, initial):
    with bench.output(bench.uri(22, options), initial=initial) as line:
        assert line.read() is initial


def test_a_line_has_one_use_at_a_time(bench):
    uri = bench.uri(22)
    with bench.output(uri):
        with pytest.raises(DeviceError, match=r"in use|twice"), bench.output(uri):
            raise AssertionError
        with pytest.raises(DeviceError, match=r"in use|twice"), bench.input(uri):
            raise AssertionError
    with bench.input(uri) as line:
        assert not line.read()


def test_a_line_can_be_opened_again_and_again(bench):
    uri = bench.uri(17, "?active_low=1")
    line = bench.input(uri)
    for _ in range(3):
        with line:
            assert line.read() is False
            assert line.name == uri
            assert line.simulated is bench.simulated


def test_an_output_that_is_left_is_not_reset(tmp_path):
    zero, simulated = ZeroBench(), MockBench(tmp_path)
    for bench, uri in ((zero, zero.uri(22)), (simulated, simulated.uri(22, "?released=keep"))):
        line = bench.output(uri, leave=True)
        with line:
            line.write(True)
        assert bench.high(uri)
    assert zero.left == ["gpio:22"]
    zero.close()


def test_a_pin_with_a_resistor_of_its_own_and_one_that_does_not_exist_are_named():
    bench = ZeroBench()
    for uri, words in (("gpio:2?pull=down", "pull-up resistor"), ("gpio:99", "no such line")):
        with pytest.raises(BadUri, match=words), bench.input(uri):
            raise AssertionError
    with bench.input("gpio:2?pull=up&active_low=1") as line:
        assert not line.read()
    bench.close()


def test_gpiozero_is_never_left_to_find_a_driver_by_itself(monkeypatch):
    import gpiozero

    def unasked():
        raise AssertionError

    monkeypatch.setattr(gpiozero.Device, "_default_pin_factory", staticmethod(unasked))
    bench = ZeroBench()
    with bench.input("gpio:17") as line, bench.output("gpio:22") as other:
        line.watch(lambda *_: None)
        other.write(True)
    bench.close()
