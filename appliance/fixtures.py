"""Drives the room's relays and watches its motion sensor, each wire on one thread; what fails is tried again."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from appliance.state.devices import WireUse
from appliance.state.fixtures import Relay
from hardware.gpio.motion import Motion
from hardware.gpio.pins import input_line, output_line
from hardware.gpio.relay import Relay as RelayWire
from hardware.ports import DeviceError

logger = logging.getLogger(__name__)
_LOOK_S = 0.1
_AGAIN_S = 5.0
_JOIN_S = 2.0
_UNFORESEEN = "It failed in a way nobody foresaw. The log of salon daemon says how."


@dataclass(frozen=True, slots=True)
class FixtureWires:
    """Where they are, as URIs."""

    relays: Mapping[str, str]
    """By name."""
    motion: str = ""
    hold_s: float = 600.0
    """How long the room counts as occupied after the last movement."""

    def __bool__(self) -> bool:
        return bool(self.relays or self.motion)


class Fixtures:
    """`want` is for the event loop; everything else happens on a thread of its own."""

    def __init__(
        self,
        wires: FixtureWires,
        *,
        relays: Callable[[tuple[Relay, ...]], None],
        occupied: Callable[[bool | None], None],
        used: Callable[[tuple[WireUse, ...]], None],
    ) -> None:
        """All three are called in the event loop; `used` with how the motion sensor and the relays do."""
        self._wires = wires
        self._tell_relays, self._tell_occupied, self._tell_used = relays, occupied, used
        self._wanted: Mapping[str, bool] = {}
        self._wake = threading.Event()
        self._told: dict[Callable[..., None], object] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def want(self, switched: Mapping[str, bool]) -> None:
        """Let relays be on or off; those that are not named stay as they are."""
        self._wanted = dict(switched)
        self._wake.set()

    async def run(self) -> None:
        """Serve the wires until cancelled."""
        self._loop = asyncio.get_running_loop()
        stop = threading.Event()
        thread = threading.Thread(target=self._serve, args=[stop], name="fixtures", daemon=True)
        thread.start()
        try:
            await asyncio.Event().wait()
        finally:
            stop.set()
            self._wake.set()
            await asyncio.to_thread(thread.join, _JOIN_S)

    def _serve(self, stop: threading.Event) -> None:
        relays = [_KeptRelay(name, uri, place) for place, (name, uri) in enumerate(self._wires.relays.items(), 1)]
        motion = _KeptMotion(self._wires, self._wake.set) if self._wires.motion else None
        while not stop.is_set():
            self._wake.clear()
            self._tell(self._tell_relays, tuple(relay.switch(self._wanted.get(relay.name)) for relay in relays))
            if motion is not None:
                self._tell(self._tell_occupied, motion.occupied())
            self._tell(self._tell_used, tuple(kept.use for kept in (motion, *relays) if kept is not None))
            self._wake.wait(_LOOK_S)
        for relay in relays:
            relay.close()
        if motion is not None:
            motion.close()

    def _tell(self, how: Callable[..., None], what: object) -> None:
        """Say what is different from what was said before."""
        if self._loop is not None and (how not in self._told or self._told[how] != what):
            self._told[how] = what
            # a loop that is closed needs to know nothing any more
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(how, what)


class _KeptRelay:
    """One relay; opened when it is first needed, and again when it failed."""

    def __init__(self, name: str, uri: str, place: int) -> None:
        self.name, self._uri, self._place = name, uri, place
        self._wire: RelayWire | None = None
        self._is = Relay(name)
        self._next_s = 0.0

    @property
    def use(self) -> WireUse:
        """How it does."""
        is_open = self._wire is not None
        return WireUse("relay", self._uri, is_open, _simulated(self._uri), self._is.error, self.name, self._place)

    def switch(self, on: bool | None) -> Relay:
        """Make it so, and return what it is; None leaves it as it is."""
        if self._wire is None and time.monotonic() < self._next_s:
            return self._is
        try:
            if self._wire is None:
                self._wire = RelayWire(self._uri, opens=output_line).__enter__()
            if on is not None and self._wire.on is not on:
                self._wire.switch(on=on)
            self._is = Relay(self.name, self._wire.on)
        except DeviceError as err:
            self._failed(str(err))
        except Exception:  # a driver's surprise is this wire's failure: its thread must live to switch the others
            if self._is.error != _UNFORESEEN:
                logger.exception("relay %s failed", self.name)
            self._failed(_UNFORESEEN)
        return self._is

    def close(self) -> None:
        wire, self._wire = self._wire, None
        _let_go(wire)

    def _failed(self, error: str) -> None:
        self.close()
        self._next_s = time.monotonic() + _AGAIN_S
        self._is = replace(self._is, error=error)


class _KeptMotion:
    """The motion sensor; nobody knows whether somebody is there while it cannot be read."""

    def __init__(self, wires: FixtureWires, wake: Callable[[], None]) -> None:
        self._wires, self._wake = wires, wake
        self._sensor: Motion | None = None
        self._next_s = 0.0
        self._trouble = ""

    @property
    def use(self) -> WireUse:
        """How it does."""
        uri = self._wires.motion
        return WireUse("motion sensor", uri, self._sensor is not None, _simulated(uri), self._trouble)

    def occupied(self) -> bool | None:
        """Look."""
        if self._sensor is None and time.monotonic() < self._next_s:
            return None
        try:
            if self._sensor is None:
                line = input_line(self._wires.motion)
                self._sensor = Motion(line, hold_s=self._wires.hold_s, wake=self._wake).__enter__()
            there = self._sensor.occupied()
            self._trouble = self._sensor.fault()
        except DeviceError as err:
            self._failed(str(err))
            return None
        except Exception:  # as above
            if self._trouble != _UNFORESEEN:
                logger.exception("the motion sensor failed")
            self._failed(_UNFORESEEN)
            return None
        return there

    def close(self) -> None:
        sensor, self._sensor = self._sensor, None
        _let_go(sensor)

    def _failed(self, error: str) -> None:
        self.close()
        self._next_s = time.monotonic() + _AGAIN_S
        self._trouble = error


def _simulated(uri: str) -> bool:
    return uri.startswith("mock:")


def _let_go(wire: RelayWire | Motion | None) -> None:
    """Close a wire; one whose chip has vanished may refuse even that, in whatever words its driver has."""
    with suppress(Exception):
        if wire is not None:
            wire.__exit__()
