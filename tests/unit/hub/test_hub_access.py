import json
import re
import ssl
import stat
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from livekit import api

from appliance.hub.invites import Invites, UnknownLink
from appliance.hub.keys import BadKeys, BadToken, Grant, HubKeys, Tokens
from appliance.hub.server import HubSettings, PortTaken, base_url, run_hub

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def clock():
    return {"now": NOW}


@pytest.fixture
def invites(tmp_path, clock) -> Invites:
    return Invites(tmp_path / "hub" / "invites.json", now=lambda: clock["now"])


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_keys_are_made_once_at_random_and_for_their_owner_alone(tmp_path):
    first = HubKeys.of(tmp_path)
    assert HubKeys.of(tmp_path) == first
    assert HubKeys.of(tmp_path / "other") != first
    assert len(first.secret) >= 40
    assert mode(tmp_path / "hub" / "keys.json") == 0o600
    assert first.secret not in repr(first)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"key": "a", "secret": "short"}'])
def test_spoiled_keys_are_an_error_in_words_and_never_replaced_by_a_default(tmp_path, content):
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "keys.json").write_text(content)
    with pytest.raises(BadKeys, match="remove"):
        HubKeys.of(tmp_path)


def test_a_link_opens_its_meeting_in_its_time_only(invites, clock):
    link = invites.invite("atrium", "Weekly", NOW, NOW + HOUR)
    assert (invites.find(link).room, invites.find(link).title) == ("atrium", "Weekly")
    clock["now"] = NOW - timedelta(seconds=1)
    with pytest.raises(UnknownLink, match="not begun"):
        invites.find(link)
    clock["now"] = NOW + HOUR
    with pytest.raises(UnknownLink, match="over"):
        invites.find(link)


def test_a_link_has_128_random_bits_and_only_its_hash_is_kept(invites):
    links = {invites.invite("atrium", "", NOW, NOW + HOUR) for _ in range(5)}
    assert len(links) == 5
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", link) for link in links)
    stored = invites.path.read_text()
    assert not any(link in stored for link in links)
    assert mode(invites.path) == 0o600


def test_a_link_added_by_another_program_is_known_at_once(invites):
    beside = Invites(invites.path, now=lambda: NOW)
    assert invites.find(beside.invite("atrium", "", NOW, NOW + HOUR)).room == "atrium"


def test_expired_links_are_forgotten_when_a_new_one_is_made(invites, clock):
    invites.invite("old", "", NOW, NOW + HOUR)
    clock["now"] = NOW + 2 * HOUR
    invites.invite("new", "", clock["now"], clock["now"] + HOUR)
    assert [entry["room"] for entry in json.loads(invites.path.read_text()).values()] == ["new"]


@pytest.mark.parametrize("link", ["", "x", "ä" * 22, "A" * 22, "A" * 5000, "!!!!", "https://h/#AAAA"])
def test_a_wrong_link_is_unknown(invites, link):
    with pytest.raises(UnknownLink):
        invites.find(link)


def test_a_token_is_for_one_room_and_expires_with_the_meeting(tmp_path):
    tokens = Tokens(HubKeys.of(tmp_path), now=lambda: datetime.now(UTC))
    grant = Grant("atrium", "ada", "Ada")
    assert tokens.check(tokens.mint(grant, expires=datetime.now(UTC) + HOUR)) == grant
    stranger = Tokens(HubKeys.of(tmp_path / "other"), now=lambda: datetime.now(UTC))
    with pytest.raises(BadToken, match="not one of"):
        tokens.check(stranger.mint(grant, expires=datetime.now(UTC) + HOUR))
    past = Tokens(tokens.keys, now=lambda: datetime.now(UTC))
    expired = api.AccessToken(past.keys.key, past.keys.secret).with_identity("ada").with_ttl(-HOUR)
    old = expired.with_grants(api.VideoGrants(room_join=True, room="atrium")).to_jwt()
    with pytest.raises(BadToken, match="expired"):
        tokens.check(old)


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * 10_000, "eyJhbGciOiJub25lIn0.e30."])
def test_a_token_without_sense_is_refused(tmp_path, token):
    with pytest.raises(BadToken):
        Tokens(HubKeys.of(tmp_path), now=lambda: NOW).check(token)


async def exchange(hub, link, name="Ada", **headers):
    async with hub.web.post(f"{hub.url}/api/exchange", json={"link": link, "name": name}, headers=headers) as answer:
        return answer.status, await answer.json()


def soon(hub):
    now = datetime.now(UTC)
    return hub.invites.invite("atrium", "Weekly", now - HOUR, now + HOUR)


async def test_a_link_is_exchanged_for_what_a_client_needs(hub, enter):
    status, ticket = await exchange(hub, soon(hub), "Ada\u202e Lovelace" + "x" * 90)
    assert status == 200
    assert ticket["url"] == hub.url.replace("http", "ws")
    assert (ticket["room"], ticket["title"]) == ("atrium", "Weekly")
    async with hub.web.get(f"{hub.url}/rtc/validate?access_token={ticket['token']}") as answer:
        assert (answer.status, await answer.text()) == (200, "success")


async def test_every_exchange_makes_another_person(hub):
    link = soon(hub)
    tokens = Tokens(HubKeys.of(hub.state_dir), now=lambda: datetime.now(UTC))
    people = {tokens.check((await exchange(hub, link))[1]["token"]).identity for _ in range(3)}
    assert len(people) == 3


async def test_an_unknown_link_gets_a_sentence(hub):
    status, answer = await exchange(hub, "A" * 22)
    assert status == 404
    assert answer["error"].endswith("new one.")


async def test_a_link_tried_too_early_is_told_apart_from_a_wrong_one(hub):
    now = datetime.now(UTC)
    status, answer = await exchange(hub, hub.invites.invite("atrium", "Weekly", now + HOUR, now + 2 * HOUR))
    assert (status, "not begun" in answer["error"]) == (425, True)


async def test_a_spoiled_file_of_links_is_said_without_a_traceback(hub):
    hub.invites.path.write_text("[]")
    status, answer = await exchange(hub, "A" * 22)
    assert (status, "lost" in answer["error"]) == (503, True)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b"[" * 4000, b'{"link": 5, "name": {}}'])
async def test_a_request_without_sense_is_refused_in_words(hub, body):
    async with hub.web.post(f"{hub.url}/api/exchange", data=body) as answer:
        assert answer.status in {400, 404}
        assert (await answer.json())["error"]


async def test_a_long_request_is_refused(hub):
    async with hub.web.post(f"{hub.url}/api/exchange", data=b"x" * 10_000) as answer:
        assert answer.status == 413


async def test_guessing_links_is_slowed_down(hub):
    answers = [(await exchange(hub, "A" * 22))[0] for _ in range(30)]
    assert answers[:20] == [404] * 20
    assert 429 in answers
    assert (await hub.health())["refused"]["rate"] >= 1


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://[", "http://127.0.0.1:1"])
async def test_another_site_cannot_use_the_hub(hub, origin):
    url = f"{hub.url}/rtc?access_token={hub.token('eve')}"
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await hub.web.ws_connect(url, headers={"Origin": origin})
    assert refused.value.status == 403
    assert (await exchange(hub, soon(hub), Origin=origin))[0] == 403


async def test_the_hubs_own_page_can(hub):
    url = f"{hub.url}/rtc?access_token={hub.token('ada')}"
    socket = await hub.web.ws_connect(url, headers={"Origin": hub.url})
    assert (await socket.receive(5)).type == aiohttp.WSMsgType.BINARY
    await socket.close()


async def test_a_bad_token_is_refused_with_its_reason(hub):
    for path in ("rtc", "rtc/validate"):
        async with hub.web.get(f"{hub.url}/{path}?access_token=nonsense") as answer:
            assert answer.status == 401
            assert "not one of this hub's" in await answer.text()
    assert (await hub.health())["refused"]["token"] == 2


@pytest.mark.parametrize("path", ["rtc/v1", "rtc/v1/validate"])
async def test_the_newer_path_does_not_exist_so_that_clients_fall_back(hub, path):
    async with hub.web.get(f"{hub.url}/{path}?access_token={hub.token('ada')}") as answer:
        assert answer.status == 404


async def test_a_taken_port_is_said_in_words(hub, tmp_path):
    port = int(hub.url.rpartition(":")[2])
    with pytest.raises(PortTaken, match=f"port {port} on 127.0.0.1.*another port"):
        await run_hub(HubSettings(port=port), state_dir=tmp_path)


async def test_any_address_but_loopback_is_served_by_https_with_the_hubs_own_certificate(run, tmp_path):
    settings = HubSettings(address="0.0.0.0", port=0, public_host="localhost")
    async with run(settings, tmp_path) as hub:
        assert hub.url == "https://localhost"
        trust = ssl.create_default_context(cafile=tmp_path / "hub" / "cert.pem")
        assert mode(tmp_path / "hub" / "key.pem") == 0o600
        assert trust.cert_store_stats()["x509"] == 1


@pytest.mark.parametrize(
    ("told", "url"),
    [
        ({}, "http://127.0.0.1:7880"),
        ({"cert_file": "c.pem"}, "https://127.0.0.1:7880"),
        ({"address": "192.0.2.1"}, "https://192.0.2.1:7880"),
        ({"address": "192.0.2.1", "public_host": "room.example"}, "https://room.example"),
    ],
)
def test_a_guest_link_speaks_as_the_hub_does(told, url):
    assert base_url(HubSettings(**told)) == url
