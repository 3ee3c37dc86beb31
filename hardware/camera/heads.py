"""From a head's URI to its driver, as the registry does it for cameras. Nothing is opened here."""

from importlib import import_module
from typing import Protocol, Self, cast

from hardware.camera.aim import Aim
from hardware.ports import BadUri, UnknownScheme
from hardware.uri import DeviceUri

HEADS = {
    "visca": "hardware.camera.visca_head:ViscaHead",
    "visca-serial": "hardware.camera.visca_head:ViscaHead",
    "sim": "hardware.camera.sim_head:SimulatedHead",
    "v4l2": "hardware.camera.uvc_head:UvcHead",
}


class OwnHead(Protocol):
    """A head with a wire of its own, apart from the camera's picture; one thread opens, uses and closes it."""

    @property
    def name(self) -> str: ...

    @property
    def simulated(self) -> bool: ...

    @property
    def pan_deg(self) -> float:
        """Degrees from straight ahead to where the pan ends."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def move(self, aim: Aim) -> None:
        """Start towards an aim; returns before it is reached. What the head cannot do (no zoom, say) is left out."""

    def check(self) -> None:
        """Raise what went wrong since it was last told or asked something, or that it is gone; waits for nothing."""

    def aim(self) -> Aim | None:
        """Return where it looks now, or None when the head does not tell."""


def head(uri: str) -> OwnHead:
    """Return the head that a URI names, closed; raise `UnknownScheme` or `BadUri`."""
    module, _, name = _place(uri).partition(":")
    return cast("OwnHead", getattr(import_module(module), name)(DeviceUri.parse(uri)))


def check(uri: str) -> None:
    """Raise `UnknownScheme` or `BadUri` when a URI names no head; loads no driver."""
    _place(uri)


def _place(uri: str) -> str:
    parsed = DeviceUri.parse(uri)
    place = HEADS.get(parsed.scheme)
    if place is None:
        known = ", ".join(f"{scheme}:" for scheme in HEADS)
        raise UnknownScheme(f"there is no head driver {parsed.scheme}: yet; known: {known}")
    if parsed.scheme == "sim" and parsed.path != "head":
        raise BadUri(f"sim: has no head called {parsed.path!r}; it has sim:head")
    return place
