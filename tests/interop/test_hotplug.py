"""Devices that come and go, by umockdev, seen by the real pyudev and libudev."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import umockdev_bed
from umockdev_bed import Bed

from hardware.hotplug import udev
from hardware.hotplug.events import UdevEvents, udev_monitor
from hardware.hotplug.udev import enumerate_devices
from hardware.hotplug.watch import Presence, Source, Timing, Watch
from hardware.identify import select
from hardware.ports import Found

pytestmark = [pytest.mark.interop, pytest.mark.umockdev]

SOON = Timing(quiet_s=0.02, storm_s=0.1, period_s=0.3)
"""The shipped timing is ten and seven times as slow; what depends on it is tested with the shipped one."""
EVENTS_ONLY = Timing(period_s=3600)


@pytest.fixture
def bed() -> Iterator[Bed]:
    with Bed() as bed:
        yield bed


class Seen:
    """All that a watch told."""

    def __init__(self) -> None:
        self.told: list[Presence] = []
        self._more = threading.Condition()

    def __call__(self, presence: Presence) -> None:
        with self._more:
            self.told.append(presence)
            self._more.notify_all()

    def wait_for(self, right: Callable[[tuple[Found, ...]], bool], timeout_s: float = 10.0) -> float:
        """Return how many seconds passed until the newest that was told was right."""
        started = time.monotonic()
        with self._more:
            if not self._more.wait_for(lambda: self.told and right(self.told[-1].found), timeout_s):
                pytest.fail(f"after {timeout_s} s the last that was told is {self.told[-1:]}")
        return time.monotonic() - started


@contextlib.contextmanager
def watched(timing: Timing = SOON) -> Iterator[Seen]:
    seen = Seen()
    with Watch(Source(enumerate_devices, UdevEvents, timing), seen):
        seen.wait_for(lambda _found: True)
        yield seen


def nodes(found: tuple[Found, ...], *kinds: str) -> list[str]:
    return [one.node for one in found if not kinds or one.kind in kinds]


def test_a_camera_is_found_once_though_it_has_two_nodes(bed: Bed) -> None:
    bed.camera("2", 0, serial="ABC123", name="HD Pro Webcam")
    (found,) = enumerate_devices()
    assert found == Found(
        "camera", "usb:046d:085e:ABC123", "HD Pro Webcam", "/dev/video0", "pci-0000:00:14.0-usb-0:2:1.0"
    )


def test_a_camera_that_is_plugged_in_and_pulled_out_is_told(bed: Bed) -> None:
    with watched(EVENTS_ONLY) as seen:
        bed.camera("2", 0)
        seen.wait_for(lambda found: nodes(found) == ["/dev/video0"])
        bed.unplug("2")
        seen.wait_for(lambda found: not found)


def test_what_happens_while_the_watch_starts_is_not_missed(bed: Bed) -> None:
    seen = Seen()
    with Watch(Source(enumerate_devices, UdevEvents, EVENTS_ONLY), seen):
        bed.camera("2", 0)
        seen.wait_for(lambda found: nodes(found) == ["/dev/video0"])


@pytest.mark.parametrize("serial", ["", "ABC123"])
def test_a_camera_keeps_its_id_under_another_number(bed: Bed, serial: str) -> None:
    bed.camera("2", 0, serial=serial)
    (before,) = enumerate_devices()
    with watched(EVENTS_ONLY) as seen:
        bed.renumber("2", 2)
        seen.wait_for(lambda found: nodes(found) == ["/dev/video2"])
        (after,) = seen.told[-1].found
    assert (after.id, after.port) == (before.id, before.port)


def test_two_cameras_with_the_same_serial_number_are_told_apart_by_their_ports(bed: Bed) -> None:
    bed.camera("2", 0, serial="0001")
    bed.camera("1.4", 2, serial="0001")
    first, second = enumerate_devices()
    assert (first.node, second.node) == ("/dev/video2", "/dev/video0")
    assert first.id == f"usb:046d:085e:0001@{first.port}"
    assert second.id == f"usb:046d:085e:0001@{second.port}"
    assert select(second.id, (first, second)) == second
    bed.renumber("2", 8)
    bed.renumber("1.4", 6)
    assert [one.id for one in enumerate_devices()] == [first.id, second.id]


def test_a_sound_card_is_what_its_streams_say(bed: Bed) -> None:
    bed.sound_card("1", 0, directions="cp", serial="S", name="Speakerphone")
    bed.sound_card("2", 3, directions="c", name="Array")
    assert [(one.kind, one.node, one.name) for one in enumerate_devices()] == [
        ("microphone", "hw:0", "Speakerphone"),
        ("speaker", "hw:0", "Speakerphone"),
        ("microphone", "hw:3", "Array"),
    ]


def test_a_microphone_that_another_card_numbers_anew_keeps_its_id(bed: Bed) -> None:
    bed.sound_card("1", 0, directions="c", serial="S")
    (before,) = enumerate_devices()
    bed.unplug("1")
    bed.sound_card("1", 4, directions="c", serial="S")
    (after,) = enumerate_devices()
    assert (before.node, after.node) == ("hw:0", "hw:4")
    assert before.id == after.id == "usb:2886:0018:S"


def test_a_tv_that_comes_with_an_event_is_told(bed: Bed) -> None:
    hdmi = bed.connector("HDMI-A-1", "disconnected")
    with watched(EVENTS_ONLY) as seen:
        bed.set_status(hdmi, "connected")
        seen.wait_for(lambda found: nodes(found, "display") == ["card0-HDMI-A-1"])


def test_a_tv_that_goes_without_an_event_is_told_within_the_shipped_period(bed: Bed) -> None:
    hdmi = bed.connector("HDMI-A-1", "connected")
    with watched(Timing()) as seen:
        bed.set(hdmi, "status", b"disconnected\n")
        assert seen.wait_for(lambda found: not found) < Timing().period_s + 1


def test_a_camera_whose_events_are_lost_is_told_nevertheless(bed: Bed) -> None:
    with watched() as seen:
        with bed.losing_events():
            bed.camera("2", 0)
        seen.wait_for(lambda found: nodes(found) == ["/dev/video0"])
        with bed.losing_events():
            bed.unplug("2")
        seen.wait_for(lambda found: not found)


def test_lost_events_really_are_lost(bed: Bed) -> None:
    with watched(EVENTS_ONLY) as seen:
        with bed.losing_events():
            bed.camera("2", 0)
        time.sleep(3 * Timing().storm_s)
        assert seen.told == [Presence()]
        bed.camera("1", 2)
        seen.wait_for(lambda found: len(found) == 2)


def test_after_a_storm_of_events_what_is_there_is_told(bed: Bed) -> None:
    with watched(EVENTS_ONLY) as seen:
        for _ in range(300):
            bed.remove(bed.add("video4linux", "video6", properties={"DEVNAME": "/dev/video6"}))
        bed.camera("2", 0)
        seen.wait_for(lambda found: nodes(found) == ["/dev/video0"])


def test_a_storm_does_not_keep_a_camera_from_being_told(bed: Bed) -> None:
    with watched(replace(EVENTS_ONLY, quiet_s=60.0)) as seen, storming(bed) as storm:
        bed.camera("2", 0)
        seen.wait_for(lambda found: "/dev/video0" in nodes(found))
        assert storm.is_alive()


def test_a_watch_ends_within_a_second_in_a_storm(bed: Bed) -> None:
    with storming(bed):
        with watched():
            pass
        with watched(EVENTS_ONLY):
            started = time.monotonic()
        assert time.monotonic() - started < 1


@contextlib.contextmanager
def storming(bed: Bed) -> Iterator[threading.Thread]:
    """Let something come and go without a pause."""
    over = threading.Event()

    def storm() -> None:
        while not over.is_set():
            bed.event(bed.noise, "change")

    thread = threading.Thread(target=storm, name="storm")
    thread.start()
    try:
        yield thread
    finally:
        over.set()
        thread.join()


def test_a_monitor_that_nobody_drains_is_noticed(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(umockdev_bed, "DRAINED_S", 0.2)
    monitor = udev_monitor()
    with pytest.raises(umockdev_bed.UndrainedMonitor):
        list(map(bed.event, [bed.noise] * 20, ["change"] * 20))
    assert monitor.poll(0) is not None


@pytest.mark.parametrize("attribute", ["name", "index"])
@pytest.mark.parametrize("value", [b"", b"\n", b"\xff\xfe\x00\x1b[31m", b"9" * 1_000_000, "\u202eevil".encode() * 9])
def test_a_camera_with_nonsense_in_its_attributes_is_an_oddly_named_camera_at_most(
    bed: Bed, attribute: str, value: bytes
) -> None:
    bed.camera("1", 0)
    bed.camera("2", 2)
    bed.set(bed.node_of("2"), attribute, value)
    found = enumerate_devices()
    assert nodes(found)[0] == "/dev/video0"
    assert all(len(one.name) <= 64 and one.name.isprintable() for one in found)


@pytest.mark.parametrize("attribute", ["idVendor", "idProduct", "serial", "product"])
@pytest.mark.parametrize("value", [b"", b"\n", b"\xff\xfe\x00\x1b[31m", b"9" * 1_000_000, "\u202eevil".encode() * 9])
def test_a_usb_device_with_nonsense_in_its_attributes_is_found_all_the_same(
    bed: Bed, attribute: str, value: bytes
) -> None:
    bed.camera("2", 0, serial="S")
    bed.set(bed.device_of("2"), attribute, value)
    (found,) = enumerate_devices()
    assert found.node == "/dev/video0"
    assert found.id.isprintable()
    assert len(found.id) < 256
    assert len(found.name) <= 64


def test_a_camera_with_ten_thousand_properties_is_a_camera(bed: Bed) -> None:
    many = "".join(f"SURPRISE_{number}={'x' * 100}\n" for number in range(10_000))
    bed.set(bed.add("video4linux", "video0"), "uevent", f"{many}DEVNAME=/dev/video0\n".encode())
    assert nodes(enumerate_devices()) == ["/dev/video0"]


def test_a_property_that_is_not_utf8_is_left_out(bed: Bed) -> None:
    bed.set(bed.add("video4linux", "video0"), "uevent", b"DEVNAME=/dev/video0\nID_MODEL=\xff\xfe\n")
    assert nodes(enumerate_devices()) == ["/dev/video0"]


def test_a_camera_without_any_parent_is_named_by_itself(bed: Bed) -> None:
    bed.add("video4linux", "video3", attributes={"name": "Loopback"}, properties={"DEVNAME": "/dev/video3"})
    (found,) = enumerate_devices()
    assert (found.id, found.name) == ("virtual:Loopback", "Loopback")


def test_what_udevd_has_not_finished_with_is_not_there_yet(bed: Bed, tmp_path: Path) -> None:
    bed.camera("2", 0)
    assert enumerate_devices(udevd=tmp_path) == ()


def test_a_device_that_vanishes_between_listing_and_reading_is_left_out(bed: Bed) -> None:
    bed.camera("1", 0)
    bed.camera("2", 2)
    reading = udev._devices(ready=True)
    first = next(reading)
    for port in ("1", "2"):
        bed.unplug(port)
    assert first.subsystem
    assert [device for device in reading if device.subsystem == "video4linux"] == []


def test_devices_that_come_and_go_while_they_are_listed_are_listed_whole_or_not_at_all(bed: Bed) -> None:
    lists: list[tuple[Found, ...]] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            lists.append(enumerate_devices())

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        for number in range(60):
            bed.camera("2", number % 4, serial="S")
            bed.unplug("2")
        over.set()
        looking.result()
    assert {one.id for found in lists for one in found} == {"usb:046d:085e:S"}


def test_several_threads_may_look_at_once(bed: Bed) -> None:
    for number in range(4):
        bed.camera(str(number + 1), 2 * number)
    with ThreadPoolExecutor(4) as pool:
        looks = [pool.submit(enumerate_devices) for _ in range(100)]
    assert {nodes(look.result())[0] for look in looks} == {"/dev/video0"}
    assert {len(look.result()) for look in looks} == {4}
