"""Trading a guest link for a ticket with hubs that dawdle, lie or are not there."""

import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from appliance.meetings.livekit_link import GuestLink, Ticket
from appliance.meetings.livekit_signal import LiveKitHttp
from appliance.meetings.provider import JoinFailed

SECRET = "abcdefghijklmnopqr_-42"


@asynccontextmanager
async def hub_that_says(*pieces, status=200):
    """Serve one answer, each piece in a packet of its own; yields a guest link."""

    async def answer(request):
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        return response

    app = web.Application()
    app.router.add_post("/api/exchange", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield GuestLink(f"http://127.0.0.1:{runner.addresses[0][1]}", SECRET)
    finally:
        await runner.cleanup()


async def test_an_answer_in_pieces_is_read_whole():
    whole = json.dumps({"url": "ws://h", "token": "t" * 3000}).encode()
    async with hub_that_says(*(whole[at : at + 100] for at in range(0, len(whole), 100))) as link:
        assert await LiveKitHttp().exchange(link, "Room") == Ticket("ws://h", "t" * 3000)


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"url": "ws://h", "token": "\\ud800"}', b"\xff", b"", b"null"])
async def test_an_answer_without_sense_is_a_failed_join(body):
    async with hub_that_says(body) as link:
        with pytest.raises(JoinFailed) as caught:
            await LiveKitHttp().exchange(link, "Room")
    assert caught.value.retryable


@pytest.mark.parametrize(("status", "again"), [(404, False), (425, True), (429, True), (503, True)])
async def test_only_a_link_that_will_never_work_is_given_up(status, again):
    async with hub_that_says(b'{"error": "no"}', status=status) as link:
        with pytest.raises(JoinFailed, match="no") as caught:
            await LiveKitHttp().exchange(link, "Room")
    assert caught.value.retryable is again


@pytest.mark.parametrize("address", ["ws://me:password@127.0.0.1:9", "ws://127.0.0.1:9?access=password"])
async def test_an_address_that_does_not_answer_is_named_without_its_secrets(address):
    with pytest.raises(JoinFailed) as caught:
        async with LiveKitHttp().connected(Ticket(address, "token")):
            pass
    assert "127.0.0.1:9 " in str(caught.value)
    assert "password" not in str(caught.value)
