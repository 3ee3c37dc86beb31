"""A room and a console that have never met: real ends, both databases, and those who would like to be one of them."""

import asyncio
import json
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from appliance.telemetry.protocol.enrolling import Asking, Code, Says, new_code, sealed
from appliance.telemetry.protocol.signed import public_of
from fleet.certificates import CertificateTrouble, make_authority
from fleet.enrolment import LIFE, MOST_TRIES, Fleet, _granted, _read, enrol, renew, retire, revoke
from provisioning import enrolment as room_end
from provisioning.enrolment import NotEnrolled

URL = "https://console.example.org"
ROOM, OTHER = "7f3c9a52-0000-4000-8000-000000000001", "7f3c9a52-0000-4000-8000-000000000002"
START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Console:
    """The console's end, with a clock of its own."""

    def __init__(self, database, folder):
        self.database = database
        self.fleet = Fleet(
            "acme", "mqtts://broker.example.org:8883", make_authority(folder / "authority", "acme", START)
        )
        self.now = START
        self.loop = asyncio.get_running_loop()
        self.heard = []
        self.lose_answer = False

    async def code(self, room=None, name=""):
        code = new_code()
        at = int(self.now.timestamp() * 1000)
        async with self.database.transaction() as tx:
            await tx.execute(
                "INSERT INTO enrolment_codes (id, secret, room, name, made_at, made_by, expires_at)"
                " VALUES ($1, $2, $3, $4, $5, 'ada', $6)",
                *(code.id, code.key, room, name, at, at + int(LIFE.total_seconds() * 1000)),
            )
        return code

    async def answer(self, url, data):
        ask = renew if url.endswith("/renew") else enrol
        answer = await ask(json.loads(data), self.fleet, self.database, self.now)
        self.heard.append(answer.status)
        return answer.status, json.dumps(answer.body).encode()

    def post(self, url, data):
        """What a room's thread calls instead of the network."""
        answer = asyncio.run_coroutine_threadsafe(self.answer(url, data), self.loop).result(30)
        if self.lose_answer:
            raise ConnectionResetError("the answer was lost")
        return answer

    async def room(self, room=ROOM):
        (row,) = await self.database.fetch("SELECT * FROM rooms WHERE id = $1", room)
        return row


@pytest.fixture
async def console(database, tmp_path):
    return Console(database, tmp_path)


def coming_in(console, state, code, room=ROOM, post=None):
    return asyncio.to_thread(
        room_end.enrol, state, room=room, console=URL, code=code, name="Blue", sw="1", post=post or console.post
    )


async def test_a_room_comes_in_with_a_code_and_both_know_each_other_from_then_on(console, tmp_path):
    made = await coming_in(console, tmp_path / "room", await console.code())
    found = room_end.enrolment(tmp_path / "room")
    assert found == made
    assert (found.org, found.room, found.broker) == ("acme", ROOM, "mqtts://broker.example.org:8883")
    assert found.pinned == (public_of(console.fleet.authority.orders),)
    folder = tmp_path / "room" / "console"
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    certificate = x509.load_pem_x509_certificate((folder / found.certificate_file).read_bytes())
    assert certificate.subject.rfc4514_string() == f"CN={ROOM}"
    ssl.create_default_context(cafile=folder / found.ca_file).load_cert_chain(folder / found.certificate_file)
    row = await console.room()
    assert (row["name"], row["certificate"].strip()) == ("Blue", _pem(certificate))
    assert row["enrolled_at"] == int(START.timestamp() * 1000)
    assert row["version"] == 1


def _pem(certificate):
    return certificate.public_bytes(Encoding.PEM).decode().strip()


async def refused(console, state, code, room=ROOM):
    with pytest.raises(NotEnrolled) as caught:
        await coming_in(console, state, code, room)
    assert room_end.enrolment(state) is None
    return str(caught.value)


async def test_a_code_works_once(console, tmp_path):
    code = await console.code()
    await coming_in(console, tmp_path / "room", code)
    assert "has been used" in await refused(console, tmp_path / "other", code, OTHER)
    assert "has been used" in await refused(console, tmp_path / "thief", code, ROOM)


async def test_a_code_ends_after_an_hour(console, tmp_path):
    code = await console.code()
    console.now += timedelta(hours=1)
    assert "has expired" in await refused(console, tmp_path / "room", code)


async def test_a_guessed_code_is_refused_and_the_code_is_dead_after_five_guesses(console, tmp_path):
    code = await console.code()
    wrong = [Code(code.id, new_code().secret) for _ in range(MOST_TRIES)]
    for guess in wrong:
        assert "is wrong" in await refused(console, tmp_path / "thief", guess)
    assert "is dead" in await refused(console, tmp_path / "thief", wrong[0])
    assert "is dead" in await refused(console, tmp_path / "room", code)


async def test_many_guesses_at_once_are_as_many_tries(console, tmp_path):
    code = await console.code()
    guesses = (refused(console, tmp_path / f"thief{n}", Code(code.id, new_code().secret)) for n in range(8))
    assert sum("is dead" in words for words in await asyncio.gather(*guesses)) == 3


async def test_two_rooms_with_one_code_at_once_are_one_room(console, tmp_path):
    code = await console.code()
    rooms = (coming_in(console, tmp_path / room, code, room) for room in (ROOM, OTHER))
    came = await asyncio.gather(*rooms, return_exceptions=True)
    assert sum(isinstance(one, NotEnrolled) for one in came) == 1


async def test_a_code_that_is_none_is_just_wrong(console, tmp_path):
    assert "is wrong" in await refused(console, tmp_path / "room", new_code())


async def test_a_code_for_one_room_lets_no_other_in(console, tmp_path):
    code = await console.code(room=ROOM)
    assert "for another room" in await refused(console, tmp_path / "other", code, OTHER)
    assert (await coming_in(console, tmp_path / "room", code)).room == ROOM


async def test_nobody_takes_an_enrolled_rooms_place_without_a_code_for_just_that_room(console, tmp_path):
    await coming_in(console, tmp_path / "room", await console.code())
    first = (await console.room())["certificate"]
    assert "is, or was, enrolled" in await refused(console, tmp_path / "thief", await console.code())
    await coming_in(console, tmp_path / "new machine", await console.code(room=ROOM))
    with pytest.raises(CertificateTrouble, match="revoked"):
        console.fleet.authority.issued(first, console.now)


async def test_nobody_takes_a_retired_rooms_place_and_past_without_a_code_for_just_that_room(console, tmp_path):
    await coming_in(console, tmp_path / "room", await console.code())
    async with console.database.transaction() as tx:
        await retire(tx, console.fleet.authority, ROOM, console.now)
    assert "is, or was, enrolled" in await refused(console, tmp_path / "thief", await console.code())
    assert (await coming_in(console, tmp_path / "room", await console.code(room=ROOM))).room == ROOM


async def test_a_code_made_for_an_id_before_a_room_had_it_takes_no_room_over(console, tmp_path):
    early = await console.code(room=ROOM)
    console.now += timedelta(minutes=1)
    await coming_in(console, tmp_path / "room", await console.code())
    assert "is, or was, enrolled" in await refused(console, tmp_path / "thief", early)


async def test_an_answer_that_was_lost_is_given_again_to_the_same_room(console, tmp_path):
    code = await console.code()
    console.lose_answer = True
    assert "Nothing answers" in await refused(console, tmp_path / "room", code)
    console.lose_answer = False
    assert (await coming_in(console, tmp_path / "room", code)).room == ROOM
    assert console.heard == [200, 200]


async def test_who_sits_between_can_change_nothing(console, tmp_path):
    """In particular not whose certificate it is, nor which keys are pinned."""
    code = await console.code()

    def between(url, data):
        message = json.loads(data)
        body = json.loads(message["body"])
        key = ec.generate_private_key(ec.SECP256R1())
        body["csr"] = room_end._csr(key, ROOM)
        return console.post(url, json.dumps({**message, "body": json.dumps(body)}).encode())

    with pytest.raises(NotEnrolled, match="is wrong"):
        await coming_in(console, tmp_path / "room", code, post=between)

    def behind(url, data):
        status, answer = console.post(url, data)
        return status, answer.replace(b"broker.example.org", b"broker.example.com")

    with pytest.raises(NotEnrolled, match="does not know the code"):
        await coming_in(console, tmp_path / "room", code, post=behind)


async def test_a_false_console_learns_nothing_and_pins_nothing(console, tmp_path):
    false = Console(console.database, tmp_path / "false")
    code = await console.code()

    def post(url, data):
        message = json.loads(data)
        assert code.secret not in json.dumps(message)

        granted = _granted(_read(Asking, message["body"]), false.fleet, "x", START)
        return 200, json.dumps(sealed(granted, new_code().key, Says.CONSOLE)).encode()

    with pytest.raises(NotEnrolled, match="does not know the code"):
        await coming_in(console, tmp_path / "room", code, post=post)
    assert room_end.enrolment(tmp_path / "room") is None


async def test_the_rooms_own_words_sent_back_are_no_answer(console, tmp_path):
    with pytest.raises(NotEnrolled, match="does not know the code"):
        await coming_in(console, tmp_path / "room", await console.code(), post=lambda url, data: (200, data))


async def test_an_answer_to_an_earlier_question_is_no_answer(console, tmp_path):
    code = await console.code()
    answers = []

    def record(url, data):
        answers.append(console.post(url, data))
        return answers[0]

    await coming_in(console, tmp_path / "room", code, post=record)
    with pytest.raises(NotEnrolled, match="another question"):
        await coming_in(console, tmp_path / "room", code, post=record)


@pytest.mark.parametrize(
    "request_",
    [
        None,
        [],
        "",
        "{}",
        {},
        {"body": "{}", "proof": ""},
        {"body": 1},
        {"body": "x" * 100_000, "proof": "", "code": ""},
    ],
)
async def test_nonsense_is_refused_in_words(console, request_):
    answer = await enrol(request_, console.fleet, console.database, console.now)
    assert answer.status in {400, 403}
    assert answer.body["error"]


async def test_a_room_gets_a_new_certificate_before_its_own_ends(console, tmp_path):
    state = tmp_path / "room"
    await coming_in(console, state, await console.code())
    old = (await console.room())["certificate"]
    assert not room_end.renewal_due(state, console.now)
    console.now += timedelta(days=300)
    assert room_end.renewal_due(state, console.now)
    before = room_end.enrolment(state)
    await asyncio.to_thread(room_end.renew, state, post=console.post)
    assert room_end.enrolment(state) == before
    assert not room_end.renewal_due(state, console.now)
    held = (state / "console" / before.certificate_file).read_text()
    assert (await console.room())["certificate"] in held
    assert old not in held
    names = {"enrolment.json", before.certificate_file, before.ca_file}
    assert {path.name for path in (state / "console").iterdir()} == names


@pytest.mark.parametrize("end", ["expired", "revoked", "stolen name", "another console"])
async def test_who_may_not_renew_is_refused(console, tmp_path, end):
    state = tmp_path / "room"
    await coming_in(console, state, await console.code())
    answering = console
    if end == "expired":
        console.now += timedelta(days=398)
    elif end == "revoked":
        async with console.database.transaction() as tx:
            await revoke(tx, console.fleet.authority, ROOM, console.now)
    elif end == "stolen name":
        await coming_in(console, tmp_path / "other", await console.code(), OTHER)
        path = state / "console" / "enrolment.json"
        path.write_text(path.read_text().replace(ROOM, OTHER))
    else:
        answering = Console(console.database, tmp_path / "another")
    with pytest.raises(NotEnrolled, match="refused"):
        await asyncio.to_thread(room_end.renew, state, post=answering.post)


async def test_an_answer_to_a_renewal_counts_only_from_the_pinned_console(console, tmp_path):
    state = tmp_path / "room"
    await coming_in(console, state, await console.code())
    false = Console(console.database, tmp_path / "false")
    own = console.fleet
    console.fleet = Fleet(own.org, own.broker, replace(own.authority, orders=false.fleet.authority.orders))
    with pytest.raises(NotEnrolled, match="does not know"):
        await asyncio.to_thread(room_end.renew, state, post=console.post)


@pytest.mark.parametrize(
    "url",
    [
        "http://console.example.org",
        "http://192.0.2.7:8800",
        "http://[2001:db8::1]",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "http://2130706433",
    ],
)
async def test_a_console_elsewhere_is_called_by_https_alone(tmp_path, url):
    told = {"room": ROOM, "console": url, "name": "Blue", "sw": "1", "post": Mock(side_effect=AssertionError)}
    with pytest.raises(NotEnrolled, match="not encrypted"):
        await asyncio.to_thread(room_end.enrol, tmp_path, code=new_code(), **told)
    assert list(tmp_path.glob("console/enrolment.json")) == []


@pytest.mark.parametrize("url", ["", "console.example.org", "ftp://x", "https://", "https://a:b@c", "http://[::1"])
async def test_what_is_no_address_is_told_as_such(tmp_path, url):
    told = {"room": ROOM, "console": url, "name": "Blue", "sw": "1", "post": Mock(side_effect=AssertionError)}
    with pytest.raises(NotEnrolled, match="is no console's address"):
        await asyncio.to_thread(room_end.enrol, tmp_path, code=new_code(), **told)


@pytest.mark.parametrize("url", ["http://localhost:8800", "http://127.0.0.2", "http://[::1]:8800"])
async def test_on_the_same_machine_http_will_do(console, tmp_path, url):
    told = {"room": ROOM, "console": url, "name": "Blue", "sw": "1", "post": console.post}
    made = await asyncio.to_thread(room_end.enrol, tmp_path / "room", code=await console.code(), **told)
    assert made.console == url
