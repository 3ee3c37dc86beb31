"""What everybody may see of an edge service that fails."""

import asyncio

import pytest

from appliance import service
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


async def test_a_service_that_runs_again_is_told_to_be_well_unless_it_says_so_itself(monkeypatch):
    monkeypatch.setattr(service, "_FIRST_WAIT_S", 0.01)
    for well_s, says in ((0.01, [False, True]), (None, [False])):
        told, again = [], asyncio.Event()

        async def run(told=told, again=again):
            if not told:
                raise SalonError("the socket is gone")
            again.set()
            await asyncio.Event().wait()

        supervising = asyncio.create_task(supervised("tv", run, told.append, well_s=well_s))
        async with asyncio.timeout(5):
            await again.wait()
            while len(told) < len(says):
                await asyncio.sleep(0.01)
        supervising.cancel()
        await asyncio.gather(supervising, return_exceptions=True)
        assert [health.ok for health in told] == says


async def test_a_service_that_fails_again_is_not_told_to_be_well(monkeypatch):
    monkeypatch.setattr(service, "_FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(service, "_LONGEST_WAIT_S", 0.001)
    told = []

    async def run():
        raise SalonError("the socket is gone")

    supervising = asyncio.create_task(supervised("tv", run, told.append, well_s=60))
    async with asyncio.timeout(5):
        while len(told) < 5:
            await asyncio.sleep(0.001)
    supervising.cancel()
    await asyncio.gather(supervising, return_exceptions=True)
    assert not any(health.ok for health in told)


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
