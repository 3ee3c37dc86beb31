"""How a room and a console that have never met come to trust each other: by a one-time code that only they two know.

The code is never sent. The room proves that it knows it by a keyed hash (RFC 2104) over what it asks, the console by
one over what it answers, so that whoever sits between them, with whatever TLS certificate, can neither be taken for
one of them nor change a letter. Its secret has 80 bits, so that nothing overheard tells it.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from appliance.state.wire import BadValue, from_json, to_json
from appliance.telemetry.protocol.codec import BadPayload, dump, parse

T = TypeVar("T")
PATH = "/api/v1/enrol"
RENEW_PATH = "/api/v1/enrol/renew"
LONGEST = 16 * 1024
"""Bytes of one text in it."""
_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
"""None that look alike. 17 of them are more than 80 bits."""
_ID, _SECRET, _GROUP = 6, 17, 6
_CODE = re.compile(rf"[{_LETTERS}]{{{_ID + _SECRET}}}")


class BadCode(ValueError):
    """A text that is no code; says what one looks like."""


@dataclass(frozen=True, slots=True)
class Code:
    """A one-time code, as an admin reads it out: groups of letters and digits."""

    id: str
    """What the console finds it by; no secret."""
    secret: str = field(repr=False)

    def __str__(self) -> str:
        letters = self.id + self.secret
        return "-".join(letters[start : start + _GROUP] for start in range(0, len(letters), _GROUP))

    @property
    def key(self) -> str:
        """What the console keeps of it, and both prove that they know."""
        return hashlib.sha256(self.secret.encode()).hexdigest()


def new_code() -> Code:
    """Make a code."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_ID + _SECRET))
    return Code(letters[:_ID], letters[_ID:])


def read_code(text: str) -> Code:
    """Read a code as somebody typed it, or raise `BadCode`."""
    letters = re.sub(r"[\s-]", "", text).upper()
    if not _CODE.fullmatch(letters):
        raise BadCode(
            f"That is no code: it has {_ID + _SECRET} letters and digits, such as {Code('K7QX2M', 'A' * 17)}."
        )
    return Code(letters[:_ID], letters[_ID:])


class Says(StrEnum):
    """Who proves something: so that nobody's words can be sent back to them as somebody else's."""

    ROOM = "salon enrolment v1 room"
    CONSOLE = "salon enrolment v1 console"


def proof(key: str, who: Says, text: str) -> str:
    """Return the proof that somebody who knows the code says this."""
    return hmac.new(key.encode(), f"{who}\n{text}".encode(), hashlib.sha256).hexdigest()


def proves(key: str, who: Says, text: str, given: str) -> bool:
    """Whether a proof is right, in a time that tells nothing."""
    return hmac.compare_digest(proof(key, who, text).encode(), given.encode())


@dataclass(frozen=True, slots=True)
class Sealed:
    """What goes over the wire, both ways."""

    body: str
    """JSON, over which the proof stands as it is."""
    proof: str
    code: str = ""
    """The code's id, in what a room asks."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What a room asks for."""

    room: str
    """Its id, which never changes."""
    csr: str
    """PEM (RFC 2986); what is in it but the key does not count."""
    nonce: str
    """Random: the answer is to this question."""
    name: str = ""
    sw: str = ""


@dataclass(frozen=True, slots=True)
class Granted:
    """What a console grants a room."""

    nonce: str
    org: str
    room: str
    certificate: str
    """PEM: the room's."""
    ca: str
    """PEM: by what the broker is known."""
    broker: str
    """mqtts:// address."""
    keys: tuple[str, ...]
    """The console's public keys, base64, to pin."""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Renewing:
    """What a room asks for whose certificate ends soon; signed with the certificate's own key."""

    body: str
    """JSON of `Asking`."""
    certificate: str
    sig: str
    """ECDSA with SHA-256 over `RENEWAL` and the body, base64."""


RENEWAL = b"salon renewal v1\n"


def sealed(value: Asking | Granted, key: str, who: Says, code: str = "") -> dict[str, Any]:
    """Return a message with its proof."""
    body = dump(to_json(value)).decode()
    return to_json(Sealed(body, proof(key, who, body), code))  # type: ignore[no-any-return]


def read(kind: type[T], data: bytes | str | dict[str, Any]) -> T:
    """Read one of these values, or raise `BadPayload`."""
    try:
        if isinstance(data, dict):
            return from_json(kind, data)
        return from_json(kind, parse(data if isinstance(data, bytes) else data.encode(), longest=LONGEST))
    except BadValue as err:
        raise BadPayload(str(err)) from err
