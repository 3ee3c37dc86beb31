"""The device keeper with devices that fail on command."""

import logging
import queue
import threading
import time

import pytest

from appliance.media.keeper import DeviceKeeper, readings
from appliance.state.devices import DeviceKind
from hardware.ports import DeviceError


class Device:
    simulated = False

    def __init__(self, name, bench):
        self.name, self._bench, self._given = name, bench, 0

    def __enter__(self):
        if self.name in self._bench.missing:
            raise DeviceError(f"{self.name} is not there")
        self._bench.open.append(self.name)
        return self

    def __exit__(self, *_):
        self._bench.open.remove(self.name)

    def read(self, timeout_s):
        if self.name in self._bench.silent or (self._given and self.name in self._bench.rare):
            self._bench.stopped.wait(timeout_s)
            return None
        if self.name in self._bench.missing:
            raise DeviceError(f"{self.name} was unplugged")
        self._bench.stopped.wait(0.005)
        self._given += 1
        return b"x"


class Bench:
    def __init__(self):
        self.missing, self.silent, self.refused, self.odd, self.rare = set(), set(), set(), set(), set()
        self.open = []
        self.stopped = threading.Event()
        self.uses = queue.Queue()
        self.keeper = DeviceKeeper(
            DeviceKind.CAMERA, driver=lambda uri: Device(uri, self), work=self.work, changed=self.uses.put
        )

    def work(self, device, works, stop):
        for _ in readings(device, works, stop):
            if device.name in self.refused:
                raise DeviceError(f"{device.name} cannot be encoded")
            if device.name in self.odd:
                raise RuntimeError("nobody foresaw this")

    def next_use(self):
        return self.uses.get(timeout=10)


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.setattr("appliance.media.keeper._BACKOFF_S", (0.01,))
    monkeypatch.setattr("appliance.media.keeper.SILENT_S", 0.05)
    monkeypatch.setattr("appliance.media.keeper._SLICE_S", 0.02)
    bench = Bench()
    yield bench
    bench.stopped.set()
    bench.keeper.close()


def test_the_first_device_that_works_is_used(bench):
    bench.missing = {"a"}
    bench.keeper.keep(("a", "b", "c"))
    use = bench.next_use()
    assert (use.uri, use.open, use.healthy, use.error) == ("b", True, True, "a is not there")
    assert bench.open == ["b"]


def test_a_device_that_gives_nothing_has_failed(bench):
    bench.silent = {"a"}
    bench.keeper.keep(("a", "b"))
    assert bench.next_use().uri == "b"


def test_without_any_that_works_the_reason_is_told_and_it_is_tried_again(bench):
    bench.missing = {"a"}
    bench.keeper.keep(("a",))
    use = bench.next_use()
    assert (use.open, use.healthy, use.error) == (False, False, "a is not there")
    bench.missing = set()
    while not (use := bench.next_use()).open:
        pass
    assert use.healthy


def test_an_unplugged_device_is_followed_by_the_next_one_of_the_list(bench):
    bench.keeper.keep(("a", "b"))
    assert bench.next_use().uri == "a"
    bench.missing = {"a"}
    while not (use := bench.next_use()).open:
        pass
    assert use.uri == "b"


def test_a_device_that_never_works_for_long_is_followed_by_the_next_one(bench):
    bench.refused = {"a"}
    bench.keeper.keep(("a", "b"))
    assert bench.next_use().uri == "a"
    use = bench.next_use()
    assert (use.uri, use.open, use.error) == ("b", True, "a cannot be encoded")


def test_a_device_that_fails_in_a_way_nobody_foresaw_is_followed_by_the_next_one(bench, caplog):
    bench.odd = {"a"}
    bench.keeper.keep(("a", "b"))
    assert bench.next_use().uri == "a"
    use = bench.next_use()
    assert (use.uri, use.open) == ("b", True)
    assert use.error.startswith("a failed")
    assert "nobody foresaw this" in caplog.text


def test_a_device_that_never_works_for_long_is_tried_later_and_later(bench, monkeypatch):
    monkeypatch.setattr("appliance.media.keeper._BACKOFF_S", (0.1, 0.2))
    bench.refused = {"a"}
    began = time.monotonic()
    bench.keeper.keep(("a",))
    uses = [bench.next_use() for _ in range(5)]
    assert [(use.open, use.healthy) for use in uses] == [(True, True), (False, False)] * 2 + [(True, True)]
    assert time.monotonic() - began >= 0.3


def test_a_new_list_swaps_the_device(bench):
    bench.keeper.keep(("a",))
    assert bench.next_use().uri == "a"
    bench.keeper.keep(("b",))
    assert bench.next_use().uri == "b"
    assert bench.open == ["b"]


def test_a_better_device_that_has_come_is_gone_back_to_when_told(bench):
    bench.missing = {"a"}
    bench.keeper.keep(("a", "b"))
    use = bench.next_use()
    assert (use.uri, bench.keeper.missed) == ("b", ("a",))
    assert [(tried.uri, tried.ok, tried.error) for tried in use.tries] == [
        ("a", False, "a is not there"),
        ("b", True, ""),
    ]
    bench.missing = set()
    bench.keeper.again()
    use = bench.next_use()
    assert (use.uri, use.error, bench.keeper.missed) == ("a", "", ())
    assert [tried.ok for tried in use.tries] == [True, True]
    assert bench.open == ["a"]


def test_nothing_is_missed_while_devices_are_being_tried(bench):
    seen = []
    bench.missing = {"b"}
    bench.keeper.keep(("a",))
    bench.next_use()
    really = Device.__enter__

    class Watched(Device):
        def __enter__(self):
            seen.append(bench.keeper.missed)
            return really(self)

    bench.keeper._driver = lambda uri: Watched(uri, bench)
    bench.keeper.keep(("b", "a"))
    assert bench.next_use().uri == "a"
    assert seen == [(), ()]


def test_a_device_that_has_worked_is_missed_sooner_than_a_new_one_is_given_up(bench, monkeypatch):
    monkeypatch.setattr("appliance.media.keeper.SILENT_S", 30.0)
    monkeypatch.setattr("appliance.media.keeper.STALLED_S", 0.05)
    bench.keeper.keep(("a", "b"))
    assert bench.next_use().uri == "a"
    bench.silent = {"a"}
    use = bench.next_use()
    assert (use.uri, use.error) == ("b", "a gives nothing: check its cable and that no other program uses it")


def test_a_device_that_gives_one_picture_a_minute_is_not_used_for_long(bench, monkeypatch):
    monkeypatch.setattr("appliance.media.keeper.STALLED_S", 0.05)
    bench.rare = {"a"}
    bench.keeper.keep(("a", "b"))
    assert bench.next_use().uri == "a"
    use = bench.next_use()
    assert (use.uri, use.healthy) == ("b", True)
    assert [(tried.uri, tried.ok) for tried in use.tries] == [("a", False), ("b", True)]


def test_a_released_device_is_closed_and_says_so(bench):
    bench.keeper.keep(("a",))
    bench.next_use()
    bench.keeper.close()
    use = bench.next_use()
    assert (use.uri, use.open, use.healthy) == ("a", False, True)
    assert bench.open == []


def test_it_can_be_kept_again_after_a_release(bench):
    for _ in range(3):
        bench.keeper.keep(("a",))
        assert bench.next_use().open
        bench.keeper.close()
        assert not bench.next_use().open


def test_an_empty_list_names_the_remedy(bench):
    bench.keeper.keep(())
    assert "room.toml" in bench.next_use().error


def test_a_device_that_comes_and_goes_fills_no_log(bench, caplog):
    bench.refused.add("A")
    with caplog.at_level(logging.INFO):
        bench.keeper.keep(("A",))
        worked = 0
        while worked < 4:
            worked += bench.next_use().open
        bench.keeper.close()
    assert [record.message for record in caplog.records] == ["camera: using A", "camera: A cannot be encoded"]


def test_a_device_with_a_new_complaint_each_time_fills_no_log_either(bench, caplog):
    class Cable(Device):
        def __enter__(self):
            self._bench.open.append(len(self._bench.open))
            raise DeviceError(f"complaint {len(self._bench.open)}")

    bench.keeper._driver = lambda uri: Cable(uri, bench)
    bench.keeper.keep(("A", "A"))
    for _ in range(20):
        assert "complaint" in bench.next_use().error
    bench.keeper.close()
    assert caplog.text.count("complaint") <= 2 * 6


def test_two_names_of_one_device_complain_once(bench):
    bench.missing.add("A")
    bench.keeper.keep(("A", "A"))
    assert bench.next_use().error == "A is not there"
