"""What a wire does to its thread when it fails: nothing, whatever its driver says."""

import logging

import pytest

from appliance.media.kept_wire import KeptWire
from appliance.state.devices import WireUse
from hardware.ports import DeviceError


class Wire:
    """Fails on command, also when it is closed."""

    def __init__(self, bench):
        self._bench = bench

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._bench.error is not None:
            raise OSError(19, "No such device")

    def work(self):
        if self._bench.error is not None:
            raise self._bench.error
        return ""


class Bench:
    def __init__(self):
        self.error = None
        self.uses = []
        self.wire = KeptWire(WireUse("mute light", "gpio:5"), opens=lambda: Wire(self), changed=self.uses.append)
        self.now = 0.0

    def looks(self, times=1):
        for _ in range(times):
            self.now += 60.0
            self.wire.serve(Wire.work, self.now)


@pytest.mark.parametrize("error", [DeviceError("the chip is gone"), ZeroDivisionError("what nobody foresaw")])
def test_a_wire_that_can_neither_be_used_nor_closed_is_told_once_and_opened_again(error, caplog):
    bench = Bench()
    with caplog.at_level(logging.INFO):
        bench.looks()
        bench.error = error
        bench.looks(20)
        bench.error = None
        bench.looks(2)
    assert [use.open for use in bench.uses] == [True, False, True]
    assert [record.message for record in caplog.records if record.levelno == logging.INFO] == [
        "mute light: using gpio:5"
    ] * 2
    assert len(caplog.records) <= 4


@pytest.mark.parametrize("error", [DeviceError("the chip is gone"), ZeroDivisionError("what nobody foresaw")])
def test_a_last_wish_that_fails_ends_in_peace(error):
    bench = Bench()
    bench.looks()
    bench.error = error
    bench.wire.close(Wire.work)
    assert bench.wire.device is None
