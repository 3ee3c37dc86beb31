"""What the doctor says of the room's next meeting, its console, and what waits for that."""

import base64
import datetime as dt
import json
from dataclasses import replace

import pytest
from builders import NOON, room
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from appliance.doctor import examine
from appliance.doctor_fleet import examine_fleet, examine_verdict, fleet_lines
from appliance.findings import Level
from appliance.settings import parse
from appliance.state.preflight import Preflight, Trouble
from appliance.state.room import Face, Senses
from appliance.telemetry.protocol.payloads import ClockSync
from appliance.telemetry.protocol.records import Kind
from appliance.telemetry.spool_file import Note, SpoolFile, Write

WELL = replace(
    room(), now=NOON, senses=Senses(connected=True), face=Face(connected=True, lit=True), preflight=Preflight(NOON)
)


def certificate(until):
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "room-1")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, until - dt.timedelta(days=400), until)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def enrol(state, until):
    folder = state / "console"
    folder.mkdir()
    (folder / "room.pem").write_bytes(certificate(until))
    told = {
        "console": "https://console.example.org",
        "org": "acme",
        "room": "room-1",
        "broker": "mqtts://broker.example.org:8883",
        "keys": [base64.b64encode(bytes(32)).decode()],
        "certificate_file": "room.pem",
        "ca_file": "ca.pem",
    }
    (folder / "enrolment.json").write_text(json.dumps(told))


def fill(state, records):
    file = SpoolFile(state / "spool.db")
    number, ts = file.begin("boot-1", 1), int(NOON.timestamp() * 1000)
    notes = (Note(n, ts + n, n, ClockSync.YES, Kind.EVENT, b"{}") for n in range(1, records + 1))
    file.write(number, [Write(note) for note in notes])
    return file


def settings_of(state):
    return parse(f'paths = {{ state = "{state}", runtime = "{state}/run" }}', where="the test")


def findings(state):
    return [(found.level, found.what, found.remedy) for found in examine_fleet(settings_of(state), NOON)]


def test_a_room_that_is_well_is_ready():
    assert examine_verdict(WELL).level is Level.OK
    assert examine_verdict(replace(WELL, preflight=None)).level is Level.NOTE


def test_what_stands_against_the_next_meeting_is_told_with_its_remedy():
    trouble = Trouble("server.unreachable", True, "The server cannot be reached.", "Check the network.")
    small = Trouble("clock.unset", False, "No time server.", "Wait.")
    found = examine_verdict(replace(WELL, senses=Senses(), preflight=Preflight(NOON, (trouble, small))))
    assert found.level is Level.LACK
    first, second = found.remedy.splitlines()
    assert first.startswith("The media program is not there. ")
    assert second == "The server cannot be reached. Check the network."


def test_a_room_without_a_console_is_told_how_to_get_one(tmp_path):
    ((level, what, remedy),) = findings(tmp_path)
    assert (level, what) == (Level.NOTE, "the room is enrolled at no console")
    assert "salon setup" in remedy


@pytest.mark.parametrize(
    ("days", "level", "words"),
    [
        (200, Level.OK, "lasts until 2027-06-11"),
        (20, Level.LACK, "lasts until 2026-12-13"),
        (-1, Level.LACK, "ended on 2026-11-22"),
    ],
)
def test_an_enrolled_room_says_where_and_until_when(tmp_path, days, level, words):
    enrol(tmp_path, NOON + dt.timedelta(days=days))
    enrolled, certified = findings(tmp_path)
    assert enrolled == (Level.OK, "the room is enrolled at https://console.example.org as acme/room-1", "")
    assert (certified[0], certified[2] == "") == (level, level is Level.OK)
    assert words in certified[1]


def test_an_enrolled_room_has_its_consoles_broker_looked_for(tmp_path, unused_tcp_port):
    enrol(tmp_path, NOON)
    (file := tmp_path / "console" / "enrolment.json").write_text(
        file.read_text().replace("broker.example.org:8883", f"127.0.0.1:{unused_tcp_port}")
    )
    told = [found.what for found in examine(settings_of(tmp_path), tmp_path, tuple)]
    assert any(what.startswith("broker at 127.0.0.1 does not answer") for what in told)
    assert not any("no broker is set" in what for what in told)


def test_in_passing_only_a_room_of_a_fleet_says_something(tmp_path):
    assert list(fleet_lines(settings_of(tmp_path), NOON)) == []
    enrol(tmp_path, NOON + dt.timedelta(days=200))
    assert list(fleet_lines(settings_of(tmp_path), NOON)) == [
        "the room is enrolled at https://console.example.org as acme/room-1",
        "the room's certificate lasts until 2027-06-11",
    ]


def test_a_broken_enrolment_or_certificate_is_a_lack_and_not_no_console(tmp_path):
    enrol(tmp_path, NOON)
    (tmp_path / "console" / "room.pem").write_text("nonsense")
    assert [level for level, _, _ in findings(tmp_path)] == [Level.OK, Level.LACK]
    (tmp_path / "console" / "enrolment.json").write_text("{")
    ((level, what, _),) = findings(tmp_path)
    assert level is Level.LACK
    assert "salon setup" in what


def test_records_that_wait_are_counted_while_the_room_runs_and_nothing_is_changed(tmp_path):
    file = fill(tmp_path, 3)
    try:
        _, (level, what, _) = findings(tmp_path)
        assert (level, what) == (Level.OK, "3 records wait for the console, the oldest of 2026-11-23 12:00")
        assert file.count() == 3
    finally:
        file.close()
    (tmp_path / "spool.db").write_text("no database")
    assert len(findings(tmp_path)) == 1


def test_a_console_that_takes_nothing_is_noticed(tmp_path):
    fill(tmp_path, 1001).close()
    _, (level, _, remedy) = findings(tmp_path)
    assert level is Level.NOTE
    assert remedy
