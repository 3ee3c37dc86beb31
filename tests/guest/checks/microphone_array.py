"""An array of eight microphones on ALSA: each channel is where it should be, and the card is pulled in use."""

import threading
import time

import sounds
from check import figure, raised, step, within
from uevents import Uevents

from hardware import registry
from hardware.hotplug.events import UdevEvents
from hardware.hotplug.udev import enumerate_devices
from hardware.hotplug.watch import Presence, Source, Watch
from hardware.ports import DeviceError

TONES = [300 * (channel + 1) for channel in range(8)]
URI = f"alsa:hw:{sounds.CARD},1?channels=8"
EXPECT_S = 30.0


def ids(presence: Presence) -> list[str]:
    return [found.id for found in presence.found if found.kind == "microphone"]


def listen(microphone) -> None:
    while True:
        microphone.read(0.2)


with sounds.loopback():
    told: list[Presence] = []
    with Uevents("sound") as uevents, Watch(Source(enumerate_devices, UdevEvents), told.append):
        within(EXPECT_S, "the watch to tell the card", lambda: told and ids(told[-1]))
        before = ids(told[-1])
        with sounds.played(sounds.tones(TONES), 8) as player, registry.microphone(URI) as microphone:
            assert microphone.channels == 8
            with step("each tone is heard on its own channel"):
                within(EXPECT_S, f"{TONES}", lambda: sounds.loudest_hz(sounds.heard(microphone)) == TONES)
            with step("the card is pulled while it is recorded from and played to"):
                unbinding = threading.Thread(target=sounds.pull)
                pulled = time.monotonic()
                unbinding.start()
                error = raised(DeviceError, lambda: listen(microphone))
                figure("a pulled card: failed after", time.monotonic() - pulled, "s")
                assert "cable" in str(error), error
                player.wait(EXPECT_S)
                unbinding.join(EXPECT_S)
                assert not unbinding.is_alive(), "the kernel still waits for somebody to close the card"
                within(EXPECT_S, "the watch to tell that it is gone", lambda: not ids(told[-1]))
        with step("it comes back under the same id"):
            sounds.plug()
            within(EXPECT_S, "the watch to tell that it is back", lambda: ids(told[-1]) == before)
            assert uevents.had("remove sound card5", "add sound card5"), uevents.seen

    with sounds.played(sounds.tones([440] * 8), 8), registry.microphone(URI) as microphone, step("and is heard again"):
        within(EXPECT_S, "440 Hz", lambda: sounds.loudest_hz(sounds.heard(microphone)) == [440] * 8)
