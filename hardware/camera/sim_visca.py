"""A VISCA camera that is not there: takes packets and answers as the published lists say, errors too. No sockets here.

It turns and zooms at a finite speed, has two sockets, limits, 255 presets and a standby, and knows nothing else:
what it does not know is a syntax error. `sim_visca_server` puts it on a network or a serial port.
"""

from collections.abc import Callable, Mapping

from hardware.camera.sim_head import Travel
from hardware.camera.visca import LONGEST, TERMINATOR, Refusal, pan_tilt_of, zoom_of
from hardware.camera.visca_models import MODELS, Model

_SOCKETS = (1, 2)
_PAN, _TILT, _ZOOM = range(3)
_HOME = {_PAN: 0, _TILT: 0}
_FASTEST_PAN, _FASTEST_TILT = 0x18, 0x17
_COMPLETE, _CANCELLED = 0x50, 0x60
_OUT, _IN = 0x03, 0x02
VERSION = bytes.fromhex("0001 0513 0100 02")
"""Sony's number, a model of ours, a revision, two sockets."""


class _Refused(Exception):
    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason)
        self.reason = reason


class SimulatedVisca:
    """One camera, address 1. Time is an argument, in seconds."""

    def __init__(self, model: Model = MODELS["common"], *, across_s: float = 2.0) -> None:
        """`across_s` is how long it takes from one end of an axis to the other at full speed."""
        self._model, self._across_s = model, across_s
        pan, tilt = model.pan, model.tilt
        self._wholes = (abs(pan.highest - pan.lowest), abs(tilt.highest - tilt.lowest), model.tele)
        self._travels = [Travel(0.0, 0.0, 0.0, 1.0) for _ in self._wholes]
        self.on = True
        self.autofocus = True
        self.presets: dict[int, tuple[int, int, int]] = {}
        self._running: dict[int, float] = {}
        """Socket to when its command is done."""
        self.received: list[bytes] = []

    def pose(self, now: float) -> tuple[int, int, int]:
        """Return where pan, tilt and zoom are, in the camera's own steps."""
        pan, tilt, zoom = (round(travel.at(now)) for travel in self._travels)
        return pan, tilt, zoom

    def receive(self, packet: bytes, now: float) -> list[bytes]:
        """Take one packet, and return the answers that go back at once; take what `completed` has first."""
        self.received.append(packet)
        if len(packet) > LONGEST:
            return [_refusal(0, Refusal.MESSAGE_LENGTH)]
        if len(packet) < 3 or packet[-1] != TERMINATOR:
            return []
        to, body = packet[0], packet[1:-1]
        if to == 0x88:
            return self._broadcast(body)
        if to != 0x81:
            return []
        try:
            return self._addressed(body, now)
        except _Refused as refused:
            return [_refusal(0, refused.reason)]

    def completed(self, now: float) -> list[bytes]:
        """Return the completions of what is done by now."""
        done = [socket for socket, over in self._running.items() if over <= now]
        for socket in done:
            del self._running[socket]
        return [_reply(_COMPLETE | socket) for socket in done]

    def next_completion(self) -> float | None:
        """Return when there is something to say next."""
        return min(self._running.values(), default=None)

    def _broadcast(self, body: bytes) -> list[bytes]:
        match body:
            case b"\x30\x01":
                return [b"\x88\x30\x02\xff"]
            case b"\x01\x00\x01":
                self._running.clear()
                return [b"\x88\x01\x00\x01\xff"]
        return []

    def _addressed(self, body: bytes, now: float) -> list[bytes]:
        if body[0] == 0x09:
            return [_reply(_COMPLETE, self._answer(body[1:], now))]
        if body[0] >> 4 == 2 and len(body) == 1:
            return [self._cancel(body[0] & 0x0F, now)]
        if body == b"\x01\x00\x01":
            self._running.clear()
            return [_reply(_COMPLETE)]
        if body[0] != 0x01:
            raise _Refused(Refusal.SYNTAX)
        return self._command(body[1:], now)

    def _command(self, body: bytes, now: float) -> list[bytes]:
        work = self._understood(body)
        if not self.on and body[:2] != b"\x04\x00":
            raise _Refused(Refusal.NOT_EXECUTABLE)
        free = [socket for socket in _SOCKETS if socket not in self._running]
        if not free:
            raise _Refused(Refusal.BUFFER_FULL)
        self._running[free[0]] = work(now)
        return [_reply(0x40 | free[0])]

    def _understood(self, body: bytes) -> Callable[[float], float]:
        """Return the work a command means; it starts at a time and returns when it will be done."""
        group, rest = body[:2], body[2:]
        match group:
            case b"\x06\x02" if len(rest) == 10:
                return self._absolute(rest)
            case b"\x06\x01" if len(rest) == 4:
                return self._drive(rest)
            case b"\x06\x04" | b"\x06\x05" if not rest:
                return lambda now: self._travel(now, _HOME)
            case b"\x04\x47" if (goal := zoom_of(rest)) is not None and goal <= self._model.tele:
                return lambda now: self._travel(now, {_ZOOM: goal})
            case b"\x04\x07" if len(rest) == 1:
                return self._zoom_drive(rest[0])
            case b"\x04\x00" if rest in {b"\x02", b"\x03"}:
                return lambda now: self._set(now, on=rest == b"\x02")
            case b"\x04\x38" if rest in {b"\x02", b"\x03"}:
                return lambda now: self._set(now, autofocus=rest == b"\x02")
            case b"\x04\x3f" if len(rest) == 2 and rest[0] in {0, 1, 2} and rest[1] < 0xFF:
                return lambda now: self._memory(rest[0], rest[1], now)
        raise _Refused(Refusal.SYNTAX)

    def _absolute(self, rest: bytes) -> Callable[[float], float]:
        position = pan_tilt_of(rest[2:])
        if position is None or not rest[0] <= _FASTEST_PAN or not rest[1] <= _FASTEST_TILT or not rest[0]:
            raise _Refused(Refusal.SYNTAX)
        (pan, tilt), model = position, self._model
        for place, axis in ((pan, model.pan), (tilt, model.tilt)):
            if not min(axis.lowest, axis.highest) <= place <= max(axis.lowest, axis.highest):
                raise _Refused(Refusal.SYNTAX)
        return lambda now: self._travel(now, {_PAN: pan, _TILT: tilt}, rest[0] / _FASTEST_PAN)

    def _drive(self, rest: bytes) -> Callable[[float], float]:
        pans = {1: self._model.pan.lowest, 2: self._model.pan.highest, 3: None}
        tilts = {1: self._model.tilt.highest, 2: self._model.tilt.lowest, 3: None}
        if rest[2] not in pans or rest[3] not in tilts:
            raise _Refused(Refusal.SYNTAX)

        speed = max(rest[0], rest[1], 1) / _FASTEST_PAN
        return self._starting({_PAN: pans[rest[2]], _TILT: tilts[rest[3]]}, speed)

    def _zoom_drive(self, how: int) -> Callable[[float], float]:
        goals = {0x0: None, _IN: self._model.tele, _OUT: 0}
        kind = how >> 4 or how & 0x0F
        if kind not in goals or (how >> 4 and how & 0x0F > 7):
            raise _Refused(Refusal.SYNTAX)

        return self._starting({_ZOOM: goals[kind]}, 1.0)

    def _starting(self, goals: Mapping[int, int | None], speed: float) -> Callable[[float], float]:
        """Drive on until told otherwise, which is done at once; None stops a motor where it is."""

        def start(now: float) -> float:
            here = self.pose(now)
            self._travel(now, {axis: here[axis] if goal is None else goal for axis, goal in goals.items()}, speed)
            return now

        return start

    def _travel(self, now: float, goals: Mapping[int, int], speed: float = 1.0) -> float:
        """Start motors from where they are, and return when the last of them arrives."""
        for axis, goal in goals.items():
            pace = self._wholes[axis] / self._across_s * speed
            self._travels[axis] = Travel(self._travels[axis].at(now), goal, now, pace)
        return max(self._travels[axis].over() for axis in goals)

    def _set(self, now: float, *, on: bool | None = None, autofocus: bool | None = None) -> float:
        self.on = self.on if on is None else on
        self.autofocus = self.autofocus if autofocus is None else autofocus
        return now

    def _memory(self, action: int, preset: int, now: float) -> float:
        match action:
            case 0:
                self.presets.pop(preset, None)
            case 1:
                self.presets[preset] = self.pose(now)
            case _ if preset in self.presets:
                return self._travel(now, dict(enumerate(self.presets[preset])))
        return now

    def _cancel(self, socket: int, now: float) -> bytes:
        if self._running.pop(socket, None) is None:
            return _refusal(socket, Refusal.NO_SOCKET)
        self._travel(now, dict(enumerate(self.pose(now))))
        return _refusal(socket, Refusal.CANCELLED)

    def _answer(self, body: bytes, now: float) -> bytes:
        pan, tilt, zoom = self.pose(now)
        match body:
            case b"\x06\x12":
                return _digits(pan, self._model.pan_digits) + _digits(tilt, 4)
            case b"\x04\x47":
                return _digits(zoom, 4)
            case b"\x04\x00":
                return b"\x02" if self.on else b"\x03"
            case b"\x04\x38":
                return b"\x02" if self.autofocus else b"\x03"
            case b"\x00\x02":
                return VERSION
        raise _Refused(Refusal.SYNTAX)


def _reply(status: int, data: bytes = b"") -> bytes:
    return bytes((0x90, status)) + data + bytes((TERMINATOR,))


def _refusal(socket: int, reason: Refusal) -> bytes:
    return _reply(_CANCELLED | socket, bytes((reason,)))


def _digits(number: int, count: int) -> bytes:
    return bytes(number >> 4 * place & 0x0F for place in reversed(range(count)))
