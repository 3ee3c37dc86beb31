"""What else hangs on the header: a motion sensor and a relay."""

import time

from acceptance.check import Figures, check, demand
from acceptance.person import Person
from acceptance.room import Room
from hardware.gpio.motion import Motion
from hardware.gpio.pins import input_line, output_line
from hardware.gpio.relay import Relay

_HOLD_S = 0.0
_RESTLESS = "it saw movement where there was none: is active_low= right? Is there a fan?"


@check(
    "motion",
    "The motion sensor tells movement from none",
    do="Wire the motion sensor as docs/hardware.md shows, wait a minute, and turn it to a quiet corner.",
    passes="nothing while nothing moves, then a movement, then nothing again",
    uses=("motion",),
)
def motion(room: Room, person: Person) -> Figures:
    with Motion(input_line(room.devices.motion), hold_s=_HOLD_S, wake=lambda: None) as sensor:
        person.tell("Keep still, and out of its sight.")
        room.until(lambda: not sensor.occupied(), "a quiet sensor", lambda: _RESTLESS)
        still_until_s = time.monotonic() + room.spans.still
        while time.monotonic() < still_until_s:
            demand(not sensor.occupied(), _RESTLESS)
            time.sleep(0.02)
        person.tell("Now wave in front of it.")
        figures = {"seen_s": round(room.until(sensor.occupied, "a movement"), 1)}
        person.tell("Now keep still again.")
        figures["quiet_s"] = round(room.until(lambda: not sensor.occupied(), "the movement's end"), 1)
    return figures


@check(
    "relay",
    "The relay switches what hangs on it",
    do="Wire the relay as docs/hardware.md shows, with a lamp of low voltage behind it.",
    passes="its wire goes where it is driven, and a person sees the lamp on and off, twice",
    uses=("relay",),
)
def relay(room: Room, person: Person) -> Figures:
    with Relay(room.devices.relay, opens=output_line) as relay:
        for on in (True, False, True, False):
            relay.switch(on=on)
            word = "on" if on else "off"
            demand(relay.on is on, f"its wire does not go {word}")
            demand(person.yes(f"Is the lamp {word}?"), f"the lamp was not {word}")
    return {"switched": 4}
