"""The room's certificate is renewed by itself, in time; what cannot be renewed or read is told and ends nothing."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from appliance import reporting
from appliance.state.room import ServiceHealth
from provisioning.enrolment import NotEnrolled

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ENROLLED = (
    '{"console": "https://c.example.org", "org": "acme", "room": "room-1", "broker": "mqtts://b.example.org",'
    ' "keys": ["' + "A" * 43 + '="], "certificate_file": "room-1.pem", "ca_file": "ca-1.pem"}'
)


class House:
    """A state folder with an enrolment, a console that renews or does not, and a clock that turns as fast as asked."""

    def __init__(self, folder, lasts):
        self.folder = folder
        self.now = NOW
        self.told = []
        self.renewals = []
        self.refuses = False
        (folder / "console").mkdir()
        (folder / "console" / "enrolment.json").write_text(ENROLLED)
        self.certify(lasts)

    def certify(self, lasts):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([])
        made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        made = made.serial_number(1).not_valid_before(self.now).not_valid_after(self.now + lasts)
        self.write(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def write(self, data):
        (self.folder / "console" / "room-1.pem").write_bytes(data)

    def renew(self, _state_dir):
        self.renewals.append(self.now)
        if self.refuses:
            raise NotEnrolled("Nothing answers at the console.")
        self.certify(timedelta(days=397))

    def look(self):
        """Tell the time as the keeper does at each look, ten days later each time."""
        self.now += timedelta(days=10)
        return self.now

    async def keep(self, looks):
        """Let the keeper look so often."""
        seen = []

        def now():
            seen.append(self.look())
            if len(seen) > looks:
                raise asyncio.CancelledError
            return self.now

        with suppress(asyncio.CancelledError):
            await reporting.keep_certificate(self.folder, self.told.append, now=now, every_s=0)


@pytest.fixture
def house(tmp_path, monkeypatch):
    made = House(tmp_path, timedelta(days=397))
    monkeypatch.setattr(reporting, "renew", made.renew)
    return made


async def test_it_is_renewed_once_when_a_third_of_a_year_is_left(house):
    await house.keep(looks=30)
    assert house.renewals == [NOW + timedelta(days=270)]
    assert house.told == [ServiceHealth("certificate", ok=True)]


async def test_a_console_that_is_away_is_told_only_when_time_runs_out(house):
    house.refuses = True
    await house.keep(looks=36)
    assert len(house.renewals) == 10
    assert house.told == []
    await house.keep(looks=1)
    assert house.told == [ServiceHealth("certificate", ok=False, detail="Nothing answers at the console.")]
    house.refuses = False
    await house.keep(looks=1)
    assert house.told[-1] == ServiceHealth("certificate", ok=True)


@pytest.mark.parametrize("damage", ["no file", "nonsense", "broken enrolment"])
async def test_a_certificate_that_cannot_be_read_is_told_and_the_room_goes_on(house, damage):
    if damage == "no file":
        (house.folder / "console" / "room-1.pem").unlink()
    elif damage == "nonsense":
        house.write(b"-----BEGIN CERTIFICATE-----\nnonsense\n")
    else:
        (house.folder / "console" / "enrolment.json").write_text("{")
    await house.keep(looks=2)
    assert house.renewals == []
    assert [(health.ok, "salon setup" in health.detail) for health in house.told] == [(False, True)] * 2


async def test_one_whose_key_is_gone_is_told_too(house, monkeypatch):
    monkeypatch.undo()  # the real one, which reads the key
    house.certify(timedelta(days=25))
    await house.keep(looks=1)
    assert [health.ok for health in house.told] == [False]
