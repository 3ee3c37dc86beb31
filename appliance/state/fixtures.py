"""What is built into the room beside its devices: lights and blinds on relays, and a sensor that sees people."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Relay:
    """Something the room switches."""

    name: str
    on: bool = False
    """What it is, asked of the wire."""
    error: str = ""
    """What is wrong and what would help."""


def named(relays: tuple[Relay, ...], name: str) -> Relay | None:
    """Return the relay people mean by a name, also when they write it small."""
    same = [relay for relay in relays if relay.name == name]
    alike = [relay for relay in relays if relay.name.casefold() == name.strip().casefold()]
    return next(iter(same or (alike if len(alike) == 1 else ())), None)


def listed(relays: tuple[Relay, ...]) -> str:
    """Name them in a sentence."""
    names = [relay.name for relay in relays]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else "nothing to switch"
