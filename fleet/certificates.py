"""The console's own certificate authority, for its broker and its rooms, and the key it signs orders with.

All of it lies in one folder that only the console may read (0700). Whoever has it commands every room: it belongs in
the backup, and nowhere else.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance.errors import SalonError
from appliance.files import replace_file
from appliance.telemetry.protocol.topics import is_id

FOLDER, ORDERS, REVOKED = "authority", "orders.key", "revoked.json"
"""The authority's folder in the console's state; in it the key that signs orders, and what was taken back."""
CA_DAYS, SERVER_DAYS, ROOM_DAYS = 20 * 365, 825, 397
RENEW_BEFORE_DAYS = 130
"""A room asks for a new certificate when its own lasts for no longer than this."""
_BACK = timedelta(days=1)
"""A room's clock may be a little behind."""


class CertificateTrouble(SalonError, ValueError):
    """The authority cannot be used, or what it should sign is no good."""


@dataclass(frozen=True, slots=True)
class Authority:
    """Who signs for rooms and broker."""

    folder: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    orders: Ed25519PrivateKey
    """Signs orders; its public half is pinned by every room."""

    @property
    def pem(self) -> str:
        """By what rooms know the broker, and the broker rooms."""
        return _pem(self.certificate)

    def room(self, csr: str, room: str, now: datetime, *, days: int = ROOM_DAYS) -> str:
        """Return a certificate for the key of a request, whose name is the room's id; nothing else of it counts."""
        if not is_id(room):
            # the broker puts the name into topics
            raise CertificateTrouble("a room's id has 1 to 36 of a-z, 0-9 and -")
        return _pem(self._issue(_requested(csr), room, now, days, ExtendedKeyUsageOID.CLIENT_AUTH))

    def server(self, names: Sequence[str], now: datetime) -> tuple[str, str]:
        """Return a certificate and a key for a broker under these host names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        names_of = x509.SubjectAlternativeName([_general(name) for name in names])
        usage = ExtendedKeyUsageOID.SERVER_AUTH
        return _pem(self._issue(key.public_key(), names[0], now, SERVER_DAYS, usage, names_of)), _key_pem(key)

    def issued(self, certificate: str, now: datetime) -> x509.Certificate:
        """Return a room's certificate if it is one of ours and in force, or raise `CertificateTrouble`."""
        try:
            found = x509.load_pem_x509_certificate(certificate.encode())
            found.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as err:
            raise CertificateTrouble("the certificate is not of this console") from err
        if not found.not_valid_before_utc <= now <= found.not_valid_after_utc:
            raise CertificateTrouble("the certificate has expired")
        if found.serial_number in self._revoked():
            raise CertificateTrouble("the certificate was revoked")
        return found

    def revoke(self, room: str, serials: Collection[int], now: datetime) -> None:
        """Take certificates of a room back; the broker learns it from `crl.pem`, as it reloads."""
        at = int(now.timestamp())
        revoked = dict.fromkeys(serials, (at, room)) | self._revoked()
        text = json.dumps({str(serial): taken_back for serial, taken_back in revoked.items()})
        replace_file(self.folder / REVOKED, text.encode())
        self.publish_revoked(now)

    def revoked_rooms(self, since: datetime) -> frozenset[str]:
        """Return the rooms of which a certificate was taken back at that time or later."""
        return frozenset(room for at, room in self._revoked().values() if at >= int(since.timestamp()))

    def publish_revoked(self, now: datetime) -> None:
        """Write `crl.pem`. It is for twenty years: a list that expires would shut all rooms out."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - _BACK)
            .next_update(now + timedelta(days=CA_DAYS))
        )
        for serial, (at, _) in self._revoked().items():
            since = datetime.fromtimestamp(at, now.tzinfo)
            one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since).build()
            builder = builder.add_revoked_certificate(one)
        listed = builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)
        # where the broker reads it, once that is set up: see mosquitto.py
        _write((self.folder / "crl.pem").resolve(), listed, open_to_all=True)

    def _revoked(self) -> dict[int, tuple[int, str]]:
        """Return when which certificate was taken back (seconds since 1970), and from which room."""
        try:
            found = json.loads((self.folder / REVOKED).read_text())
        except FileNotFoundError:
            return {}
        return {int(serial): (at, room) for serial, (at, room) in found.items()}

    def _issue(
        self,
        public: ec.EllipticCurvePublicKey,
        name: str,
        now: datetime,
        days: int,
        usage: x509.ObjectIdentifier,
        names: x509.SubjectAlternativeName | None = None,
    ) -> x509.Certificate:
        builder = (
            _builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), self.certificate.subject, now, days)
            .public_key(public)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())


def make_authority(folder: Path, org: str, now: datetime) -> Authority:
    """Return the authority of a folder, made now if there is none; what is there is never made anew."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (folder / "ca.pem").exists():
        key = ec.generate_private_key(ec.SECP256R1())
        _write(folder / "ca.key", _key_pem(key).encode())
        _write(folder / ORDERS, _key_pem(Ed25519PrivateKey.generate()).encode())
        # last, since it says that the others are there
        _write(folder / "ca.pem", _pem(_self_signed(key, org, now)).encode(), open_to_all=True)
        open_authority(folder).publish_revoked(now)
    return open_authority(folder)


def open_authority(folder: Path) -> Authority:
    """Return the authority of a folder, or raise `CertificateTrouble`."""
    try:
        certificate = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
        key = load_pem_private_key((folder / "ca.key").read_bytes(), None)
        orders = load_pem_private_key((folder / ORDERS).read_bytes(), None)
    except FileNotFoundError as err:
        raise CertificateTrouble(f"{folder} holds no certificate authority; make one with: salon console init") from err
    except (OSError, ValueError) as err:
        raise CertificateTrouble(f"{folder} cannot be read: {err}; put it back from a backup.") from err
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(orders, Ed25519PrivateKey):
        raise CertificateTrouble(f"{folder} holds keys of another kind; put it back from a backup.")
    return Authority(folder, certificate, key, orders)


def same_key(certificate: str, csr: str) -> bool:
    """Whether a certificate is for the key of a request."""
    return _raw(x509.load_pem_x509_certificate(certificate.encode()).public_key()) == _raw(_requested(csr))


def _requested(csr: str) -> ec.EllipticCurvePublicKey:
    try:
        request = x509.load_pem_x509_csr(csr.encode())
        key = request.public_key()
        valid = request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm) as err:
        raise CertificateTrouble("the request for a certificate cannot be read") from err
    if not valid or not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateTrouble("the request for a certificate must hold a P-256 key, and be signed with it")
    return key


def _self_signed(key: ec.EllipticCurvePrivateKey, org: str, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Salon console of {org}")])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        _builder(name, name, now, CA_DAYS)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _builder(subject: x509.Name, issuer: x509.Name, now: datetime, days: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACK)
        .not_valid_after(now + timedelta(days=days))
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _raw(key: object) -> bytes:
    assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101 - of a certificate this console made
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey | Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _write(path: Path, data: bytes, *, open_to_all: bool = False) -> None:
    replace_file(path, data)
    if open_to_all:
        path.chmod(0o644)
