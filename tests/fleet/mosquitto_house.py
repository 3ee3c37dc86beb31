"""A console's folder and a real mosquitto that it wrote everything for."""

import asyncio
import subprocess
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace

import mqtt_parts as parts
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from appliance.telemetry.protocol.address import BrokerAddress
from fleet.certificates import make_authority
from fleet.line import Access
from fleet.mosquitto import INGEST, Site, prepare, version_in


class House:
    """A console's folder and its broker."""

    def __init__(self, folder, home_assistant=""):
        self.folder = folder
        self.authority = make_authority(folder / "authority", "acme", parts.now())
        self.site = Site(
            "acme", ("127.0.0.1", "localhost"), parts.free_port(), parts.free_port(), "127.0.0.1", home_assistant
        )
        said = subprocess.run(["/usr/sbin/mosquitto", "-h"], check=False, capture_output=True, text=True).stdout
        self.config = prepare(folder / "broker", self.site, self.authority, version=version_in(said), now=parts.now())
        self.config.write_text(self.config.read_text() + "user root\nlog_dest stderr\nlog_type all\n")

    @asynccontextmanager
    async def broker(self):
        process = await parts.start("/usr/sbin/mosquitto", "-c", str(self.config), stderr=asyncio.subprocess.PIPE)
        try:
            await parts.until_line(process.stderr, "running")
            self.drained = asyncio.create_task(process.stderr.read())
            yield process
        finally:
            await parts.end(process)
            await self.drained

    def room(self, name, *, days=30, authority=None):
        """Write a room's certificate and key into one file; returns it."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whatever it says")])
        csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
        text = csr.public_bytes(serialization.Encoding.PEM).decode()
        at = parts.now() - timedelta(days=60)
        pem = (authority or self.authority).room(text, name, at, days=60 + days)
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = self.folder / f"{abs(hash((name, days)))}.pem"
        path.write_text(pem + secret.decode())
        return path

    async def run(self, program, certificate, *arguments):
        """Run mosquitto's own client as a room; returns its status and all it says."""
        shown = ("--cert", str(certificate), "--key", str(certificate)) if certificate else ()
        trust = ("--cafile", str(self.folder / "broker" / "ca.pem"))
        where = ("-h", "127.0.0.1", "-p", str(self.site.port), "-q", "1", "-V", "5")
        pipe = asyncio.subprocess.PIPE
        process = await parts.start(
            program, *where, *trust, *shown, *arguments, stdout=pipe, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await asyncio.wait_for(process.communicate(), 20)
        return process.returncode, said.decode()

    async def says(self, certificate, topic):
        """Whether a room may say something there."""
        status, said = await self.run("mosquitto_pub", certificate, "-t", topic, "-m", "x", "-d")
        return status == 0 and "Not authorized" not in said and "failed" not in said

    def hearing(self, topic):
        """Listen as the console's ingest does."""
        return parts.hearing(SimpleNamespace(port=self.site.console_port), topic, *self._as(INGEST))

    def _as(self, user):
        return "-u", user, "-P", (self.folder / "authority" / f"{user}.password").read_text().strip()

    def access(self, certificate, client_id=""):
        """Return how a room gets in."""
        address = BrokerAddress("127.0.0.1", self.site.port, tls=True)
        ca = self.folder / "broker" / "ca.pem"
        return Access(address, client_id, ca_file=str(ca), cert_file=str(certificate), key_file=str(certificate))

    def revoke(self, certificate, room):
        serial = x509.load_pem_x509_certificate(certificate.read_bytes()).serial_number
        self.authority.revoke(room, [serial], parts.now())

    async def console(self, program, user, *arguments):
        """Run mosquitto's own client as the console."""
        where = ("-h", "127.0.0.1", "-p", str(self.site.console_port), "-q", "1", "-V", "5", *self._as(user))
        pipe = asyncio.subprocess.PIPE
        process = await parts.start(program, *where, *arguments, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
        said, _ = await asyncio.wait_for(process.communicate(), 20)
        return process.returncode, said.decode()

    async def console_says(self, user, topic):
        status, said = await self.console("mosquitto_pub", user, "-t", topic, "-m", "x", "-d")
        return status == 0 and "Not authorized" not in said
