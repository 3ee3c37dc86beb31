"""The room's end of coming into a fleet: it makes a key, shows that it knows the code, and pins the console's key.

What came of it lies in `console/` of the state folder. `enrolment.json` there is written last: without it, or with the
one before, nothing has happened.
"""

import base64
import binascii
import json
import secrets
import ssl
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from appliance.files import replace_file
from appliance.state.clean import clean_text
from appliance.state.wire import to_json
from appliance.telemetry.protocol.address import broker_address
from appliance.telemetry.protocol.codec import BadPayload, dump
from appliance.telemetry.protocol.enrolling import (
    LONGEST,
    PATH,
    RENEW_PATH,
    RENEWAL,
    Asking,
    Code,
    Granted,
    Renewing,
    Says,
    Sealed,
    proves,
    read,
    sealed,
)
from appliance.telemetry.protocol.signed import Trust, opened
from appliance.telemetry.protocol.topics import Topics
from provisioning.calling import http_post, vouched, whoever
from provisioning.enrolled import FOLDER, Enrolment, NotEnrolled, enrolment

__all__ = ["Enrolment", "NotEnrolled", "enrol", "enrolment", "renew", "renewal_due"]

RENEW_BEFORE = timedelta(days=130)
_NOT_VOUCHED = (
    "Nobody this room trusts vouches for the console at {url} ({why}). Nothing was changed. Check the address and the "
    "room's clock; if the console's certificate is of your organisation's own authority, name that one's: --ca FILE"
)
_OPEN = (
    "{url} is not encrypted, and on another machine: anybody in between could read along. Write https://, "
    "or run this where the console is."
)
_NOT_OURS = (
    "What answered at {url} does not know the code, so it is not your console, or something sits between. "
    "Nothing was changed. Check the address."
)

Post = Callable[[str, bytes], tuple[int, bytes]]
"""Sends JSON to an address and returns status and answer, or raises `OSError`."""


def enrol(
    state_dir: Path,
    *,
    room: str,
    console: str,
    code: Code,
    name: str,
    sw: str,
    ca: str = "",
    post: Post | None = None,
) -> Enrolment:
    """Bring the room into a console's fleet, or raise `NotEnrolled`. Blocks for the network.

    The code alone proves who is who. TLS has to fit all the same, by the machine's own authorities or by `ca` (PEM):
    while somebody stands there who can mend it, a false console is better found out before it hears anything.
    """
    post = post or partial(http_post, context=vouched(ca))
    folder = _folder(state_dir)
    key = _new_key(folder)
    asking = Asking(room, _csr(key, room), secrets.token_urlsafe(16), name, sw)
    message = sealed(asking, code.key, Says.ROOM, code.id)
    answer = _asked(_base(console) + PATH, message, post)
    granted = _granted(answer, code, asking, _base(console))
    made = _keep(folder, granted, key, console=_base(console))
    (folder / "new.key").unlink(missing_ok=True)
    return made


def renewal_due(state_dir: Path, now: datetime, before: timedelta = RENEW_BEFORE) -> bool:
    """Whether the room's certificate ends so soon that it should ask for a new one."""
    found = enrolment(state_dir)
    return found is not None and certificate_end(state_dir, found) - now < before


def certificate_end(state_dir: Path, found: Enrolment) -> datetime:
    """Return until when the room's certificate counts; raise `OSError` or `ValueError` when it cannot be read."""
    pem = (state_dir / FOLDER / found.certificate_file).read_bytes()
    return x509.load_pem_x509_certificate(pem).not_valid_after_utc


def renew(state_dir: Path, *, post: Post | None = None) -> None:
    """Ask for a new certificate with the one the room has, or raise `NotEnrolled`. Blocks for the network."""
    found = enrolment(state_dir)
    if found is None:
        raise NotEnrolled("The room is enrolled at no console.")
    folder = _folder(state_dir)
    held = (folder / found.certificate_file).read_bytes()
    old = load_pem_private_key(held, None)
    assert isinstance(old, ec.EllipticCurvePrivateKey)  # noqa: S101 - made here
    key = _new_key(folder)
    asking = Asking(found.room, _csr(key, found.room), secrets.token_urlsafe(16))
    body = dump(to_json(asking)).decode()
    signature = old.sign(RENEWAL + body.encode(), ec.ECDSA(hashes.SHA256()))
    shown = x509.load_pem_x509_certificate(held).public_bytes(Encoding.PEM).decode()
    message = to_json(Renewing(body, shown, base64.b64encode(signature).decode()))
    # nobody is there to mend it if the console's certificate is of another authority by now: its pinned key proves it
    answer = _asked(found.console + RENEW_PATH, message, post or partial(http_post, context=whoever()))
    granted = _renewed(answer, found, asking)
    # one file, replaced whole: whoever connects finds the old certificate with its key, or the new one with its
    _write(folder / found.certificate_file, granted.certificate.encode() + _pem(key))
    (folder / "new.key").unlink(missing_ok=True)


def _base(console: str) -> str:
    try:
        parts = urlsplit(console)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in {"http", "https"} or not host or parts.username:
        raise NotEnrolled(f"{console[:80]!r} is no console's address; write it like https://console.example.org")
    if parts.scheme == "http" and not _here(host):
        raise NotEnrolled(_OPEN.format(url=console[:80]))
    return console.rstrip("/")


def _here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        # any other name may come to mean another machine
        return host == "localhost"


def _asked(url: str, message: Mapping[str, Any], post: Post) -> dict[str, Any]:
    try:
        status, answer = post(url, dump(message))
    except OSError as err:
        why = getattr(err, "reason", None) or err
        if isinstance(why, ssl.SSLCertVerificationError):
            raise NotEnrolled(_NOT_VOUCHED.format(url=url, why=why.verify_message)) from err
        raise NotEnrolled(f"Nothing answers at {url} ({why}). Check the address and the network.") from err
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError) as err:
        raise NotEnrolled(f"What answers at {url} is no console (HTTP status {status}). Check the address.") from err
    if isinstance(found, dict) and isinstance(found.get("error"), str):
        raise NotEnrolled(f"The console refused: {clean_text(found['error'], 200)}")
    return found if isinstance(found, dict) else {}


def _granted(answer: dict[str, Any], code: Code, asking: Asking, url: str) -> Granted:
    try:
        message = read(Sealed, answer)
        if not proves(code.key, Says.CONSOLE, message.body, message.proof):
            raise NotEnrolled(_NOT_OURS.format(url=url))
        granted = read(Granted, message.body)
        _check(granted, asking)
    except (BadPayload, ValueError, binascii.Error) as err:
        raise NotEnrolled(f"The console at {url} answered in a way this room does not understand: {err}.") from err
    return granted


def _check(granted: Granted, asking: Asking) -> None:
    if (granted.nonce, granted.room) != (asking.nonce, asking.room):
        raise BadPayload("its answer is to another question")
    Topics(granted.org, granted.room)
    if not broker_address(granted.broker).tls:
        raise BadPayload("its broker does not speak TLS (mqtts://)")
    if not granted.keys or any(len(base64.b64decode(key, validate=True)) != 32 for key in granted.keys):
        raise BadPayload("it has no key to pin")
    x509.load_pem_x509_certificate(granted.ca.encode())
    certificate = x509.load_pem_x509_certificate(granted.certificate.encode())
    if certificate.public_key() != x509.load_pem_x509_csr(asking.csr.encode()).public_key():
        raise BadPayload("its certificate is for another key")


def _renewed(answer: dict[str, Any], found: Enrolment, asking: Asking) -> Granted:
    try:
        body = opened(str(answer.get("signed")).encode(), Trust(found.pinned), longest=LONGEST)
        bound = {"kind": "certificate", "org": found.org, "room": found.room}
        ours = all(body.get(key) == value for key, value in bound.items())
        granted = Granted(
            nonce=str(body.get("nonce")) if ours else "",
            org=found.org,
            room=found.room,
            certificate=str(body.get("certificate")),
            ca=str(body.get("ca")),
            broker=found.broker,
            keys=found.keys,
        )
        _check(granted, asking)
    except (BadPayload, ValueError) as err:
        raise NotEnrolled(f"The console at {found.console} did not renew the certificate: {err}.") from err
    return granted


def _folder(state_dir: Path) -> Path:
    folder = state_dir / FOLDER
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as err:
        raise NotEnrolled(f"{folder} cannot be made ({err.strerror}); run this as the user salon.") from err
    return folder


def _new_key(folder: Path) -> ec.EllipticCurvePrivateKey:
    """Return the key to ask with: the same again, should an answer have been lost on its way."""
    path = folder / "new.key"
    try:
        key = load_pem_private_key(path.read_bytes(), None)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key
    except (FileNotFoundError, ValueError):
        pass
    made = ec.generate_private_key(ec.SECP256R1())
    _write(path, _pem(made))
    return made


def _csr(key: ec.EllipticCurvePrivateKey, room: str) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, room)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(Encoding.PEM).decode()


def _keep(folder: Path, granted: Granted, key: ec.EllipticCurvePrivateKey, *, console: str) -> Enrolment:
    serial = f"{x509.load_pem_x509_certificate(granted.certificate.encode()).serial_number:x}"[:12]
    made = Enrolment(
        console,
        granted.org,
        granted.room,
        granted.broker,
        granted.keys,
        f"room-{serial}.pem",
        f"ca-{serial}.pem",
    )
    _write(folder / made.certificate_file, granted.certificate.encode() + _pem(key))
    _write(folder / made.ca_file, granted.ca.encode())
    _write(folder / "enrolment.json", json.dumps(asdict(made)).encode())
    for old in (*folder.glob("room-*.pem"), *folder.glob("ca-*.pem")):
        if old.name not in {made.certificate_file, made.ca_file}:
            old.unlink()
    return made


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, data: bytes) -> None:
    try:
        replace_file(path, data)
    except OSError as err:
        raise NotEnrolled(f"{path} cannot be written ({err.strerror}). Check the disk with: salon doctor") from err
