"""Keeps one button, switch or light in use on its user's thread: opened, served, tried again later when it fails."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, Protocol, Self, TypeVar

from appliance.state.devices import WireUse
from hardware.ports import DeviceError

logger = logging.getLogger(__name__)
_UNFORESEEN = "It failed in a way nobody foresaw. The log of salon media says how."
_BACKOFF_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)


class OnWire(Protocol):
    """As much of a device as its keeper needs."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


D = TypeVar("D", bound=OnWire)


class KeptWire(Generic[D]):
    """One device. All calls come from one thread."""

    def __init__(self, use: WireUse, *, opens: Callable[[], D], changed: Callable[[WireUse], None]) -> None:
        """`use` names role and wire; without a wire nothing is ever done."""
        self._use, self._opens, self._changed = use, opens, changed
        self._failures, self._next_s = 0, float("-inf")
        self.device: D | None = None
        """The opened device; None while there is none."""

    @property
    def missing(self) -> bool:
        """Whether a wire is named and cannot be used now."""
        return bool(self._use.uri) and self.device is None

    def serve(self, work: Callable[[D], str], now_s: float) -> None:
        """Open the device if it is time to, then let `work` use it; `work` says what is wrong, "" for nothing."""
        if not self._use.uri or (self.device is None and now_s < self._next_s):
            return
        try:
            if self.device is None:
                self.device = self._opens().__enter__()
            fault = work(self.device)
        except DeviceError as err:
            self._failed(str(err), now_s)
        except Exception:  # a driver's surprise is this wire's failure: its thread must live to look at the others
            if self._use.error != _UNFORESEEN:
                logger.exception("%s: %s failed", self._use.role, self._use.uri)
            self._failed(_UNFORESEEN, now_s)
        else:
            self._failures = 0
            self._say(open=True, error=fault)

    def close(self, last: Callable[[D], object] = lambda _: None) -> None:
        """Let the device go, after one `last` thing done with it."""
        device, self.device = self.device, None
        if device is None:
            return
        # a wire whose chip has vanished may refuse either, in whatever words its driver has; its thread must live
        with suppress(Exception):
            last(device)
        with suppress(Exception):
            device.__exit__()

    def _failed(self, error: str, now_s: float) -> None:
        self.close()
        self._next_s = now_s + _BACKOFF_S[min(self._failures, len(_BACKOFF_S) - 1)]
        self._failures += 1
        self._say(open=False, error=error)

    def _say(self, *, open: bool, error: str) -> None:  # noqa: A002 - as the field is called
        use = WireUse(self._use.role, self._use.uri, open, self._use.simulated, error)
        if use != self._use:
            if error and error != self._use.error:
                logger.warning("%s: %s", use.role, error)
            if open and not self._use.open:
                logger.info("%s: using %s", use.role, use.uri)
            self._use = use
            self._changed(use)
