"""One conversation with a VISCA camera: says things again when they got lost, and puts what goes wrong into words.

A command's acknowledgement is waited for, its completion is not: that comes when the motors have stopped.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from hardware.camera.visca import CLEAR, POWER, Ack, Chain, Changed, Done, Refusal, Refused, Request, cancel, power_of
from hardware.camera.visca_wire import Heard, NoSuchPayload, OutOfSequence, Wire
from hardware.ports import DeviceError, DeviceMissing

T = TypeVar("T")

REPLY_S = 0.3
"""A camera answers within a picture or two; the rest is for the network."""
_TRIES = 4
_LIMIT_S = 2.0
_MOST_STALE = 64
"""What is read of a camera that never stops talking, before it is asked."""
_CANCEL_S = 0.2
"""Sony, BRC-X400 Command List: wait at least 200 ms after a movement was cancelled."""
_Answer = Ack | Done | Refused | OutOfSequence | NoSuchPayload


class ViscaLink:
    """Opens its wire when it is needed, and anew when it broke. Any thread may use it; each call takes 3 s at most."""

    def __init__(self, wire: Callable[[], Wire], *, place: str, check: str, reply_s: float = REPLY_S) -> None:
        """`place` is where the camera should be, and `check` what to look at when it is not, both in words."""
        self._reply_s = reply_s
        self._open, self._place, self._check = wire, place, check
        self._lock = threading.Lock()
        self._wire: Wire | None = None
        self._running: set[int] = set()
        """Sockets with commands under way."""
        self._chain: Chain | None = None

    def find(self) -> None:
        """Raise `DeviceError` when no camera answers; a refusal is an answer too."""
        try:
            with self._working() as wire:
                self._exchange(wire, POWER)
        except DeviceError:
            self.close()
            raise

    def tell(self, request: Request) -> None:
        """Have a command accepted, or raise `DeviceError`."""
        with self._working() as wire:
            match self._exchange(wire, request):
                case Refused(_, reason):
                    raise DeviceError(self._refusal(wire, reason))

    def ask(self, request: Request, understand: Callable[[bytes], T | None]) -> T:
        """Return what `understand` makes of the answer to an inquiry; what it makes nothing of is no answer."""
        with self._working() as wire:
            match self._exchange(wire, request, lambda data: understand(data) is not None):
                case Done(_, data) if (answer := understand(data)) is not None:
                    return answer
                case Refused(_, reason):
                    raise DeviceError(self._refusal(wire, reason))
            raise DeviceError(f"The camera at {self._place} answers what it was not asked. {self._check}")

    def close(self) -> None:
        """Close the wire; what is asked later opens it again."""
        if self._lock.acquire(timeout=_LIMIT_S):
            self._drop()
            self._lock.release()

    @contextlib.contextmanager
    def _working(self) -> Iterator[Wire]:
        """Give the opened wire to one thread; whatever breaks it closes it."""
        if not self._lock.acquire(timeout=_LIMIT_S):
            raise DeviceError(f"The camera at {self._place} is slow to answer. {self._check}")
        try:
            yield self._opened()
        except socket.gaierror as err:
            raise DeviceMissing(f"No device on the network is called {self._place}. {self._check}") from err
        except ConnectionRefusedError as err:
            self._drop()
            raise DeviceMissing(f"{self._place} is there and takes no VISCA. {self._check}") from err
        except OSError as err:
            if isinstance(err, DeviceError):
                raise
            self._drop()
            raise DeviceMissing(
                f"The camera at {self._place} is out of reach ({err.strerror or err}). {self._check}"
            ) from err
        finally:
            self._lock.release()

    def _opened(self) -> Wire:
        if self._wire is None:
            self._wire = self._open()
            self._running.clear()
            self._chain = None
            self._wire.greet()
        return self._wire

    def _drop(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def _exchange(
        self, wire: Wire, request: Request, fits: Callable[[bytes], bool] = lambda _: True
    ) -> Ack | Done | Refused:
        """Send a request until there is an answer, or raise `DeviceError`."""
        again, answer = False, None
        until = time.monotonic() + _LIMIT_S
        for _ in range(_TRIES):
            self._read_stale(wire)
            wire.send(request, again=again)
            answer = self._answer(wire, request, fits, min(time.monotonic() + self._reply_s, until))
            match answer:
                case Refused(_, Refusal.BUFFER_FULL):
                    self._make_room(wire)
                    again = False
                case OutOfSequence():
                    if again and not request.inquiry:
                        # it had arrived the first time, and only the answer was lost (SRG-300H manual, page 32)
                        return Done(0)
                    if not again:
                        wire.greet()
                    again = False
                case Ack() | Done() | Refused():
                    return answer
                case NoSuchPayload():
                    break
                case None:
                    again = True
        # who is asked next time begins anew: the camera may have been restarted
        self._drop()
        raise DeviceError(self._silence(answer))

    def _answer(self, wire: Wire, request: Request, fits: Callable[[bytes], bool], until: float) -> _Answer | None:
        while (left := until - time.monotonic()) > 0:
            for heard in wire.receive(left):
                before = self._is_of_before(heard)
                self._note(heard)
                match heard.reply:
                    case Done(0, data) if request.inquiry and not before and fits(data):
                        return heard.reply
                    case Ack() | Done() if not request.inquiry and not before:
                        return heard.reply
                    case Refused() | OutOfSequence() | NoSuchPayload() if not before:
                        return heard.reply
        return None

    def _is_of_before(self, heard: Heard) -> bool:
        """Whether this is about a command of earlier; bare VISCA has nothing but the socket to tell by."""
        match heard.reply:
            case Done(number) | Refused(number) if number in self._running:
                return True
            case Refused(_, Refusal.CANCELLED | Refusal.NO_SOCKET):
                return True
        return not heard.current

    def _note(self, heard: Heard) -> None:
        """Keep count of what runs in the camera."""
        match heard.reply:
            case Ack(number):
                self._running.add(number)
            case Done(number) | Refused(number):
                self._running.discard(number)
            case Chain():
                self._chain = heard.reply
            case Changed():
                # somebody replugged the chain: addresses are set anew by opening it again
                raise ConnectionResetError("the chain of cameras has changed")

    def _read_stale(self, wire: Wire) -> None:
        for _ in range(_MOST_STALE):
            stale = wire.receive(0)
            if not stale:
                return
            for heard in stale:
                self._note(heard)

    def _make_room(self, wire: Wire) -> None:
        """Stop what runs: a newer wish replaces it. Without knowing what that is, have all forgotten."""
        for request in [cancel(running) for running in sorted(self._running)] or [CLEAR]:
            wire.send(request)
        self._running.clear()
        time.sleep(_CANCEL_S)

    def _refusal(self, wire: Wire, reason: Refusal | int) -> str:
        if reason is Refusal.NOT_EXECUTABLE and self._in_standby(wire):
            return f"The camera at {self._place} is in standby: switch it on with its remote control."
        match reason:
            case Refusal.NOT_EXECUTABLE:
                return f"The camera at {self._place} cannot do that now: close its menu, and let it finish starting."
            case Refusal.SYNTAX | Refusal.MESSAGE_LENGTH:
                return f"The camera at {self._place} does not go there: name its model=, or its pan=, tilt= and tele=."
            case Refusal.BUFFER_FULL | Refusal.CANCELLED:
                return f"The camera at {self._place} is busy: something else steers it too."
        return f"The camera at {self._place} refused (reason {int(reason):#04x})."

    def _in_standby(self, wire: Wire) -> bool:
        with contextlib.suppress(DeviceError):
            match self._exchange(wire, POWER, lambda data: power_of(data) is not None):
                case Done(_, data):
                    return power_of(data) is False
        return False

    def _silence(self, last: _Answer | None) -> str:
        match last:
            case OutOfSequence():
                return f"The camera at {self._place} lost count of what it was told: something else steers it too."
            case NoSuchPayload():
                return f"The camera at {self._place} does not take Sony's VISCA over IP: add ?raw=1 to its address."
            case Refused(_, Refusal.BUFFER_FULL):
                return f"The camera at {self._place} is busy: something else steers it too."
        if self._chain is not None:
            return (
                f"{self._chain.cameras} cameras are on the cable at {self._place}, none at this address. {self._check}"
            )
        return f"The camera at {self._place} does not answer. {self._check}"
