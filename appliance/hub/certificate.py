"""The certificate a hub makes for itself, so that browsers give it a camera; guests must accept it once."""

import ipaddress
import ssl
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance.errors import SalonError
from appliance.hub.files import write_public, write_secret

_VALID = timedelta(days=397)
"""Browsers refuse certificates that are valid for longer."""
_RENEW = timedelta(days=30)


class BadCertificate(SalonError):
    """The certificate for https cannot be used."""


def tls_context(cert_file: Path, key_file: Path) -> ssl.SSLContext:
    """Return what the web server needs for https."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert_file, key_file)
    except (OSError, ssl.SSLError) as err:
        raise BadCertificate(
            f"the certificate {cert_file} with the key {key_file} cannot be used: {err}. "
            "Check that both exist, belong together and may be read by the hub."
        ) from err
    return context


def own_certificate(folder: Path, hosts: Sequence[str], *, now: datetime) -> tuple[Path, Path]:
    """Return certificate and key files for these names and addresses; makes them when missing, old or for others."""
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
    if not (key_file.is_file() and _still_good(cert_file, names, now)):
        key = ec.generate_private_key(ec.SECP256R1())
        pem = serialization.Encoding.PEM
        secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        write_secret(key_file, secret)
        write_public(cert_file, _make(key, names, hosts[0], now).public_bytes(pem))
    return cert_file, key_file


def _make(
    key: ec.EllipticCurvePrivateKey, names: x509.SubjectAlternativeName, title: str, now: datetime
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title[:64])])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    return builder.sign(key, hashes.SHA256())


def _still_good(cert_file: Path, names: x509.SubjectAlternativeName, now: datetime) -> bool:
    try:
        cert = x509.load_pem_x509_certificate(cert_file.read_bytes())
        held = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    return held == names and cert.not_valid_after_utc - now > _RENEW


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
