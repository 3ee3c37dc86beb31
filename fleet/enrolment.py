"""How a room comes into the fleet: it asks with a one-time code, and gets a certificate and the console's key.

Who mounts this on the web passes the parsed JSON of a POST to `enrolling.PATH` and answers with what comes back.
"""

import asyncio
import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from appliance.state.clean import clean_text
from appliance.telemetry.protocol.codec import BadPayload
from appliance.telemetry.protocol.enrolling import (
    RENEWAL,
    Asking,
    Code,
    Granted,
    Renewing,
    Says,
    Sealed,
    new_code,
    proves,
    read,
    sealed,
)
from appliance.telemetry.protocol.signed import public_of, sign
from appliance.telemetry.protocol.topics import Topics
from fleet.certificates import Authority, CertificateTrouble, same_key
from fleet.control import layers
from fleet.store import codes
from fleet.store.audit import AuditLog
from fleet.store.certificates import note_certificate, take_certificates
from fleet.store.database import Database, Row, Transaction
from fleet.store.rooms import next_version

T = TypeVar("T")
LIFE = timedelta(hours=1)
"""How long a code is good for, unless an admin says otherwise."""
MOST_TRIES = 5
_WRONG = "This code is wrong. Ask your console's admin to read it out again."
_DEAD = "This code was tried too often and is dead. Ask your console's admin for a new one."
_USED = "This code has been used; each works once. Ask your console's admin for a new one."
_EXPIRED = "This code has expired. Ask your console's admin for a new one."
_OTHER_ROOM = "This code is for another room."
_TAKEN = (
    "A room with this id is, or was, enrolled here. Its admin can make a new code for just that room on the console."
)
_STRANGER = "This room is not enrolled here any more. Ask your console's admin for a code."


class _Refused(Exception):
    """Why a room does not get in, in words for whoever stands in it."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What every room is told."""

    org: str
    broker: str
    """mqtts:// address, as rooms reach it."""
    authority: Authority


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: an HTTP status and JSON; of a refusal `error`, in words."""

    status: int
    body: dict[str, Any]
    room: str = ""
    """Who got in, for the audit log."""


@dataclass(frozen=True, slots=True)
class Wish:
    """For whom a code is."""

    made_by: str
    name: str = ""
    """What the room will be called; empty for its own word."""
    site: int | None = None
    floor: str = ""
    room: str = ""
    """The one room it is for; needed by a room that is enrolled already. Empty for any other."""


async def make_code(tx: Transaction, wish: Wish, now: datetime) -> tuple[Code, datetime]:
    """Keep a new code; return it, which nobody can later, and until when it is good."""
    code, until = new_code(), now + LIFE
    line = codes.CodeLine(
        code.id,
        wish.name,
        wish.site,
        wish.floor,
        _ms(now),
        wish.made_by,
        _ms(until),
        0,
        None,
        wish.room or None,
    )
    await codes.add_code(tx, line, code.key)
    return code, until


async def enrol(request: object, fleet: Fleet, database: Database, now: datetime) -> Answer:
    """Answer a room that asks to come in. Wrong tries are counted, whatever else is wrong."""
    try:
        message = _read(Sealed, request)
        async with database.transaction() as tx:
            code = await _code(tx, message.code)
            if not _knows(code, message):
                # counted in the same transaction, so that many tries at once are as many
                await tx.execute("UPDATE enrolment_codes SET tries = tries + 1 WHERE id = $1", message.code)
                return Answer(403, {"error": _DEAD if code is not None and code["tries"] >= MOST_TRIES else _WRONG})
            assert code is not None  # noqa: S101 - nobody knows a code that is none
            granted = await _let_in(tx, code, _read(Asking, message.body), fleet, now)
            who = f"room:{granted.room}"
            log = AuditLog(database.dialect)
            await log.note(tx, _ms(now), who, "room enrolled", who, code=message.code)
            # what is wanted of rooms there is told to this one from the beginning
            await layers.refresh(tx, database, _ms(now), [(await _known(tx, granted.room))["key"]])
    except (_Refused, CertificateTrouble, BadPayload) as err:
        return Answer(403 if isinstance(err, _Refused) else 400, {"error": str(err)})
    return Answer(200, sealed(granted, code["secret"], Says.CONSOLE), granted.room)


async def renew(request: object, fleet: Fleet, database: Database, now: datetime) -> Answer:
    """Answer a room whose certificate ends soon; only the newest of an enrolled room counts."""
    try:
        message = _read(Renewing, request)
        asking = _read(Asking, message.body)
        _check_renewal(message, asking, fleet.authority, now)
        async with database.transaction() as tx:
            granted = _granted(asking, fleet, await _name_of(tx, asking.room, message.certificate), now)
            await tx.execute("UPDATE rooms SET certificate = $1 WHERE id = $2", granted.certificate, granted.room)
            # the one before holds on: should this answer be lost, the room asks again with it
            await note_certificate(tx, granted.room, granted.certificate)
            who = f"room:{granted.room}"
            await AuditLog(database.dialect).note(tx, _ms(now), who, "certificate renewed", who)
    except (_Refused, CertificateTrouble, BadPayload) as err:
        return Answer(403, {"error": str(err)})
    body = {"kind": "certificate", "org": fleet.org, "room": granted.room, "nonce": granted.nonce}
    signed = sign({**body, "certificate": granted.certificate, "ca": granted.ca}, fleet.authority.orders)
    return Answer(200, {"signed": signed.decode()}, granted.room)


async def retire(tx: Transaction, authority: Authority | None, room: str, now: datetime) -> bool:
    """Take a room out of the fleet: nothing it says is taken any more; False where there is none to take out."""
    version = await next_version(tx)
    changed = await tx.execute(
        "UPDATE rooms SET retired_at = $1, version = $2 WHERE id = $3 AND retired_at IS NULL", _ms(now), version, room
    )
    if authority is not None:
        await revoke(tx, authority, room, now)
    return changed > 0


async def revoke(tx: Transaction, authority: Authority, room: str, now: datetime) -> None:
    """Shut a room out: no certificate of it counts any more, here at once and at the broker as soon as that reloads."""
    if serials := await take_certificates(tx, room, _ms(now)):
        await asyncio.to_thread(authority.revoke, room, serials, now)
    await tx.execute("UPDATE rooms SET certificate = NULL, enrolled_at = NULL WHERE id = $1", room)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _read(kind: type[T], data: object) -> T:
    if not isinstance(data, str | dict):
        raise BadPayload("this is no question that a room would ask")
    return read(kind, data)


async def _code(tx: Transaction, code_id: str) -> Row | None:
    # changing nothing holds the row: many who use it at once come one after another
    await tx.execute("UPDATE enrolment_codes SET tries = tries WHERE id = $1", code_id)
    rows = await tx.fetch("SELECT * FROM enrolment_codes WHERE id = $1", code_id)
    return rows[0] if rows else None


async def _room(tx: Transaction, room: str) -> Row | None:
    rows = await tx.fetch("SELECT * FROM rooms WHERE id = $1", room)
    return rows[0] if rows else None


async def _known(tx: Transaction, room: str) -> Row:
    found = await _room(tx, room)
    assert found is not None  # noqa: S101 - let in within this transaction
    return found


async def _name_of(tx: Transaction, room: str, certificate: str) -> str:
    found = await _room(tx, room)
    if found is None or found["retired_at"] is not None or found["certificate"] != certificate:
        raise _Refused(_STRANGER)
    return str(found["name"])


def _knows(code: Row | None, message: Sealed) -> bool:
    # of a code that is none the same is reckoned, so that the time tells nothing
    key = "" if code is None else code["secret"]
    right = proves(key, Says.ROOM, message.body, message.proof)
    return right and code is not None and code["tries"] < MOST_TRIES


async def _let_in(tx: Transaction, code: Row, asking: Asking, fleet: Fleet, now: datetime) -> Granted:
    _check_id(asking.room, fleet.org)
    room = await _room(tx, asking.room)
    known = room is not None and room["certificate"]
    if code["used_at"] is not None:
        # the answer may have been lost on its way: the same room with the same key is told again
        if room is None or not known or room["enrolled_at"] != code["used_at"] or not same_key(known, asking.csr):
            raise _Refused(_USED)
        return _granted(asking, fleet, room["name"], now, known)
    if code["room"] not in {None, "", asking.room}:
        raise _Refused(_OTHER_ROOM)
    now_ms = _ms(now)
    if code["expires_at"] <= now_ms:
        raise _Refused(_EXPIRED)
    if room is not None and not _may_come_again(room, code):
        raise _Refused(_TAKEN)
    name = code["name"] or clean_text(asking.name) or asking.room
    granted = _granted(asking, fleet, name, now)
    await tx.execute(
        "UPDATE enrolment_codes SET used_at = $1, room = $2 WHERE id = $3", now_ms, asking.room, code["id"]
    )
    await _keep_room(tx, granted, code, now_ms, new=room is None)
    if earlier := await take_certificates(tx, granted.room, now_ms):
        await asyncio.to_thread(fleet.authority.revoke, granted.room, earlier, now)
    await note_certificate(tx, granted.room, granted.certificate)
    return granted


def _may_come_again(room: Row, code: Row) -> bool:
    """Whether a code is good for a room that is, or was, in the fleet: who takes its id has its past, too."""
    if code["room"] != room["id"]:
        return room["certificate"] is None and room["retired_at"] is None
    # else one made for an id that nobody had yet would later take over whoever came to have it
    return room["enrolled_at"] is None or room["enrolled_at"] <= code["made_at"]


async def _keep_room(tx: Transaction, granted: Granted, code: Row, now_ms: int, *, new: bool) -> None:
    await tx.execute("UPDATE counters SET value = value + 1 WHERE name = 'rooms'")
    (version,) = [row["value"] for row in await tx.fetch("SELECT value FROM counters WHERE name = 'rooms'")]
    if new:
        await tx.execute("INSERT INTO rooms (id) VALUES ($1)", granted.room)
    await tx.execute(
        "UPDATE rooms SET name = $1, site = coalesce($2, site), floor = CASE WHEN $3 = '' THEN floor ELSE $3 END,"
        " enrolled_at = $4, certificate = $5, retired_at = NULL, version = $6 WHERE id = $7",
        granted.name,
        code["site"],
        code["floor"],
        now_ms,
        granted.certificate,
        version,
        granted.room,
    )


def _granted(asking: Asking, fleet: Fleet, name: str, now: datetime, certificate: str = "") -> Granted:
    return Granted(
        nonce=asking.nonce,
        org=fleet.org,
        room=asking.room,
        certificate=certificate or fleet.authority.room(asking.csr, asking.room, now),
        ca=fleet.authority.pem,
        broker=fleet.broker,
        keys=(base64.b64encode(public_of(fleet.authority.orders)).decode(),),
        name=name,
    )


def _check_id(room: str, org: str) -> None:
    try:
        Topics(org, room)
    except ValueError as err:
        raise BadPayload(str(err)) from err


def _check_renewal(message: Renewing, asking: Asking, authority: Authority, now: datetime) -> None:
    certificate = authority.issued(message.certificate, now)
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    key = certificate.public_key()
    if [name.value for name in names] != [asking.room] or not isinstance(key, ec.EllipticCurvePublicKey):
        raise _Refused(_STRANGER)
    try:
        signature = base64.b64decode(message.sig, validate=True)
        key.verify(signature, RENEWAL + message.body.encode(), ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature) as err:
        raise _Refused(_STRANGER) from err
