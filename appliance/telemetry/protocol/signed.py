"""Who may order a room about: bodies signed by the console with Ed25519 (RFC 8032), its key pinned at enrolment.

A signed message is `{"v": 1, "key": ID, "sig": SIGNATURE, "body": TEXT}`: the signature stands over the body's text as
it is, so that nobody has to agree on how JSON is written. A stolen broker can read and withhold orders, never make one.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from appliance.telemetry.protocol.codec import MAX_BYTES, MAX_TEXT_BYTES, BadPayload, dump, parse

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_DOMAIN = b"salon order v1\n"
"""So that no other signature of the same key can be taken for one of these."""


class NotSigned(BadPayload):
    """An order that nobody who may give one has signed."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose orders a room takes."""

    keys: tuple[bytes, ...] = ()
    """The console's public keys, raw, 32 bytes each: one, and a second one while it is being changed."""
    unsigned: bool = False
    """Take unsigned orders too; right only where no key is pinned and the broker is on this very machine."""


def key_id(public: bytes) -> str:
    """Return the short name of a public key."""
    return hashlib.sha256(public).hexdigest()[:16]


def public_of(key: "Ed25519PrivateKey") -> bytes:
    """Return the 32 bytes to pin."""
    return key.public_key().public_bytes_raw()


def sign(body: dict[str, Any], key: "Ed25519PrivateKey") -> bytes:
    """Return the message for a body."""
    text = dump(body)
    signature = base64.urlsafe_b64encode(key.sign(_DOMAIN + text)).decode()
    return dump({"v": 1, "key": key_id(public_of(key)), "sig": signature, "body": text.decode()})


def opened(payload: bytes, trust: Trust, *, longest: int = MAX_TEXT_BYTES) -> dict[str, Any]:
    """Return the body of an order, or raise `BadPayload`; `NotSigned` where a signature lacks or is wrong."""
    message = parse(payload, longest=MAX_BYTES)
    if "sig" in message:
        return _verified(message, trust, longest)
    if trust.keys:
        raise NotSigned("it is not signed by this room's console")
    if not trust.unsigned:
        raise NotSigned("nobody signed it, and the broker is on another machine; enrol the room with `salon setup`")
    return parse(payload, longest=longest)


def _verified(message: dict[str, Any], trust: Trust, longest: int) -> dict[str, Any]:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - a room without a fleet need not pay for it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    body, name, signature = message.get("body"), message.get("key"), message.get("sig")
    if not isinstance(body, str) or not isinstance(signature, str):
        raise NotSigned("a signed order needs key, sig and body, all texts")
    if not trust.keys and trust.unsigned:
        # nobody's signature means anything here, and orders without one are taken as well
        return parse(body.encode(), longest=longest)
    for public in trust.keys:
        if key_id(public) == name:
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(_raw(signature), _DOMAIN + body.encode())
            except InvalidSignature as err:
                raise NotSigned("its signature is wrong") from err
            return parse(body.encode(), longest=longest)
    raise NotSigned("it is signed by a console this room does not know; enrol the room again")


def _raw(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as err:
        raise NotSigned("its signature cannot be read") from err
