"""What everybody may see of an edge service that fails."""

import asyncio

import pytest

from appliance.errors import SalonError
from appliance.redact import without_secrets
from appliance.service import supervised

SECRET = "https://ada:pa55@cal.example/private-t0ken/basic.ics?key=t0ken#t0ken"


async def told_of(failure):
    """Return the first health that is told of a service that fails so."""
    told = asyncio.get_running_loop().create_future()

    async def run():
        raise failure

    def tell(health):
        if not told.done():
            told.set_result(health)

    supervising = asyncio.create_task(supervised("calendar", run, tell))
    async with asyncio.timeout(5):
        health = await told
    supervising.cancel()
    await asyncio.gather(supervising, return_exceptions=True)
    return health


async def test_an_unforeseen_failure_is_told_in_our_words_and_logged_in_full_but_for_secrets(caplog):
    health = await told_of(ValueError(f"unknown url type: {SECRET}"))
    assert not health.ok
    assert "nobody foresaw" in health.detail
    assert "ValueError: unknown url type: https://cal.example/…" in caplog.text
    assert "test_service.py" in caplog.text
    for text in (health.detail, caplog.text):
        assert "t0ken" not in text
        assert "pa55" not in text


async def test_a_foreseen_failure_keeps_its_words_but_for_secrets(caplog):
    health = await told_of(SalonError(f"{SECRET} does not answer"))
    assert health.detail == "https://cal.example/… does not answer"
    assert "t0ken" not in caplog.text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("mqtt://broker:1883 is away", "mqtt://broker:1883 is away"),
        ("https://h/", "https://h"),
        ("'HTTPS://u:p@h:8443?k=t', then <wss://[::1]:7880/rtc?t=1>", "'HTTPS://h:8443/…', then <wss://[::1]:7880/…>"),
        ("file:///var/room.ics", "file:///var/room.ics"),
        ("nothing: to see // here", "nothing: to see // here"),
    ],
)
def test_an_address_keeps_its_scheme_and_host(text, left):
    assert without_secrets(text) == left
