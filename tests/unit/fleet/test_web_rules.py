"""The rules around a request: sessions, where it comes from, how often one may try, what a password is."""

import pytest
from argon2 import PasswordHasher

from fleet.store.people import Session
from fleet.web.access.limits import Limit, SignInLimits
from fleet.web.access.passwords import Passwords, objection
from fleet.web.access.sessions import expires_at, from_elsewhere, holds, is_meant
from fleet.web.pages.sign_in import _inside

HOUR = 3_600_000
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def session(*, used_at: int = 0, until: int = 100 * HOUR) -> Session:
    return Session("h", 1, "token", 0, used_at, until)


def test_a_session_ends_when_it_is_idle_or_old():
    assert holds(session(), 11 * HOUR, 12)
    assert not holds(session(), 12 * HOUR, 12)
    assert holds(session(used_at=95 * HOUR), 99 * HOUR, 12)
    assert not holds(session(used_at=99 * HOUR), 100 * HOUR, 12)
    assert expires_at(5, 7) == 5 + 7 * 24 * HOUR


@pytest.mark.parametrize(
    ("origin", "fetch_site", "foreign"),
    [
        (None, None, False),
        ("https://rooms.example", "same-origin", False),
        ("https://rooms.example", None, False),
        (None, "none", False),
        ("https://evil.example", None, True),
        ("null", None, True),
        (None, "cross-site", True),
        (None, "same-site", True),
        ("https://rooms.example", "cross-site", True),
        ("https://rooms.example:8443", None, True),
        ("https://rooms.example.evil", None, True),
    ],
)
def test_what_another_site_sends_is_known(origin, fetch_site, foreign):
    assert from_elsewhere("rooms.example", origin, fetch_site) == foreign


@pytest.mark.parametrize(
    ("given", "meant"), [("token", True), ("", False), (None, False), ("toke", False), ("ü", False)]
)
def test_a_change_needs_its_sessions_own_token(given, meant):
    assert is_meant(session(), given) == meant


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "https://evil.example", "rooms", "", "/a\r\nb"])
def test_nobody_is_sent_to_another_site_after_signing_in(path):
    assert _inside(path) == "/"


def test_nobody_is_kept_from_our_own_pages():
    assert _inside("/rooms?search=a") == "/rooms?search=a"


def test_too_many_failures_have_to_wait_and_are_forgiven_in_time():
    limit = Limit(3, 60)
    for now in (0, 1000, 2000):
        assert limit.wait_s("eve", now) == 0
        limit.failed("eve", now)
    assert limit.wait_s("eve", 2000) == 58
    assert limit.wait_s("ada", 2000) == 0
    assert limit.wait_s("eve", 60_000) == 0


def test_an_address_waits_also_when_it_tries_another_name_each_time():
    limits = SignInLimits()
    for number in range(30):
        assert limits.wait_s(f"name{number}", "10.0.0.9", 0) == 0
        limits.tried(f"name{number}", "10.0.0.9", 0)
    assert limits.wait_s("ada", "10.0.0.9", 0) > 0
    assert limits.wait_s("ada", "10.0.0.8", 0) == 0


def test_invented_names_do_not_fill_the_memory():
    limit = Limit(3, 60)
    for number in range(20_100):
        limit.failed(str(number), 0)
    assert len(limit._seen) == 20_000


@pytest.mark.parametrize(
    "password", ["short", "aaaaaaaaaaaaaaaa", "password12345678", "adaadaadaadaada", "123456123456", "x" * 300]
)
def test_a_password_that_is_easily_guessed_is_none(password):
    assert objection(password, "ada")


def test_a_few_words_in_a_row_are_a_password():
    assert objection("correct horse battery", "ada") == ""


async def test_a_password_fits_or_not_and_nobody_has_none():
    passwords = Passwords(QUICK)
    stored = await passwords.hash("correct horse battery")
    assert stored.startswith("$argon2id$")
    assert await passwords.fits("correct horse battery", stored)
    assert not await passwords.fits("correct horse", stored)
    assert not await passwords.fits("nobody has this password", None)
    assert not await passwords.fits("x", "not a hash")
