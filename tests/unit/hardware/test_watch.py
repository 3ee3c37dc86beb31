"""Watching devices: when it looks, what it tells, and that nothing but leaving it ends it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from typing import Self

import pytest

from hardware.hotplug.follow import HANGS, follow
from hardware.hotplug.sources import source
from hardware.hotplug.watch import Presence, Source, Timing, Watch
from hardware.ports import BadUri, DeviceError, DeviceMissing, Found, UnknownScheme

CAMERA = Found("camera", "usb:046d:085e:A7", "BRIO", "/dev/video0", "pci-1")
QUICK = Timing(quiet_s=0.01, storm_s=0.05, period_s=0.02)
ON_EVENTS = Timing(quiet_s=0.01, storm_s=0.05, period_s=3600)


class Devices:
    """What is there, as a test says; it can fail and hang."""

    def __init__(self) -> None:
        self.there: tuple[Found, ...] = ()
        self.failure = ""
        self.looks = 0
        self.going_on = threading.Event()
        self.going_on.set()

    def __call__(self) -> tuple[Found, ...]:
        self.looks += 1
        self.going_on.wait()
        if self.failure:
            raise DeviceError(self.failure)
        return self.there


class Bell:
    """A source of events that a test rings."""

    def __init__(self) -> None:
        self.trouble = ""
        self.ring: Callable[[], None] = lambda: None

    def __call__(self, hint: Callable[[], None]) -> Self:
        self.ring = hint
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


@contextlib.contextmanager
def watching(source: Source) -> Iterator[Queue[Presence]]:
    told: Queue[Presence] = Queue()
    with Watch(source, told.put):
        yield told


def test_it_tells_at_once_that_nothing_is_there() -> None:
    with watching(Source(Devices(), timing=ON_EVENTS)) as told:
        assert told.get(timeout=5) == Presence()


def test_what_comes_without_an_event_is_seen_by_looking_regularly() -> None:
    devices = Devices()
    with watching(Source(devices, timing=QUICK)) as told:
        told.get(timeout=5)
        devices.there = (CAMERA,)
        assert told.get(timeout=5) == Presence((CAMERA,))


def test_what_comes_with_an_event_is_seen_soon() -> None:
    devices, bell = Devices(), Bell()
    with watching(Source(devices, bell, ON_EVENTS)) as told:
        told.get(timeout=5)
        devices.there = (CAMERA,)
        bell.ring()
        assert told.get(timeout=5) == Presence((CAMERA,))


def test_what_is_the_same_is_not_told_again() -> None:
    devices = Devices()
    with watching(Source(devices, timing=QUICK)) as told:
        told.get(timeout=5)
        before = devices.looks
        while devices.looks < before + 3:
            time.sleep(0.01)
        assert told.empty()


def test_many_events_in_a_row_are_one_look() -> None:
    devices, bell = Devices(), Bell()
    with watching(Source(devices, bell, Timing(quiet_s=0.3, storm_s=3600, period_s=3600))) as told:
        told.get(timeout=5)
        devices.there = (CAMERA,)
        for _ in range(50):
            bell.ring()
        told.get(timeout=5)
        assert devices.looks == 2


def test_events_without_end_do_not_put_off_the_look_for_long() -> None:
    devices, bell = Devices(), Bell()
    with watching(Source(devices, bell, Timing(quiet_s=3600, storm_s=0.1, period_s=3600))) as told:
        told.get(timeout=5)
        devices.there = (CAMERA,)
        bell.ring()
        assert told.get(timeout=5) == Presence((CAMERA,))


def test_while_nothing_can_be_listed_what_was_there_last_counts() -> None:
    devices = Devices()
    devices.there = (CAMERA,)
    with watching(Source(devices, timing=QUICK)) as told:
        told.get(timeout=5)
        devices.failure = "udev is away"
        assert told.get(timeout=5) == Presence((CAMERA,), "udev is away")
        devices.there, devices.failure = (), ""
        assert told.get(timeout=5) == Presence()


def test_what_nobody_foresaw_is_told_and_logged_once_and_does_not_end_the_watch(
    caplog: pytest.LogCaptureFixture,
) -> None:
    looks = 0

    def enumerate_() -> tuple[Found, ...]:
        nonlocal looks
        looks += 1
        if 1 < looks < 6:
            raise LookupError("a device that is none")
        return (CAMERA,)

    with watching(Source(enumerate_, timing=QUICK)) as told:
        assert told.get(timeout=5) == Presence((CAMERA,))
        seen = told.get(timeout=5)
        assert seen.found == (CAMERA,)
        assert "nobody foresaw" in seen.trouble
        assert told.get(timeout=5) == Presence((CAMERA,))
    assert caplog.text.count("Traceback") == 1


def test_trouble_with_events_is_told_beside_what_is_there() -> None:
    devices, bell = Devices(), Bell()
    bell.trouble = "no events come"
    with watching(Source(devices, bell, QUICK)) as told:
        assert told.get(timeout=5) == Presence((), "no events come")
        bell.trouble = ""
        assert told.get(timeout=5) == Presence()


def test_it_ends_within_a_second_also_while_a_driver_hangs() -> None:
    devices = Devices()
    told: Queue[Presence] = Queue()
    watch = Watch(Source(devices, timing=QUICK), told.put)
    watch.start()
    told.get(timeout=5)
    devices.going_on.clear()
    before = devices.looks
    while devices.looks == before:
        time.sleep(0.01)
    devices.there = (CAMERA,)
    started = time.monotonic()
    watch.stop()
    assert time.monotonic() - started < 1.5
    devices.going_on.set()
    time.sleep(0.1)
    assert told.empty()


@pytest.mark.parametrize("round_", range(20))
def test_it_ends_at_once_whenever_it_is_left(round_: int) -> None:
    with watching(Source(Devices(), timing=ON_EVENTS)) as told:
        if round_ % 2:
            told.get(timeout=5)
        started = time.monotonic()
    assert time.monotonic() - started < 0.9


async def test_changes_are_told_within_the_event_loop() -> None:
    devices = Devices()
    told: asyncio.Queue[tuple[Presence, int]] = asyncio.Queue()
    following = asyncio.create_task(
        follow(Source(devices, timing=QUICK), lambda now: told.put_nowait((now, threading.get_ident())))
    )
    assert await told.get() == (Presence(), threading.get_ident())
    devices.there = (CAMERA,)
    assert await told.get() == (Presence((CAMERA,)), threading.get_ident())
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following


async def test_a_driver_that_hangs_is_told_and_that_it_goes_on() -> None:
    devices = Devices()
    told: asyncio.Queue[Presence] = asyncio.Queue()
    following = asyncio.create_task(follow(Source(devices, timing=QUICK), told.put_nowait, stalled_s=0.2))
    assert await told.get() == Presence()
    devices.going_on.clear()
    assert await told.get() == Presence((), HANGS)
    devices.there = (CAMERA,)
    devices.going_on.set()
    while (now := await told.get()) != Presence((CAMERA,)):
        assert now == Presence()
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following


def test_a_file_in_the_folder_is_a_simulated_device(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    left = tmp_path / "camera-Left one"
    with watching(source(f"sim:{tmp_path}")) as told:
        assert told.get(timeout=5) == Presence()
        left.touch()
        assert told.get(timeout=5) == Presence((Found("camera", "sim:camera-Left one", "Left one", str(left)),))
        left.unlink()
        assert told.get(timeout=5) == Presence()


def test_a_simulated_device_may_be_called_anything(tmp_path: Path) -> None:
    for name in (b"camera-\xff\xfe", b"speaker-", b"camera-\xe2\x80\xaeevil", b"microphone"):
        (tmp_path / name.decode("utf-8", "surrogateescape")).touch()
    found = source(f"sim:{tmp_path}").enumerate()
    assert sorted((one.kind, one.name) for one in found) == [
        ("camera", "camera"),
        ("camera", "evil"),
        ("microphone", "microphone"),
        ("speaker", "speaker"),
    ]


def test_a_folder_that_is_not_there_is_trouble_and_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DeviceMissing, match="make it"):
        source(f"sim:{tmp_path}/none").enumerate()


def test_a_machine_without_devices_can_be_simulated() -> None:
    assert source("sim:").enumerate() == ()


def test_unknown_sources_are_refused_by_name() -> None:
    with pytest.raises(UnknownScheme, match="known: udev:, sim:"):
        source("mdev:")
    with pytest.raises(BadUri, match="no option 'fast'"):
        source("udev:?fast=1")
    with pytest.raises(BadUri, match="nothing behind the colon"):
        source("udev:/dev")
