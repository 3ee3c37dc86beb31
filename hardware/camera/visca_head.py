"""`visca:HOST[:PORT]?raw=1` and `visca-serial:/dev/ttyUSB0?baud=9600`: a head that speaks VISCA.

Options of both: `model`, `pan`, `tilt`, `tele` (see `visca_models`). By network: `raw=1` leaves Sony's header out, as
PTZOptics' heads want it (UDP, port 1259), `tcp=1` goes by TCP besides (port 5678). By cable: `baud`, and `address`, the
place in the chain.
"""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Self

from hardware.camera.aim import Aim
from hardware.camera.visca import (
    PAN_TILT_POSITION,
    ZOOM_POSITION,
    Request,
    pan_tilt_of,
    zoom_of,
)
from hardware.camera.visca_ip import PORT, RAW_TCP_PORT, RAW_UDP_PORT
from hardware.camera.visca_link import REPLY_S, ViscaLink
from hardware.camera.visca_models import model_of
from hardware.camera.visca_wire import BAUDS, Raw, Serial, SonyUdp, Wire
from hardware.ports import BadUri, DeviceError
from hardware.uri import DeviceUri

BETWEEN_S = 0.25
"""Between two commands. Heads move in jerks, and some hang, when they are told more."""
IDLE_S = 20.0
"""How often a head that is told nothing is asked whether it is there: a row that says so should be true."""
_STALE_S = 1.0
"""The same aim again later is meant: somebody may have used the remote control."""
_OPTIONS = ("model", "pan", "tilt", "tele")
_HOST = re.compile(r"(\[[0-9a-fA-F:.%a-z]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?")
_CHECK_NETWORK = (
    "Check that it has power and its network cable, that the address is right, that VISCA over IP is on in its menu, "
    "and whether it wants ?raw=1."
)
_CHECK_CABLE = "Check that it has power, that the VISCA cable sits, and that baud= is what its menu or switch says."


class ViscaHead:
    """Turns a camera; on its own thread, so that whoever frames a picture never waits for a motor.

    The newest aim wins: those that came while the head was being told something are never sent. Turn and zoom take
    turns, so that neither waits for an aim that keeps changing.
    """

    simulated = False

    def __init__(self, uri: DeviceUri) -> None:
        serial = uri.scheme == "visca-serial"
        wire, place = _serial(uri) if serial else _network(uri)
        self._model = model_of(uri)
        self._link = ViscaLink(wire, place=place, check=_CHECK_CABLE if serial else _CHECK_NETWORK)
        self._news = threading.Condition()
        self._wanted: Aim | None = None
        self._sent: list[Request | None] = [None, None]
        """The last turn and the last zoom."""
        self._told_at = 0.0
        self._error: DeviceError | None = None
        self._leaving = False
        self.name = f"Camera at {place}"

    @property
    def pan_deg(self) -> float:
        """Degrees from straight ahead to where the pan ends."""
        return self._model.pan_deg

    def __enter__(self) -> Self:
        """Find the camera, or raise `DeviceError`; it may be in standby."""
        self._link.find()
        self._leaving = False
        self._thread = threading.Thread(target=self._run, name=f"head {self.name}", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._news:
            self._leaving = True
            self._news.notify()
        self._thread.join(timeout=4.0)
        self._link.close()

    def move(self, aim: Aim) -> None:
        """Turn towards an aim soon, and return at once; raise what went wrong with an earlier one."""
        with self._news:
            if aim == self._wanted and time.monotonic() - self._told_at > _STALE_S:
                self._sent = [None, None]
            self._wanted = aim
            self._news.notify()
        self.check()

    def check(self) -> None:
        with self._news:
            error, self._error = self._error, None
        if error is not None:
            raise error

    def aim(self) -> Aim:
        """Ask where the camera looks now."""
        position = self._link.ask(PAN_TILT_POSITION, pan_tilt_of)
        return self._model.aim(position, self._link.ask(ZOOM_POSITION, zoom_of))

    def _run(self) -> None:
        last = 1
        while True:
            due = self._due(last)
            if self._leaving:
                return
            last = last if due is None else due.place
            try:
                if due is None:
                    self._link.find()
                else:
                    self._link.tell(due.move)
            except DeviceError as err:
                self._failed(err, due)

    def _failed(self, err: DeviceError, due: "_Due | None") -> None:
        """Have the next caller told, and start from nothing: where the head stands now is anybody's guess."""
        with self._news:
            self._error, self._sent = err, [None, None]
            if due is None or self._wanted == due.aim:
                self._wanted = None

    def _due(self, last: int) -> "_Due | None":
        """Wait for something to tell the head, and for the time to do so; None when there is nothing for a while."""
        with self._news:
            self._news.wait_for(lambda: self._leaving, max(self._told_at + BETWEEN_S - time.monotonic(), 0.0))
            self._news.wait_for(lambda: self._leaving or self._unsent(last), IDLE_S)
            unsent = self._unsent(last)
            if self._leaving or self._wanted is None or not unsent:
                return None
            place, move = unsent[0]
            self._sent[place] = move
            self._told_at = time.monotonic()
            return _Due(place, move, self._wanted)

    def _unsent(self, last: int) -> list[tuple[int, Request]]:
        """Return what the wanted aim takes beyond what was sent, first what was not told last."""
        if self._wanted is None:
            return []
        moves = self._model.moves(self._wanted)
        return [(place, moves[place]) for place in (1 - last, last) if moves[place] != self._sent[place]]


@dataclass(frozen=True, slots=True)
class _Due:
    """What the head is told next."""

    place: int
    """0 turns, 1 zooms."""
    move: Request
    aim: Aim
    """What it is for."""


def _network(uri: DeviceUri) -> tuple[Callable[[], Wire], str]:
    uri.only("raw", "tcp", *_OPTIONS)
    raw, tcp = uri.flag("raw", default=False), uri.flag("tcp", default=False)
    found = _HOST.fullmatch(uri.path)
    if not found or not 0 < int(found[2] or 1) < 65536:
        raise BadUri(f"visca:{uri.path} should look like visca:192.168.1.20 or visca:192.168.1.20:{PORT}")
    if tcp and not raw:
        raise BadUri(f"visca:{uri.path}: tcp=1 goes with raw=1; Sony's VISCA over IP has no TCP")
    host = found[1].strip("[]")
    port = int(found[2] or (RAW_TCP_PORT if tcp else RAW_UDP_PORT if raw else PORT))
    if raw:
        return partial(Raw, host, port, REPLY_S, tcp=tcp), f"{found[1]}:{port}"
    return partial(SonyUdp, host, port, REPLY_S), f"{found[1]}:{port}"


def _serial(uri: DeviceUri) -> tuple[Callable[[], Wire], str]:
    uri.only("baud", "address", *_OPTIONS)
    baud = uri.integer("baud", 9600, min(BAUDS), max(BAUDS))
    if not uri.path.startswith("/dev/") or baud not in BAUDS:
        raise BadUri(
            f"visca-serial: should look like visca-serial:/dev/ttyUSB0?baud=9600, or baud={max(BAUDS)} at most"
        )
    return partial(Serial, uri.path, baud, uri.integer("address", 1, 1, 7)), uri.path
