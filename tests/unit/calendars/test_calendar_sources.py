"""Calendars from files and from a real web server that behaves well, badly, and maliciously."""

import contextlib
import os
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.request import Request

import pytest

from appliance.calendars.chunks import LARGEST
from appliance.calendars.errors import CalendarError, UnknownCalendar
from appliance.calendars.feed import Feed, _Redirects
from appliance.calendars.sources import open_source

ICS = b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"
SECRET = "/private-0123456789abcdef/basic.ics"

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """A web server whose answer a test gives."""

    def __init__(self) -> None:
        self.requests: list[dict[str, str]] = []
        self.answer: Answer = self.calendar
        self.finished = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.requests.append({"path": self.path, **{k.lower(): v for k, v in self.headers.items()}})
                self.close_connection = True
                server.answer(self)

            def log_message(self, *args: object) -> None:
                pass

        self._httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._httpd.server_address[1]}"
        self._thread = threading.Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.finished.set()
        self._httpd.shutdown()
        self._httpd.server_close()
        self._thread.join()

    def calendar(self, request: BaseHTTPRequestHandler) -> None:
        if request.headers.get("If-None-Match") == '"v1"':
            request.send_response(304)
            request.end_headers()
            return
        send(request, 200, ICS, ETag='"v1"', Last_Modified="Mon, 23 Nov 2026 08:00:00 GMT")

    def feed(self, path: str = SECRET, **timeouts: float) -> Feed:
        return Feed(self.url + path, **timeouts)


def send(request: BaseHTTPRequestHandler, code: int, body: bytes, **headers: str) -> None:
    request.send_response(code)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "*")
    with Server() as running:
        yield running


async def failure(feed: Feed) -> str:
    with pytest.raises(CalendarError) as caught:
        await feed.fetch(None)
    # neither the message nor what led to it gives the secret away
    assert "private" not in str(caught.value) + repr(caught.value.__cause__)
    return str(caught.value).replace(feed.name, "FEED")


async def test_a_feed_is_fetched_once_and_then_only_asked_whether_it_changed(server: Server):
    feed = server.feed()
    fetched = await feed.fetch(None)
    assert fetched is not None
    assert fetched.data == ICS
    assert await feed.fetch(fetched.version) is None
    assert "if-none-match" not in server.requests[0]
    assert server.requests[1]["if-none-match"] == '"v1"'
    assert server.requests[1]["if-modified-since"] == "Mon, 23 Nov 2026 08:00:00 GMT"


async def test_a_feed_without_etag_is_fetched_every_time(server: Server):
    server.answer = lambda request: send(request, 200, ICS)
    fetched = await server.feed().fetch(None)
    assert fetched is not None
    assert fetched.version is None


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (401, "FEED asks for a password"),
        (403, "FEED refuses to show the calendar; make a new secret address"),
        (404, "FEED has no calendar at this address"),
        (410, "FEED has no calendar at this address any more"),
        (418, r"FEED refuses the calendar \(error 418\)"),
        (429, "FEED says the room asks too often"),
        (500, r"FEED has a problem of its own \(error 500\); it is tried again"),
        (503, "FEED has a problem of its own"),
    ],
)
async def test_a_refusal_is_said_in_words(server: Server, code: int, words: str):
    server.answer = lambda request: send(request, code, b"<h1>secret words of the server</h1>")
    assert re.match(words, await failure(server.feed()))


async def test_a_login_page_is_no_calendar(server: Server):
    server.answer = lambda request: send(request, 200, b"<html>Sign in</html>")
    assert "does not lead to a calendar" in await failure(server.feed())


async def test_a_truncated_calendar_is_not_taken_for_a_whole_one(server: Server):
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(ICS) + 100))
        request.end_headers()
        request.wfile.write(ICS)

    server.answer = answer
    assert await failure(server.feed()) == "FEED broke off while sending the calendar; it is tried again."


async def test_a_truncated_calendar_of_unknown_length_is_noticed_by_its_missing_end(server: Server):
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.wfile.write(ICS[:30])

    server.answer = answer
    assert await failure(server.feed()) == "The calendar arrived incomplete."


async def test_a_truncated_chunk_is_noticed(server: Server):
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        request.wfile.write(b"10\r\n" + ICS[:16] + b"\r\nffff\r\nBEGIN")

    server.answer = answer
    assert "broke off" in await failure(server.feed())


async def test_a_calendar_without_end_is_cut_off(server: Server):
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        with contextlib.suppress(OSError):
            while not server.finished.is_set():
                request.wfile.write(ICS * 4096)

    server.answer = answer
    assert "larger than 10 MB" in await failure(server.feed())


async def test_redirects_are_followed_a_few_times(server: Server):
    def answer(request: BaseHTTPRequestHandler) -> None:
        if request.path == "/new":
            server.calendar(request)
        else:
            send(request, 302, b"", Location="/new")

    server.answer = answer
    assert await server.feed().fetch(None) is not None


async def test_redirects_in_a_circle_end(server: Server):
    server.answer = lambda request: send(request, 302, b"", Location=request.path + "x")
    assert "from one address to the next without end" in await failure(server.feed())
    assert len(server.requests) <= 6


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,x"])
async def test_a_redirect_out_of_the_web_is_not_followed(server: Server, target: str):
    server.answer = lambda request: send(request, 302, b"", Location=target)
    await failure(server.feed())
    assert len(server.requests) == 1


def test_a_protected_feed_does_not_follow_to_an_unprotected_address():
    request = Request("https://calendar.example.org/private-1/basic.ics")
    with pytest.raises(CalendarError, match=r"https://calendar\.example\.org sends the room to an unprotected address"):
        _Redirects().redirect_request(request, None, 302, "", {}, "http://calendar.example.org/x")  # type: ignore[arg-type]  # never read


async def test_a_silent_server_is_given_up_and_never_takes_a_second_thread(server: Server):
    server.answer = lambda _: server.finished.wait(30) and None
    feed = server.feed(step_timeout_s=0.1)
    assert "does not answer in time" in await failure(feed)

    server.answer = lambda request: [
        request.wfile.write(b"HTTP/1.1 200 OK\r\n"),
        *(request.wfile.write(b"X") for _ in iter(lambda: server.finished.wait(0.02), True)),
    ]
    feed = server.feed(step_timeout_s=0.2, timeout_s=0.1)
    assert "does not answer in time" in await failure(feed)
    assert "has still not finished an earlier answer" in await failure(feed)


async def test_a_dripping_body_is_given_up(server: Server):
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        with contextlib.suppress(OSError):
            while not server.finished.wait(0.02):
                request.wfile.write(b"X")

    server.answer = answer
    assert "does not answer in time" in await failure(server.feed(step_timeout_s=5, timeout_s=0.2))


async def test_a_server_that_is_not_there_is_said_in_words(server: Server):
    with Server() as gone:
        url = gone.url
    assert await failure(Feed(url + SECRET)) == "FEED cannot be reached (Connection refused); check the network."


async def test_a_server_that_speaks_something_else_is_said_in_words(server: Server):
    server.answer = lambda request: request.wfile.write(b"220 mail.example.org ESMTP\r\n")
    assert "makes no sense" in await failure(server.feed())


async def test_a_password_in_the_address_is_sent_but_never_shown_or_passed_on(server: Server):
    with Server() as other:
        server.answer = lambda request: send(request, 302, b"", Location=other.url + "/x")
        feed = Feed(server.url.replace("//", "//ada:p%40ss@") + SECRET)
        assert await feed.fetch(None) is not None
        assert server.requests[0]["authorization"] == "Basic YWRhOnBAc3M="
        assert "authorization" not in other.requests[0]
        assert "ada" not in feed.name


@pytest.mark.parametrize(
    "uri", ["https://", "https://x:99999/", "https://a b/secret", "https://exämple.org/secret", "webcal:"]
)
def test_a_wrong_web_address_is_refused_without_quoting_it(uri: str):
    with pytest.raises(UnknownCalendar, match="not a valid one") as caught:
        open_source(uri)
    assert "secret" not in str(caught.value)


def test_webcal_means_https_and_a_feeds_name_keeps_its_secret():
    assert open_source("webcal://calendar.example.org" + SECRET).name == "https://calendar.example.org"


@pytest.mark.parametrize("uri", ["caldav://x/", "/plain/path.ics", "", "gopher:x"])
def test_an_unknown_scheme_names_the_known_ones(uri: str):
    with pytest.raises(UnknownCalendar, match="file:, http:, https:, webcal:"):
        open_source(uri)


async def test_a_file_is_read_again_only_when_it_changed(tmp_path: Path):
    path = tmp_path / "room one.ics"
    path.write_bytes(ICS)
    source = open_source(f"file:{path}")
    first = await source.fetch(None)
    assert first is not None
    assert await source.fetch(first.version) is None

    path.write_bytes(ICS.replace(b"2.0", b"2.0\r\nX-A:b"))
    second = await source.fetch(first.version)
    assert second is not None
    assert second.version != first.version
    assert (await open_source(path.as_uri()).fetch(None)) is not None


async def test_a_file_replaced_in_one_step_is_noticed(tmp_path: Path):
    path, new = tmp_path / "a.ics", tmp_path / "b.ics"
    path.write_bytes(ICS)
    source = open_source(f"file:{path}")
    first = await source.fetch(None)
    assert first is not None
    new.write_bytes(ICS)
    stat = path.stat()
    os.utime(new, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    new.replace(path)
    assert await source.fetch(first.version) is not None


async def test_what_is_no_readable_file_is_said_in_words(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "huge.ics").write_bytes(ICS + b" " * LARGEST)
    for name, words in {
        "missing": "There is no calendar at",
        "": "Is a directory",
        "pipe": "is not a file",
        "huge.ics": "larger than 10 MB",
    }.items():
        with pytest.raises(CalendarError, match=words):
            await open_source(f"file:{tmp_path / name}").fetch(None)


def test_a_file_on_another_machine_is_refused():
    with pytest.raises(UnknownCalendar, match="write file:/path"):
        open_source("file://server/share/room.ics")
