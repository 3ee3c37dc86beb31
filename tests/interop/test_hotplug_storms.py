"""Whatever is plugged, pulled, renumbered and lost, in whatever order: the room soon knows what is there and takes it.

Hypothesis makes up the order; the devices are umockdev's, listed and watched by the real pyudev and libudev.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import hypothesis.strategies as st
import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from umockdev_bed import Bed

from hardware.choice import matches
from hardware.hotplug.events import UdevEvents
from hardware.hotplug.udev import enumerate_devices
from hardware.hotplug.watch import Presence, Source, Timing, Watch
from hardware.ports import Found

pytestmark = [pytest.mark.interop, pytest.mark.umockdev]

TIMING = Timing(quiet_s=0.01, storm_s=0.05, period_s=0.1)
"""A tenth to a twentieth of the shipped one, so that hundreds of orders can be tried."""
CONVERGES_S = 10.0
"""In real time, not scaled: it has room for a machine that does other things as well."""
CARD_PORTS = ("4", "5")
PORTS = ("1", "2.1", "2.2", "3")
SERIALS = ("", "0001", "A7")
NAMES = ("Left camera", "HD Webcam")
CHOICE = ("v4l2:usb:046d:085e:A7", "v4l2:left", "v4l2:", "sim:pattern")


def path_of(port: str) -> str:
    return f"pci-0000:00:14.0-usb-0:{port}:1.0"


@dataclass(frozen=True)
class Plugged:
    """What the test knows it has plugged in; nothing here comes from the code it tests."""

    port: str
    video: int
    serial: str
    name: str

    def id_among(self, others: list[Plugged]) -> str:
        alone = [other.serial for other in others].count(self.serial) == 1
        return f"usb:046d:085e:{self.serial}" if self.serial and alone else self._with_port()

    def _with_port(self) -> str:
        return (
            f"usb:046d:085e:{self.serial}@{path_of(self.port)}"
            if self.serial
            else f"usb:046d:085e@{path_of(self.port)}"
        )


class Room(RuleBasedStateMachine):
    """A room whose devices are never left in peace."""

    def __init__(self) -> None:
        super().__init__()
        self.bed = Bed()
        self.tv = self.bed.connector("HDMI-A-1", "disconnected")
        self.tv_is_on = False
        self.cameras: dict[str, Plugged] = {}
        self.cards: dict[str, int] = {}
        self.failed = False
        self.told = Presence()
        self.news = threading.Condition()
        self.watch = Watch(Source(enumerate_devices, UdevEvents, TIMING), self.on_told)
        self.watch.start()

    def on_told(self, presence: Presence) -> None:
        with self.news:
            self.told = presence
            self.news.notify_all()

    def teardown(self) -> None:
        try:
            if not self.failed:
                self.converges()
        finally:
            self.watch.stop()
            self.bed.close()

    @rule(port=st.sampled_from(PORTS), serial=st.sampled_from(SERIALS), name=st.sampled_from(NAMES), lost=st.booleans())
    def plug(self, port: str, serial: str, name: str, lost: bool) -> None:
        if port not in self.cameras:
            with self.bed.losing_events(lost):
                self._plug(Plugged(port, self._free_number(), serial, name))

    @rule(port=st.sampled_from(PORTS), lost=st.booleans())
    def unplug(self, port: str, lost: bool) -> None:
        if port in self.cameras:
            with self.bed.losing_events(lost):
                self._unplug(port)

    @rule(port=st.sampled_from(PORTS), lost=st.booleans())
    def renumber(self, port: str, lost: bool) -> None:
        if port in self.cameras:
            with self.bed.losing_events(lost):
                number = self._free_number()
                self.bed.renumber(port, number)
                self.cameras[port] = replace(self.cameras[port], video=number)

    @rule(port=st.sampled_from(PORTS), to=st.sampled_from(PORTS), lost=st.booleans())
    def replug(self, port: str, to: str, lost: bool) -> None:
        """Into another port, or the same, quicker than anybody looks."""
        if port in self.cameras and (to == port or to not in self.cameras):
            with self.bed.losing_events(lost):
                camera = self._unplug(port)
                self._plug(replace(camera, port=to, video=self._free_number()))

    @rule(port=st.sampled_from(CARD_PORTS), number=st.integers(0, 9), lost=st.booleans())
    def plug_or_pull_a_sound_card(self, port: str, number: int, lost: bool) -> None:
        with self.bed.losing_events(lost):
            if port in self.cards:
                self.bed.unplug(port)
                del self.cards[port]
            elif number not in self.cards.values():
                self.bed.sound_card(port, number)
                self.cards[port] = number

    @rule(times=st.integers(1, 60))
    def storm(self, times: int) -> None:
        """A loose contact."""
        for _ in range(times):
            self.bed.remove(self.bed.add("video4linux", "video90", properties={"DEVNAME": "/dev/video90"}))

    @rule(lost=st.booleans())
    def switch_tv(self, lost: bool) -> None:
        self.tv_is_on = not self.tv_is_on
        with self.bed.losing_events(lost):
            self.bed.set_status(self.tv, "connected" if self.tv_is_on else "disconnected")

    @rule()
    def converges(self) -> None:
        with self.news:
            if not self.news.wait_for(self.is_right, CONVERGES_S):
                self.failed = True
                raise AssertionError(f"told {self.told}, but there are {self.wanted()}, TV: {self.tv_is_on}")

    def is_right(self) -> bool:
        found = self.told.found
        seen = {(one.kind, one.id, one.node) for one in found if one.kind != "display"}
        return seen == self.wanted() and self.chosen(found) == self.choice() and self.tv_is_right(found)

    def wanted(self) -> set[tuple[str, str, str]]:
        there = list(self.cameras.values())
        cameras = {("camera", camera.id_among(there), f"/dev/video{camera.video}") for camera in there}
        sound = {
            (kind, f"usb:2886:0018@{path_of(port)}", f"hw:{number}")
            for port, number in self.cards.items()
            for kind in ("microphone", "speaker")
        }
        return cameras | sound

    def tv_is_right(self, found: tuple[Found, ...]) -> bool:
        return [one.node for one in found if one.kind == "display"] == ["card0-HDMI-A-1"] * self.tv_is_on

    def chosen(self, found: tuple[Found, ...]) -> str:
        """Return the node of the camera the room takes from its list of preferences."""
        there = (one for uri in CHOICE if (one := matches(uri, found)) is not None)
        return next((one.node for one in there), "")

    def choice(self) -> str:
        """Return the node it should take."""
        there = sorted(self.cameras.values(), key=lambda camera: camera.port)
        wishes = (
            [camera for camera in there if camera.serial == "A7"],
            [camera for camera in there if camera.name == "Left camera"],
            there,
        )
        return next((f"/dev/video{cameras[0].video}" for cameras in wishes if cameras), "")

    def _plug(self, camera: Plugged) -> None:
        self.bed.camera(camera.port, camera.video, serial=camera.serial, name=camera.name)
        self.cameras[camera.port] = camera

    def _unplug(self, port: str) -> Plugged:
        self.bed.unplug(port)
        return self.cameras.pop(port)

    def _free_number(self) -> int:
        taken = {camera.video for camera in self.cameras.values()}
        return next(number for number in range(0, 80, 2) if number not in taken)


def test_a_room_whose_devices_are_never_left_in_peace_finds_and_chooses_what_is_there() -> None:
    # a shorter example of a failure would take a hundred times its ten seconds to find
    without_shrinking = [phase for phase in Phase if phase is not Phase.shrink]
    run_state_machine_as_test(
        Room, settings=settings(max_examples=30, stateful_step_count=20, phases=without_shrinking)
    )
