"""The mute light: its colours, and that it is red by itself when the program that owns it is killed."""

import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acceptance.check import Figure, Figures, check, demand
from acceptance.person import Person
from acceptance.room import Room
from appliance.media.wires import Wires, lamp, show_red
from hardware.gpio import chips, mock
from hardware.gpio.lights import Colour
from hardware.gpio.wiring import parse

_HERE = Path(__file__).parents[2]
_START_S = 20.0
_RED_S = 2.0
_LOOK_S = 0.001
_PERSISTS = "sys/module/*/parameters/persist_gpio_outputs"


@check(
    "mute-light-colours",
    "The mute light is red and green when it should be",
    do="Wire the mute light as docs/hardware.md shows.",
    passes="each wire goes where it is driven, and a person sees red, green and red",
    uses=("red", "green"),
)
def colours(room: Room, person: Person) -> Figures:
    with lamp((room.devices.red, room.devices.green)) as light:
        for colour in (Colour.RED, Colour.GREEN, Colour.RED):
            light.show(colour)
            demand(person.yes(f"Is the light {colour}, and no other colour?"), f"it was not {colour}")
    return {"colours": "red green red"}


@check(
    "mute-light-killed",
    "The mute light follows the button, and is red at once when the program that owns it is killed",
    do="Leave button and light as they are. A program takes them now, as if in a call with an open microphone.",
    passes="green while open; red after a press and green after the next; red after kill -9, with nobody's help",
    uses=("mute_button", "red", "green"),
)
def killed(room: Room, person: Person) -> Figures:
    uris = (room.devices.red, room.devices.green)
    with _owner(room) as owner:
        for text, colour in (
            ("The microphone is open.", "green"),
            ("Press the button: muted.", "red"),
            ("Press it again: open.", "green"),
        ):
            demand(person.yes(f"{text} Is the light {colour}?"), f"the light was not {colour}: {text}")
        killed_s = time.monotonic()
        owner.kill()
        owner.wait()
        red_s = _red_since(uris, killed_s)
    figures: dict[str, Figure] = {"red_by_itself": red_s is not None}
    figures["outputs_persist"] = ", ".join(sorted(_persistence(room))) or "unknown"
    if red_s is None:
        figures["red_with_help"] = not show_red(Wires(mute_light=uris))
        hint = (
            "put dtparam=strict_gpiod into /boot/firmware/config.txt and boot; until then only salon lights --red helps"
        )
        demand(False, f"the light stayed as the killed program had left it: {hint}", figures)
    figures["red_ms"] = round(1000 * (red_s or 0.0), 1)
    demand(person.yes("The program was killed. Is the light red?"), "the wire says red, a person sees another", figures)
    return figures


@contextmanager
def _owner(room: Room) -> Iterator[subprocess.Popen[str]]:
    """Run a program that owns button and light, until it is killed."""
    devices = room.devices
    path = os.pathsep.join((str(_HERE), str(_HERE.parent)))
    with tempfile.TemporaryDirectory(prefix="salon-acceptance-") as folder:
        words = (
            sys.executable,
            "-m",
            "acceptance.light_owner",
            folder,
            devices.mute_button,
            devices.red,
            devices.green,
        )
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
        ) as process:
            try:
                assert process.stdout is not None
                heard = select.select([process.stdout], [], [], _START_S)[0]
                said = process.stdout.readline().strip() if heard else "the light's owner did not start"
                demand(said == "open", said or "the light's owner ended at once")
                yield process
            finally:
                process.kill()


def _red_since(uris: tuple[str, str], since_s: float) -> float | None:
    """Return after how many seconds the red wire was lit and the green one dark; None when not soon."""
    while time.monotonic() - since_s < _RED_S:
        if (_lit(uris[0]), _lit(uris[1])) == (True, False):
            return time.monotonic() - since_s
        time.sleep(_LOOK_S)
    return None


def _lit(uri: str) -> bool | None:
    """Look at a wire that nobody owns, and change nothing; None when the kernel will not say."""
    wiring = parse(uri)
    if wiring.simulated:
        return mock.look(uri).active
    high = chips.peek(chips.find_chip(wiring.chip), int(wiring.pin))
    return None if high is None else wiring.active(high=high)


def _persistence(room: Room) -> set[str]:
    """Return what the kernel says of outputs whose owner is gone: Y, they stay as they were; N, they are let go."""
    root = room.machine.root
    return {room.machine.text(str(path.relative_to(root))) for path in root.glob(_PERSISTS)}
