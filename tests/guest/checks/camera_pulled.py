"""A real V4L2 camera is pulled while it streams: in the way that tells nobody, and in the way that sends events."""

import os
import time

import vivid
from check import figure, step, within
from pictures import error_of, until_colour
from uevents import Uevents

from hardware import registry
from hardware.hotplug.events import UdevEvents
from hardware.hotplug.udev import enumerate_devices
from hardware.hotplug.watch import Presence, Source, Watch
from hardware.ports import DeviceMissing

SMALL = "size=320x180&fps=5"
URI = f"v4l2:{vivid.PORT}?{SMALL}"
EXPECT_S = 20.0


def cameras() -> list:
    return [found for found in enumerate_devices() if found.kind == "camera"]


def ids(presence: Presence) -> list[str]:
    return [found.id for found in presence.found if found.kind == "camera"]


with vivid.loaded():
    vivid.plain(vivid.RED)
    [first] = cameras()
    assert (first.node, first.port) == ("/dev/video0", vivid.PORT), first

    with step("the picture comes, and is the one the driver makes"), registry.camera(URI) as camera:
        frame = until_colour(camera, "red")
        assert (frame.width, frame.height) == (320, 180)
        vivid.plain(vivid.GREEN)
        until_colour(camera, "green")

        with step("the driver is told to disconnect, which sends no event"), Uevents("video4linux") as uevents:
            pulled = time.monotonic()
            vivid.control(disconnect=1)
            error = error_of(camera)
            figure("pulled without an event: failed after", time.monotonic() - pulled, "s")
            assert isinstance(error, DeviceMissing), error
            assert "unplugged" in str(error)
            time.sleep(2.0)
            assert not uevents.seen, uevents.seen
            assert vivid.node().exists()

    with step("back without an event, too: it works when opened anew"), registry.camera(URI) as camera:
        # vivid registers anew once nobody holds it any more
        until_colour(camera, "green")

    with step("driver unbound and bound: events, and the watch tells both"), Uevents("video4linux") as uevents:
        told: list[Presence] = []
        with Watch(Source(enumerate_devices, UdevEvents), told.append):
            within(EXPECT_S, "the watch to tell the camera", lambda: told and told[-1].found)
            vivid.pull()
            within(EXPECT_S, "the watch to tell that it went", lambda: not ids(told[-1]))
            vivid.plug()
            within(EXPECT_S, "the watch to tell that it is back", lambda: ids(told[-1]) == [first.id])
            vivid.plain(vivid.BLUE)
        within(
            EXPECT_S, "udev's own events", lambda: uevents.had("remove video4linux video0", "add video4linux video0")
        )
        with registry.camera(URI) as camera:
            until_colour(camera, "blue")

    with step("its number is taken when it returns: it is found by where it is plugged"):
        held = os.open("/dev/video0", os.O_RDWR)  # as by a program that does not notice that the camera is gone
        try:
            vivid.replug()
            [now] = cameras()
            assert now.node != first.node, now
            assert now.id == first.id, now
            vivid.plain(vivid.WHITE, now.node)
            with registry.camera(URI) as camera:
                until_colour(camera, "white")
        finally:
            os.close(held)
