"""VISCA, the language of cameras that turn: packets of 3 to 16 bytes that end with FF. Values only, no device.

Sources: Sony, SRG-300H Technical Manual (A-ES6-100-11, 2013), "VISCA RS-232/RS-422 Commands"; Sony, EVI-D70 Technical
Manual (A-BS4-100-11, 2003), "Command List"; PTZOptics, "VISCA over IP Commands" (G2, 2023), the same as far as used.
"""

from dataclasses import dataclass
from enum import IntEnum

TERMINATOR = 0xFF
LONGEST = 16
"""Bytes in a packet."""
BROADCAST = 8
CAMERA = 1
"""The address of the first camera of a chain, and of every camera on a network."""
_COMMAND, _INQUIRY = 0x01, 0x09


class Refusal(IntEnum):
    """Why a camera did not do what it was told."""

    MESSAGE_LENGTH = 0x01
    SYNTAX = 0x02
    BUFFER_FULL = 0x03
    CANCELLED = 0x04
    NO_SOCKET = 0x05
    NOT_EXECUTABLE = 0x41


_REASONS = {reason.value: reason for reason in Refusal}


@dataclass(frozen=True, slots=True)
class Request:
    """What a camera is told or asked, without addresses."""

    body: bytes
    inquiry: bool = False

    def packet(self, address: int = CAMERA) -> bytes:
        """Return the bytes for the camera at an address, 1 to 7, or for all of a chain."""
        category = b"" if self.body in _BARE else bytes((_INQUIRY if self.inquiry else _COMMAND,))
        return bytes((0x80 | address,)) + category + self.body + bytes((TERMINATOR,))


@dataclass(frozen=True, slots=True)
class Ack:
    """A command was taken; its completion will name the same socket."""

    socket: int


@dataclass(frozen=True, slots=True)
class Done:
    """A command was carried out, or an inquiry (socket 0) answered."""

    socket: int
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Refused:
    """A command or an inquiry was not carried out."""

    socket: int
    reason: Refusal | int
    """A number where the camera's maker has reasons of his own."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The cameras of a serial chain have taken their addresses."""

    cameras: int


@dataclass(frozen=True, slots=True)
class Changed:
    """A camera came to the chain or left it: addresses must be set anew."""


Reply = Ack | Done | Refused | Chain | Changed

ADDRESS_SET = Request(b"\x30\x01")
"""To be broadcast: the first camera takes 1, the next 2 and so on."""
CLEAR = Request(b"\x00\x01")
"""IF_Clear: forget the commands under way."""
PAN_TILT_POSITION = Request(b"\x06\x12", inquiry=True)
ZOOM_POSITION = Request(b"\x04\x47", inquiry=True)
POWER = Request(b"\x04\x00", inquiry=True)
_CANCELS = frozenset(bytes((0x20 | socket,)) for socket in range(1, 16))
_BARE = frozenset({ADDRESS_SET.body, *_CANCELS})
"""What goes without a category."""


def cancel(socket: int) -> Request:
    """Stop the command that runs in a socket, 1 or 2."""
    return Request(bytes((0x20 | socket,)))


def pan_tilt(pan: int, tilt: int, *, pan_speed: int, tilt_speed: int, pan_digits: int = 4) -> Request:
    """Turn to a position, in the camera's own steps; speeds from 1 to 0x18 and 0x17, slow to fast.

    The large heads of Sony's BRC series have five digits of pan, and no speed of tilt: 0.
    """
    speeds = bytes((pan_speed, tilt_speed))
    return Request(b"\x06\x02" + speeds + _digits(pan, pan_digits) + _digits(tilt, 4))


def zoom(position: int) -> Request:
    """Zoom to a position: 0 is wide, 0x4000 where most lenses end."""
    return Request(b"\x04\x47" + _digits(position, 4))


def decode(packet: bytes) -> Reply | None:
    """Return what a camera says in one packet, or None where it is nothing a controller can use."""
    if not 3 <= len(packet) <= LONGEST or packet[-1] != TERMINATOR or packet[0] < 0x80:
        return None
    status, data = packet[1], packet[2:-1]
    if status == 0x30 and packet[0] == 0x80 | BROADCAST and data and data[0]:
        return Chain(data[0] - 1)
    match status >> 4, len(data):
        case 3, 0 if status == 0x38:
            return Changed()
        case 4, 0:
            return Ack(status & 0x0F)
        case 5, _:
            return Done(status & 0x0F, data)
        case 6, 1:
            return Refused(status & 0x0F, _REASONS.get(data[0], data[0]))
    return None


def pan_tilt_of(data: bytes) -> tuple[int, int] | None:
    """Return the position that an answer to `PAN_TILT_POSITION` gives."""
    if len(data) not in {8, 9}:
        return None
    pan, tilt = _number(data[:-4]), _number(data[-4:])
    return None if pan is None or tilt is None else (_signed(pan, len(data) - 4), _signed(tilt, 4))


def zoom_of(data: bytes) -> int | None:
    """Return the position that an answer to `ZOOM_POSITION` gives."""
    return _number(data) if len(data) == 4 else None


def power_of(data: bytes) -> bool | None:
    """Return whether the camera is awake, from an answer to `POWER`."""
    return {b"\x02": True, b"\x03": False}.get(data)


class Splitter:
    """Cuts a stream of bytes into packets; what is too long for one is noise, and dropped."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the packets that are whole now."""
        *whole, self._rest = (self._rest + data).split(bytes((TERMINATOR,)))
        self._rest = self._rest[-LONGEST:]
        return [packet + bytes((TERMINATOR,)) for packet in whole if 0 < len(packet) < LONGEST]


def _digits(number: int, count: int) -> bytes:
    """Return the hexadecimal digits of a number, each in a byte of its own; below zero in two's complement."""
    return bytes(number >> 4 * place & 0x0F for place in reversed(range(count)))


def _number(digits: bytes) -> int | None:
    if any(digit > 0x0F for digit in digits):
        return None
    return sum(digit << 4 * place for place, digit in enumerate(reversed(digits)))


def _signed(number: int, digits: int) -> int:
    half = 1 << 4 * digits - 1
    return number - 2 * half if number >= half else number
