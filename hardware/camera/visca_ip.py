"""VISCA over IP: the eight bytes before a packet in a datagram. Values only, no socket.

Source: Sony, SRG-300H Technical Manual (A-ES6-100-11, 2013), "VISCA over IP", pages 29-32: payload types, the sequence
number that grows by one with each message, and what an answer to a message sent twice means.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

PORT = 52381
RAW_UDP_PORT = 1259
RAW_TCP_PORT = 5678
"""PTZOptics' own, without these eight bytes (PTZOptics, "Network Camera Control Protocol", 2015)."""
HEADER = struct.Struct(">HHI")
_MOST_PAYLOAD = 16
RESET = b"\x01"
WRONG_SEQUENCE = b"\x0f\x01"
WRONG_TYPE = b"\x0f\x02"


class Payload(IntEnum):
    """What follows the header."""

    COMMAND = 0x0100
    INQUIRY = 0x0110
    REPLY = 0x0111
    CONTROL = 0x0200
    CONTROL_REPLY = 0x0201


_PAYLOADS = {payload.value: payload for payload in Payload}


@dataclass(frozen=True, slots=True)
class Datagram:
    """One message with its number."""

    payload: Payload
    sequence: int
    data: bytes

    def encode(self) -> bytes:
        return HEADER.pack(self.payload, len(self.data), self.sequence) + self.data


def decode(data: bytes) -> Datagram | None:
    """Return what a datagram holds, or None where it is no VISCA over IP."""
    if len(data) <= HEADER.size:
        return None
    kind, length, sequence = HEADER.unpack_from(data)
    rest = data[HEADER.size :]
    if kind not in _PAYLOADS or length != len(rest) or length > _MOST_PAYLOAD:
        return None
    return Datagram(_PAYLOADS[kind], sequence, rest)


def after(sequence: int) -> int:
    """Return the next number; after the last comes 0."""
    return (sequence + 1) & 0xFFFFFFFF
