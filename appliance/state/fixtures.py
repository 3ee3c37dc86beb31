"""What is built into the room beside its devices: lights and blinds on relays, and a sensor that sees people."""

from dataclasses import dataclass

MOTION_SENSOR = "motion sensor"
"""What the room's health calls it."""


@dataclass(frozen=True, slots=True)
class Relay:
    """Something the room switches."""

    name: str
    on: bool = False
    """What it is, asked of the wire."""
    error: str = ""
    """What is wrong and what would help."""


def listed(relays: tuple[Relay, ...]) -> str:
    """Name them in a sentence."""
    names = [relay.name for relay in relays]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else "nothing to switch"
