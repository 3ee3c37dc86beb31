"""A USB sound card that is really plugged and pulled: the kernel, udev and the watch see it come and go."""

import threading
import time

from check import figure, qmp, raised, say, step, within
from uevents import Uevents

from hardware import registry
from hardware.hotplug.events import UdevEvents
from hardware.hotplug.udev import enumerate_devices
from hardware.hotplug.watch import Presence, Source, Watch
from hardware.ports import BLOCK, DeviceError, DeviceMissing, Found

EXPECT_S = 40.0
BLOCKS = 200
"""Two seconds."""
SILENCE = bytes(BLOCK * 2)


def plug(port: int) -> None:
    # without a serial number of its own qemu makes one of the port
    usb = {"bus": "usb.0", "port": str(port), "serial": "4711"}
    qmp("device_add", driver="usb-audio", id="speaker", audiodev="nowhere", **usb)


def pull() -> None:
    qmp("device_del", id="speaker")


def play(speaker, blocks: int = BLOCKS) -> None:
    for _ in range(blocks):
        speaker.write(SILENCE)


def speakers(told: list[Presence]) -> list[Found]:
    return [found for found in told[-1].found if found.kind == "speaker"] if told else []


told: list[Presence] = []
with Uevents("sound", "usb") as uevents, Watch(Source(enumerate_devices, UdevEvents), told.append):
    within(EXPECT_S, "the watch to tell what is there", lambda: told)
    assert not speakers(told), told[-1]

    with step("plugged in"):
        plugged = time.monotonic()
        plug(1)
        [first] = within(EXPECT_S, "the watch to tell the speaker", lambda: speakers(told))
        figure("told after it was plugged in", time.monotonic() - plugged, "s")
        say(f"it is {first}")
        assert first.id == "usb:46f4:0002:4711", first
        assert any(event.startswith("add sound card") for event in uevents.seen), uevents.seen

    with step("it plays, until it is pulled"), registry.speaker(f"alsa:{first.id}") as speaker:
        play(speaker)
        pulling = threading.Timer(1.0, pull)
        pulling.start()
        error = raised(DeviceError, lambda: play(speaker, 10 * BLOCKS))
        say(f"it said: {error}")
        pulling.join()
        within(EXPECT_S, "the watch to tell that it is gone", lambda: not speakers(told))
        # the watch may have heard of the first of several: the card's own comes last
        within(
            EXPECT_S, "the kernel to tell", lambda: [one for one in uevents.seen if one.startswith("remove sound card")]
        )

    with step("a speaker that is not there is missed in words"):
        error = raised(DeviceMissing, registry.speaker(f"alsa:{first.id}").__enter__)
        assert "plug it in" in str(error), error

    with step("plugged in again, at another port"):
        plug(2)
        [again] = within(EXPECT_S, "the watch to tell the speaker", lambda: speakers(told))
        assert again.port != first.port
        assert again.id == first.id, again
        with registry.speaker(f"alsa:{again.id}") as speaker:
            play(speaker)
    pull()
    within(EXPECT_S, "the watch to tell that it is gone", lambda: not speakers(told))
