"""Keeps one kind of device in use, on its own thread: the first of the list that works, again when it is back."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Generic, Protocol, Self, TypeVar

from appliance.seldom import Seldom
from appliance.state.devices import DeviceKind, DeviceTry, DeviceUse
from hardware.ports import DeviceError
from hardware.registry import simulated

logger = logging.getLogger(__name__)
_BACKOFF_S = (0.5, 1.0, 2.0, 4.0, 8.0)
SILENT_S = 3.0
"""How long a device may take until it gives something for the first time."""
STALLED_S = 1.2
"""How long one that did may pause."""
_STEADY_S = 10.0
"""A device that fails sooner has not worked: the next one is tried, and later and later."""
_SLICE_S = 0.25
"""How soon a reader notices that it should stop."""


class Driver(Protocol):
    """As much of a device as its keeper needs."""

    @property
    def name(self) -> str: ...

    @property
    def simulated(self) -> bool: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


D = TypeVar("D", bound=Driver)
T_co = TypeVar("T_co", covariant=True)


class DeviceKeeper(Generic[D]):
    """Opens, works with and closes devices of one kind; all of that happens on one thread, alive only while in use."""

    def __init__(
        self,
        kind: DeviceKind,
        *,
        driver: Callable[[str], D],
        work: Callable[[D, Callable[[], None], threading.Event], None],
        changed: Callable[[DeviceUse], None],
    ) -> None:
        """`work(device, works, stop)` calls `works()` once the device delivers, and returns soon after `stop` is set.

        `changed` is called on the keeper's thread, and must not call back.
        """
        self._kind, self._driver, self._work, self._changed = kind, driver, work, changed
        self._lock = threading.Lock()
        self._uris: tuple[str, ...] | None = None
        self._listed: tuple[str, ...] = ()
        self._interrupt = threading.Event()
        self._thread: threading.Thread | None = None
        self._works_since: float | None = None
        self._tries: dict[str, DeviceTry] = {}
        self._error = ""
        """What was last said to be wrong; it is said once."""
        self._seldom = Seldom()
        """A loose cable has a new complaint each time."""
        self._used = ""
        """What was last said to be used; said again when it had worked for a while, or another was used."""
        self.missed: tuple[str, ...] = ()
        """Devices that would be used if they worked: all before the one in use, or the whole list when none works."""

    def keep(self, uris: tuple[str, ...]) -> None:
        """Use the first of `uris` that works, from now on; the same list again changes nothing."""
        with self._lock:
            if uris == self._uris:
                return
            self._uris = uris
            self._interrupt.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._kind, daemon=True)
                self._thread.start()

    def again(self) -> None:
        """Begin at the front of the list: a better device has come."""
        with self._lock:
            if self._uris is not None:
                self._interrupt.set()

    def forget(self, uri: str) -> None:
        """Take nothing that was found out about a device for true any more: it was pulled and has come back."""
        self._tries = {known: tried for known, tried in self._tries.items() if known != uri}

    def release(self) -> None:
        """Close the device; does not wait for it."""
        with self._lock:
            self._uris = None
            self._interrupt.set()

    def close(self, timeout_s: float = 1.0) -> None:
        """Close the device and wait until it is."""
        thread = self._thread
        self.release()
        if thread is not None:
            thread.join(timeout_s)

    def _run(self) -> None:
        failures = 0
        while (uris := self._wanted()) is not None:
            self._list(uris)
            if self._try_each(uris):
                # what has worked for a while is missed at once
                failures = 0
            else:
                self._interrupt.wait(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)] if uris else None)
                failures += 1

    def _wanted(self) -> tuple[str, ...] | None:
        with self._lock:
            self._interrupt.clear()
            if self._uris is None:
                self._thread = None
                self.missed = ()
                self._used = ""
                # said before another thread can say "open": the lamp would go out with the device on
                self._changed(closed_device(self._kind, self._listed, self._tried()))
            return self._uris

    def _list(self, uris: tuple[str, ...]) -> None:
        self._listed = uris
        self._tries = {uri: self._tries[uri] for uri in uris if uri in self._tries}

    def _tried(self) -> tuple[DeviceTry, ...]:
        return tuple(self._tries.values())

    def _try_each(self, uris: tuple[str, ...]) -> bool:
        """Serve one after another until one has worked for a while; return False when none has."""
        steady = False
        failed: list[str] = [] if uris else [f"no {self._kind} is named: add one under [devices] in room.toml"]
        self.missed = ()
        for place, uri in enumerate(uris):
            try:
                self._serve(uri, partial(self._in_use, place, _joined(failed)))
            except _Failed as err:
                failed.append(str(err))
            steady = self._interrupt.is_set() or self._was_steady()
            if steady:
                self._used = ""
                break
        self._say(_joined(failed), uris)
        self.missed = () if steady else uris
        return steady

    def _say(self, error: str, uris: tuple[str, ...]) -> None:
        if error and error != self._error and self._seldom.may():
            logger.warning("%s: %s", self._kind, error)
        self._error = error
        if not self._interrupt.is_set():
            uri = uris[0] if uris else ""
            use = DeviceUse(self._kind, uri, healthy=False, simulated=simulated(uri), error=error, tries=self._tried())
            self._changed(use)

    def _was_steady(self) -> bool:
        return self._works_since is not None and time.monotonic() - self._works_since >= _STEADY_S

    def _in_use(self, place: int, failed: str, device: D) -> None:
        uri = self._listed[place]
        self.missed = self._listed[:place]
        if uri != self._used:
            logger.info("%s: using %s", self._kind, device.name)
        self._used = uri
        self._changed(
            DeviceUse(
                self._kind,
                uri,
                device.name,
                open=True,
                simulated=device.simulated,
                error=failed,
                tries=self._tried(),
            )
        )

    def _serve(self, uri: str, in_use: Callable[[D], None]) -> None:
        """Work with one device until it is enough; raise `_Failed` when it does not work, or not any more."""
        self._works_since = None
        name = ""
        try:
            with self._driver(uri) as device:
                name = device.name

                def works() -> None:
                    self._works_since = time.monotonic()
                    self._tries[uri] = DeviceTry(uri, device.name)
                    in_use(device)

                self._work(device, works, self._interrupt)
        except (DeviceError, OSError) as err:
            self._fail(uri, name, str(err))
        except Exception:  # a driver's surprise is this device's failure: its thread must live to try the next
            words = f"{uri} failed in a way nobody foresaw. The log of salon media says how."
            if words not in self._error:
                logger.exception("%s: %s failed", self._kind, uri)
            self._fail(uri, name, words)

    def _fail(self, uri: str, name: str, error: str) -> None:
        self._tries[uri] = DeviceTry(uri, name, ok=False, error=error)
        raise _Failed(error)


def _joined(errors: list[str]) -> str:
    """Say each thing once: two URIs may mean the same device."""
    return " ".join(dict.fromkeys(errors))


class _Failed(Exception):
    """A device does not work; the text is for people."""


def closed_device(kind: DeviceKind, uris: tuple[str, ...], tries: tuple[DeviceTry, ...] = ()) -> DeviceUse:
    """Say which device would be used, without asking it: an idle room opens none."""
    uri = uris[0] if uris else ""
    return DeviceUse(kind, uri, simulated=simulated(uri), tries=tries)


class Reads(Protocol[T_co]):
    """A camera or a microphone."""

    @property
    def name(self) -> str: ...

    def read(self, timeout_s: float) -> T_co | None: ...


def readings(device: Reads[T_co], works: Callable[[], None], stop: threading.Event) -> Iterator[T_co]:
    """Yield what a device delivers until `stop`; one that gives nothing for a while has failed."""
    silent_since, working = time.monotonic(), False
    while not stop.is_set():
        reading = device.read(_SLICE_S)
        if reading is not None:
            if not working:
                works()
                working = True
            yield reading
            silent_since = time.monotonic()
        elif time.monotonic() - silent_since > (STALLED_S if working else SILENT_S):
            raise DeviceError(f"{device.name} gives nothing: check its cable and that no other program uses it")
