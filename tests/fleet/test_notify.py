"""Notices reach real servers, are tried again, survive dead processes, and no address is ever told."""

import asyncio
import logging
import re
import ssl
import threading

import pytest
from apprise.plugins.slack import NotifySlack
from fleet_builders import NOW
from mqtt_parts import certificate
from sinks import http_sink, smtp_sink

from fleet.control import rulebook
from fleet.control.lease import Lease, LeaseLost
from fleet.control.notify import GIVE_UP_MS, BadChannel, Letter, Outbox, post, retry_ms, scheme_of, together

SECRET = "s3cr3t-t0ken"
SECRET_24 = "TIiajkdnlazkcOXrIdevi7FQ"
"""As Slack and Teams have them."""
ME = Lease("control", "me")
FILES = (
    "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?template=/etc/passwd",
    "fcm://project/device/?keyfile=/etc/passwd",
)
"""They would read a file of the console's machine."""


async def put(database, channel, *titles):
    async with database.transaction() as tx:
        key = (await tx.fetch("SELECT key FROM channels WHERE id = $1", channel))[0]["key"]
        await tx.many(
            "INSERT INTO outbox (channel, title, body, made_at, next_at) VALUES ($1, $2, $3, $4, $5)",
            [(key, title, f"about {title}\nand more", NOW, NOW) for title in titles],
        )


async def send(database, second=0, by=post):
    now = NOW + second * 1000
    await ME.take(database, lambda: now)
    return await Outbox(database, ME, by).send_due(lambda: now)


async def waiting(database):
    return await database.fetch(
        "SELECT title, tries, next_at, sent_at, given_up_at, trouble FROM outbox WHERE sent_at IS NULL"
    )


async def test_a_notice_goes_by_mail(database):
    async with smtp_sink() as (port, mails):
        url = f"mailto://127.0.0.1:{port}?from=salon@example.org&to=eve@example.org"
        await rulebook.save_channel(database, "mail", "Mail", url)
        await put(database, "mail", "[ERROR] Blüe: offline")
        assert await send(database) == 1
        assert await send(database, 3600) == 0
    assert [mail["Subject"] for mail in mails] == ["[ERROR] Blüe: offline"]
    assert mails[0].get_body(("plain",)).get_content().splitlines() == ["about [ERROR] Blüe: offline", "and more"]


async def test_a_mail_that_is_turned_away_is_tried_again_later_and_arrives_once(database):
    async with smtp_sink(refuse=2) as (port, mails):
        url = f"mailto://127.0.0.1:{port}?from=salon@example.org&to=eve@example.org"
        await rulebook.save_channel(database, "mail", "Mail", url)
        await put(database, "mail", "one")
        assert await send(database) == 0
        row = (await waiting(database))[0]
        assert (row["tries"], row["next_at"]) == (1, NOW + 30_000)
        assert row["trouble"].startswith("It was not taken")
        assert await send(database, 29) == 0
        assert (await waiting(database))[0]["tries"] == 1
        assert await send(database, 30) == 0
        assert await send(database, 30 + 60) == 1
    assert len(mails) == 1


@pytest.mark.parametrize("shape", ["json://127.0.0.1:{port}/hook", "mmost://127.0.0.1:{port}/aaaaaaaaaaaaaaaaaaaaaaaa"])
async def test_a_notice_goes_to_webhooks_and_chats(database, shape):
    async with http_sink(statuses=[503]) as (port, requests):
        await rulebook.save_channel(database, "hook", "Hook", shape.format(port=port))
        await put(database, "hook", "one")
        assert await send(database) == 0
        assert await send(database, 30) == 1
    assert len(requests) == 2
    assert "about one" in str(requests[1])


async def test_a_notice_goes_to_slack(database, monkeypatch):
    """By the plug-in as it is, but for the host: Slack's own is the only one it knows."""
    async with http_sink() as (port, requests):
        monkeypatch.setattr(NotifySlack, "webhook_url", f"http://127.0.0.1:{port}/services")
        await rulebook.save_channel(database, "slack", "Slack", f"slack://T1JJ3T3L2/A1BRTD4JD/{SECRET_24}/#rooms")
        await put(database, "slack", "[ERROR] Blüe: offline")
        assert await send(database) == 1
    ((path, said),) = requests
    assert path == f"/services/T1JJ3T3L2/A1BRTD4JD/{SECRET_24}"
    (shown,) = said["attachments"]
    assert said["channel"] == "#rooms"
    assert shown["title"] == "[ERROR] Blüe: offline"
    assert shown["text"].splitlines() == ["about [ERROR] Blüe: offline", "and more"]


async def test_a_notice_goes_to_teams(database, monkeypatch, tmp_path):
    """Where Teams takes them today: a workflow's address, by HTTPS."""
    certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "cert.pem"))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    async with http_sink(statuses=[202], tls=tls) as (port, requests):
        await rulebook.save_channel(database, "teams", "Teams", f"workflows://127.0.0.1:{port}/a1b2c3/{SECRET_24}")
        await put(database, "teams", "[ERROR] Blüe: offline")
        assert await send(database) == 1
    ((path, said),) = requests
    assert path.startswith("/workflows/a1b2c3/triggers/manual/paths/invoke?")
    assert SECRET_24 in path
    (card,) = said["attachments"]
    texts = [part["text"] for part in card["content"]["body"] if part["type"] == "TextBlock"]
    assert texts[0] == "[ERROR] Blüe: offline"
    assert texts[1].splitlines() == ["about [ERROR] Blüe: offline", "and more"]


CALLS_ALL = "<!channel> @here @everyone <http://evil.example|your bank> [your bank](http://evil.example)"


async def test_a_room_whose_name_is_a_command_calls_nobody_in_slack(database, monkeypatch):
    async with http_sink() as (port, requests):
        monkeypatch.setattr(NotifySlack, "webhook_url", f"http://127.0.0.1:{port}/services")
        await rulebook.save_channel(database, "slack", "Slack", f"slack://T1JJ3T3L2/A1BRTD4JD/{SECRET_24}/#rooms")
        await put(database, "slack", CALLS_ALL)
        assert await send(database) == 1
    (shown,) = requests[0][1]["attachments"]
    for text in (shown["title"], shown["text"]):
        assert "‹!channel›" in text
        assert not set("<>") & set(text)
        assert not re.search(r"@\w|\]\(", text)


async def test_a_room_whose_name_is_a_command_calls_nobody_in_a_chat(database):
    async with http_sink() as (port, requests):
        await rulebook.save_channel(database, "chat", "Chat", f"mmost://127.0.0.1:{port}/aaaaaaaaaaaaaaaaaaaaaaaa")
        await put(database, "chat", CALLS_ALL)
        assert await send(database) == 1
    text = requests[0][1]["text"]
    assert "your bank" in text
    assert not re.search(r"@\w|\]\(|<", text)


async def test_programs_get_every_name_as_it_is(database):
    async with http_sink() as (port, requests):
        await rulebook.save_channel(database, "hook", "Hook", f"json://127.0.0.1:{port}/")
        await put(database, "hook", CALLS_ALL)
        assert await send(database) == 1
    assert requests[0][1]["title"] == CALLS_ALL


async def test_a_title_adds_no_header_and_no_mark_up_to_a_mail(database):
    async with smtp_sink() as (port, mails):
        url = f"mailto://127.0.0.1:{port}?from=salon@example.org&to=eve@example.org"
        await rulebook.save_channel(database, "mail", "Mail", url)
        await put(database, "mail", "one\r\nBcc: mallory@example.org\r\n\r\n<img src=x onerror=alert(1)>")
        assert await send(database) == 1
    (mail,) = mails
    assert mail["Bcc"] is None
    assert mail["To"] == "eve@example.org"
    assert [part.get_content_type() for part in mail.walk() if not part.is_multipart()] == ["text/plain"]


async def test_a_bad_day_is_one_message(database):
    async with http_sink() as (port, requests):
        await rulebook.save_channel(database, "hook", "Hook", f"json://127.0.0.1:{port}/")
        await put(database, "hook", *(f"room {n}" for n in range(9)))
        assert await send(database) == 9
    assert len(requests) == 1
    assert requests[0][1]["title"] == "9 notices: room 0 and others"
    assert all(f"about room {n}" in requests[0][1]["message"] for n in range(9))


async def test_a_fleet_that_is_lost_at_once_is_one_message_that_names_the_first(database):
    letters = []
    await rulebook.save_channel(database, "hook", "Hook", "json://127.0.0.1:9/")
    await put(database, "hook", *(f"room {n}" for n in range(1200)))
    assert await send(database, by=lambda _url, letter: letters.append(letter) is None) == 1200
    assert [letter.title for letter in letters] == ["1200 notices: room 0 and others"]
    assert letters[0].body.count("about room") == 50
    assert letters[0].body.endswith("And 1150 more: see the console's page of alerts.")


async def test_nobody_hears_of_an_end_before_its_beginning(database):
    taken, works = [], []
    await rulebook.save_channel(database, "hook", "Hook", "json://127.0.0.1:9/")

    def by(_url, letter):
        return bool(works) and taken.append(letter.title) is None

    await put(database, "hook", "[ERROR] Blue")
    for second in (0, 30, 90, 210, 450, 930, 1890):
        assert await send(database, second, by=by) == 0
    # an hour later it works again, and there is news
    works.append(True)
    await put(database, "hook", "[OVER] Blue")
    assert await send(database, 3600, by=by) == 2
    assert taken == ["[ERROR] Blue", "[OVER] Blue"]


async def test_news_does_not_knock_at_a_dead_door_each_second(database):
    knocks = []
    await rulebook.save_channel(database, "hook", "Hook", "json://127.0.0.1:9/")
    for second in range(60):
        await put(database, "hook", f"room {second}")
        await send(database, second, by=lambda *_: bool(knocks.append(1)))
    assert len(knocks) == 2


async def test_a_channel_that_is_slow_holds_no_other_up(database):
    await rulebook.save_channel(database, "slow", "Slow", "json://127.0.0.1:9/slow")
    await rulebook.save_channel(database, "quick", "Quick", "json://127.0.0.1:9/quick")
    await ME.take(database, lambda: NOW)
    loop, release, told = asyncio.get_running_loop(), threading.Event(), asyncio.Queue()

    def by(url, letter):
        if url.endswith("slow"):
            return release.wait(30)
        loop.call_soon_threadsafe(told.put_nowait, letter.title)
        return True

    await put(database, "slow", "one")
    running = asyncio.create_task(Outbox(database, ME, by).run(lambda: NOW))
    for title in ("two", "three"):
        await put(database, "quick", title)
        assert await told.get() == title
    release.set()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_channel_that_is_switched_off_is_told_nothing_but_a_test(database):
    await rulebook.save_channel(database, "hook", "Hook", "json://127.0.0.1:9/")
    await put(database, "hook", "one")
    async with database.transaction() as tx:
        await tx.execute("UPDATE outbox SET alert = 1")
    await rulebook.save_channel(database, "hook", "Hook", None, enabled=False)
    assert await send(database, by=lambda *_: pytest.fail("sent")) == 0
    await rulebook.send_test(database, "hook", NOW)
    assert await send(database, by=lambda *_: True) == 1
    await rulebook.save_channel(database, "hook", "Hook", None)
    assert await send(database, by=lambda *_: True) == 1


async def test_a_process_that_dies_while_sending_loses_nothing(database):
    await rulebook.save_channel(database, "hook", "Hook", "json://127.0.0.1:9/")
    await put(database, "hook", "one")
    began, never = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hangs(_url, _letter):
        loop.call_soon_threadsafe(began.set)
        asyncio.run_coroutine_threadsafe(never.wait(), loop).result()
        return True

    dying = asyncio.create_task(send(database, by=hangs))
    await began.wait()
    dying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dying
    never.set()
    taken = []
    # not at once: perhaps it did arrive
    assert await send(database, 29, by=lambda _url, letter: bool(taken.append(letter))) == 0
    assert await send(database, 31, by=lambda _url, letter: taken.append(letter) is None) == 1
    assert taken == [Letter("one", "about one\nand more")]


async def test_a_console_that_has_been_replaced_sends_nothing(database):
    await rulebook.save_channel(database, "hook", "Hook", "json://127.0.0.1:9/")
    await put(database, "hook", "one")
    await Lease("control", "other").take(database, lambda: NOW)
    with pytest.raises(LeaseLost):
        await Outbox(database, ME, lambda *_: pytest.fail("sent")).send_due(lambda: NOW)


async def test_it_gives_up_after_a_day_and_says_so(database):
    await rulebook.save_channel(database, "hook", "Hook", "json://127.0.0.1:9/")
    await put(database, "hook", "one")
    assert await send(database, GIVE_UP_MS // 1000, by=lambda *_: False) == 0
    assert (await waiting(database))[0]["given_up_at"] == NOW + GIVE_UP_MS
    assert await send(database, GIVE_UP_MS // 1000 * 2, by=lambda *_: pytest.fail("sent")) == 0


async def test_an_address_is_neither_shown_nor_logged_nor_stored_with_a_failure(database, caplog):
    caplog.set_level(logging.DEBUG)

    def bursts(url, _letter):
        raise RuntimeError(f"cannot reach {url}")

    await rulebook.save_channel(database, "hook", "Hook", f"json://user:{SECRET}@127.0.0.1:9/{SECRET}")
    await put(database, "hook", "one")
    await send(database)
    await send(database, 600, by=bursts)
    assert "RuntimeError" in (await waiting(database))[0]["trouble"]
    shown = f"{await rulebook.channels(database)} {[dict(row) for row in await waiting(database)]} {caplog.text}"
    assert SECRET not in shown
    assert "scheme='json'" in shown


async def test_an_address_is_not_logged_when_it_works_either(database, caplog):
    caplog.set_level(logging.DEBUG)
    async with http_sink() as (port, requests):
        await rulebook.save_channel(database, "hook", "Hook", f"json://127.0.0.1:{port}/{SECRET}")
        await put(database, "hook", "one")
        assert await send(database) == 1
    assert requests[0][0] == f"/{SECRET}"
    assert SECRET not in caplog.text


async def test_a_channel_keeps_its_address_when_its_name_is_changed(database):
    await rulebook.save_channel(database, "hook", "Hook", "json://127.0.0.1:9/")
    await rulebook.save_channel(database, "hook", "New", None, least="error")
    row = (await database.fetch("SELECT name, url, least FROM channels"))[0]
    assert (row["name"], row["url"], row["least"]) == ("New", "json://127.0.0.1:9/", "error")
    with pytest.raises(BadChannel, match="needs an address"):
        await rulebook.save_channel(database, "other", "Other", None)
    await rulebook.delete_channel(database, "hook")
    assert await rulebook.channels(database) == []


@pytest.mark.parametrize("url", ["", "nope", f"nope://{SECRET}", "syslog://x", "slack://x", "windows://", *FILES])
def test_an_address_that_is_none_is_refused_without_repeating_it(url):
    with pytest.raises(BadChannel) as err:
        scheme_of(url)
    assert SECRET not in str(err.value)


def test_waiting_grows_up_to_an_hour():
    assert [retry_ms(tries) // 1000 for tries in (1, 2, 3, 8, 9, 99)] == [30, 60, 120, 3600, 3600, 3600]


def test_one_letter_stays_as_it_is():
    assert together([Letter("a", "b")]) == Letter("a", "b")
