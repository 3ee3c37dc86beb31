"""From where somebody comes, with a proxy on the console's machine and without: nobody chooses it for themselves."""

import asyncio
from contextlib import asynccontextmanager

import httpx
import mqtt_parts as parts
import pytest
from web_parts import add_person

from fleet.store import audit
from fleet.web.main import serve
from fleet.web.settings import WebSettings

SPOOFED = {"X-Forwarded-For": "127.0.0.1, 198.51.100.1, 203.0.113.9", "X-Forwarded-Proto": "https"}
"""What a proxy sends on for somebody at 203.0.113.9 who sent two addresses of their own."""


@asynccontextmanager
async def console(database, **settings):
    """The console's own server, as `salon console web` runs it."""
    port = parts.free_port()
    url = f"http://127.0.0.1:{port}"
    serving = asyncio.create_task(serve(WebSettings(port=port, **settings), database))
    async with httpx.AsyncClient(base_url=url) as client:
        async with asyncio.timeout(20):
            while not serving.done():
                try:
                    await client.get("/sign-in")
                    break
                except httpx.ConnectError:
                    await asyncio.sleep(0.05)
        try:
            yield client
        finally:
            serving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await serving


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize(("behind_proxy", "address"), [(True, "203.0.113.9"), (False, "127.0.0.1")])
async def test_whoever_fails_is_counted_by_where_they_come_from_and_not_by_what_they_say(
    database, behind_proxy, address
):
    await add_person(database, "ada")
    async with console(database, behind_proxy=behind_proxy) as client:
        answer = await client.post("/sign-in", data={"name": "ada", "password": "wrong"}, headers=SPOOFED)
        assert answer.status_code == 403
    (entry,) = await audit.entries(database)
    assert (entry.action, entry.detail["address"]) == ("sign-in refused", address)


@pytest.mark.parametrize("dialect", ["sqlite"])
async def test_nothing_secret_is_written_to_the_log(database, caplog):
    caplog.set_level("DEBUG")
    await add_person(database, "ada")
    async with console(database) as client:
        await client.get("/welcome/a-secret-link")
        await client.post("/sign-in", data={"name": "ada", "password": "a-secret-password"})
        await client.get("/api/v1/rooms", headers={"Authorization": "Bearer salon_a-secret-token"})
        await client.get("/rooms", headers={"Cookie": "salon=a-secret-session"})
        await client.post("/api/v1/enrol", json={"body": "a-secret-question", "proof": "a-secret-proof"})
    # what this test's own client and event loop say is not the console's
    told = [
        record.getMessage() for record in caplog.records if record.name.partition(".")[0] not in {"httpx", "httpcore"}
    ]
    assert any("The console's pages are at" in words for words in told)
    assert not [words for words in told if "secret" in words]
