"""What the lights show: what is captured and sent, never what is wished. Pure.

Green means people elsewhere can hear this room. Everything else is red: muted, no call, no microphone, one that gives
nothing, a program that hangs.
"""

from dataclasses import dataclass

from hardware.gpio.lights import Colour

FRESH_S = 1.0
"""A packet that left longer ago does not say that the microphone delivers."""
_LEAK_S = 0.1
"""What was under way when the gate shut may leave for so long; a packet after that has passed a shut gate."""


@dataclass(frozen=True, slots=True)
class Capture:
    """What really happens, as counters and clocks say. Times are monotonic seconds; None: never."""

    mic_muted: bool = True
    """The gate."""
    sound_s: float | None = None
    """When a packet of sound last left."""
    camera_s: float | None = None
    """When a picture last left."""
    in_call: bool = False


def mute_light(capture: Capture, now_s: float, *, shut_s: float) -> Colour:
    """Return the mute light's colour; `shut_s` is since when the gate is seen shut, if it is.

    A gate that leaks is shown as open: the light tells the truth, not the intent.
    """
    leaks = capture.sound_s is not None and capture.sound_s - shut_s > _LEAK_S
    if not _fresh(capture.sound_s, now_s) or (capture.mic_muted and not leaks):
        return Colour.RED
    return Colour.GREEN


def call_light(capture: Capture, now_s: float) -> bool:
    """Whether the call light is lit: the room is in a call, or a picture of it leaves."""
    return capture.in_call or _fresh(capture.camera_s, now_s)


def _fresh(at_s: float | None, now_s: float) -> bool:
    return at_s is not None and now_s - at_s < FRESH_S
