"""Keeps one kind of device in use, on its own thread: the first of the list that works, again when it is back."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, Self, TypeVar

from appliance.state.room import DeviceKind, DeviceUse
from hardware.ports import DeviceError
from hardware.registry import simulated

logger = logging.getLogger(__name__)
_BACKOFF_S = (0.5, 1.0, 2.0, 4.0, 8.0)
SILENT_S = 2.0
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
        self._interrupt = threading.Event()
        self._thread: threading.Thread | None = None
        self._works_since: float | None = None
        self._error = ""
        """What was last said to be wrong; it is said once."""

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
        uris: tuple[str, ...] = ()
        while (wanted := self._wanted(uris)) is not None:
            uris = wanted
            failures = 0 if self._try_each(uris) else failures + 1
            if uris:
                self._interrupt.wait(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
            else:
                self._interrupt.wait()

    def _wanted(self, before: tuple[str, ...]) -> tuple[str, ...] | None:
        with self._lock:
            self._interrupt.clear()
            if self._uris is None:
                self._thread = None
                # said before another thread can say "open": the lamp would go out with the device on
                self._changed(closed_device(self._kind, before))
            return self._uris

    def _try_each(self, uris: tuple[str, ...]) -> bool:
        """Serve one after another until one has worked for a while; return False when none has."""
        steady = False
        failed: list[str] = [] if uris else [f"no {self._kind} is named: add one under [devices] in room.toml"]
        for uri in uris:
            try:
                self._serve(uri, " ".join(failed))
            except (DeviceError, OSError) as err:
                failed.append(str(err))
            except Exception:  # a driver's surprise is this device's failure: its thread must live to try the next
                failed.append(f"{uri} failed in a way nobody foresaw. The log of salon media says how.")
                if failed[-1] not in self._error:
                    logger.exception("%s: %s failed", self._kind, uri)
            steady = self._interrupt.is_set() or self._was_steady()
            if steady:
                break
        error = " ".join(failed)
        if error and error != self._error:
            logger.warning("%s: %s", self._kind, error)
        self._error = error
        if not self._interrupt.is_set():
            uri = uris[0] if uris else ""
            self._changed(DeviceUse(self._kind, uri, healthy=False, simulated=simulated(uri), error=error))
        return steady

    def _was_steady(self) -> bool:
        return self._works_since is not None and time.monotonic() - self._works_since >= _STEADY_S

    def _serve(self, uri: str, failed: str) -> None:
        self._works_since = None
        with self._driver(uri) as device:

            def works() -> None:
                self._works_since = time.monotonic()
                logger.info("%s: using %s", self._kind, device.name)
                use = DeviceUse(self._kind, uri, device.name, open=True, simulated=device.simulated, error=failed)
                self._changed(use)

            self._work(device, works, self._interrupt)


def closed_device(kind: DeviceKind, uris: tuple[str, ...]) -> DeviceUse:
    """Say which device would be used, without asking it: an idle room opens none."""
    uri = uris[0] if uris else ""
    return DeviceUse(kind, uri, simulated=simulated(uri))


class Reads(Protocol[T_co]):
    """A camera or a microphone."""

    @property
    def name(self) -> str: ...

    def read(self, timeout_s: float) -> T_co | None: ...


def readings(device: Reads[T_co], works: Callable[[], None], stop: threading.Event) -> Iterator[T_co]:
    """Yield what a device delivers until `stop`; one that gives nothing for two seconds has failed."""
    silent_since, working = time.monotonic(), False
    while not stop.is_set():
        reading = device.read(_SLICE_S)
        if reading is not None:
            if not working:
                works()
                working = True
            yield reading
            silent_since = time.monotonic()
        elif time.monotonic() - silent_since > SILENT_S:
            raise DeviceError(f"{device.name} gives nothing: check its cable and that no other program uses it")
