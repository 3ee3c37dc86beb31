"""A calendar published on the web, fetched only when it changed. Its address is secret: whoever has it reads along."""

import asyncio
import base64
import http.client
import ssl
import threading
import time
from concurrent.futures import Future
from email.message import Message
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from appliance.calendars.chunks import LARGEST, check_whole
from appliance.calendars.errors import CalendarError
from appliance.calendars.fetched import Fetched, Version
from appliance.calendars.sources import web_address

STEP_TIMEOUT_S = 10.0
WHOLE_TIMEOUT_S = 45.0
_CHUNK = 64 * 1024
_LONGEST_TAG = 512
_REASONS = {
    401: "asks for a password; write it into the calendar's address or make a new secret address",
    403: "refuses to show the calendar; make a new secret address for it",
    404: "has no calendar at this address; check the calendar's link",
    410: "has no calendar at this address any more; make a new link",
    429: "says the room asks too often",
}


class Feed:
    """One published calendar."""

    def __init__(self, url: str, *, step_timeout_s: float = STEP_TIMEOUT_S, timeout_s: float = WHOLE_TIMEOUT_S) -> None:
        self._url, self._password = _taken_apart(url)
        self._step_timeout_s = step_timeout_s
        self._timeout_s = timeout_s
        self._answer: Future[Fetched | None] | None = None

    @property
    def name(self) -> str:
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.netloc}"

    async def fetch(self, known: Version | None) -> Fetched | None:
        if self._answer is not None and not self._answer.done():
            # a server that sends a byte a minute holds one thread of ours, never a second one
            raise CalendarError(f"{self.name} has still not finished an earlier answer.")
        answer: Future[Fetched | None] = Future()
        answer.set_running_or_notify_cancel()
        self._answer = answer
        # not a pool's thread: the room must be able to stop while a server dawdles
        threading.Thread(target=self._fetch, args=(answer, known), name="calendar feed", daemon=True).start()
        try:
            async with asyncio.timeout(self._timeout_s + self._step_timeout_s):
                return await asyncio.wrap_future(answer)
        except TimeoutError as err:
            raise self._too_slow() from err

    def _fetch(self, answer: "Future[Fetched | None]", known: Version | None) -> None:
        try:
            answer.set_result(self._get(known))
        except CalendarError as err:
            answer.set_exception(err)
        finally:
            if not answer.done():
                answer.set_exception(CalendarError(f"The calendar on {self.name} could not be fetched."))

    def _get(self, known: Version | None) -> Fetched | None:
        try:
            with _opener().open(self._request(known), timeout=self._step_timeout_s) as answer:
                data = self._body(answer)
                version = _version(answer.headers)
        except HTTPError as err:
            err.close()
            if err.code == http.client.NOT_MODIFIED:
                return None
            raise CalendarError(f"{self.name} {_reason(err.code)}.") from None
        except (OSError, http.client.HTTPException, ValueError) as err:
            raise self._failure(err) from None  # its own text may quote the address
        check_whole(data)
        return Fetched(data, version)

    def _request(self, known: Version | None) -> Request:
        request = Request(self._url, headers={"Accept": "text/calendar, */*;q=0.5", "User-Agent": "Salon"})  # noqa: S310 - http(s) only, see _taken_apart
        if self._password:
            # unredirected: no other server gets it
            request.add_unredirected_header("Authorization", self._password)
        if known and known.tag:
            request.add_header("If-None-Match", known.tag)
        if known and known.modified:
            request.add_header("If-Modified-Since", known.modified)
        return request

    def _body(self, answer: http.client.HTTPResponse) -> bytes:
        ends = time.monotonic() + self._timeout_s
        promised = answer.headers.get("Content-Length", "")
        data = bytearray()
        while chunk := answer.read1(_CHUNK):
            data += chunk
            if len(data) > LARGEST:
                break  # check_whole says so
            if time.monotonic() > ends:
                raise TimeoutError
        if promised.isdecimal() and len(data) < min(int(promised), LARGEST):
            raise http.client.IncompleteRead(b"")
        return bytes(data)

    def _failure(self, err: Exception) -> CalendarError:
        cause = err.reason if isinstance(err, URLError) else err
        match cause:
            case TimeoutError():
                return self._too_slow()
            case ssl.SSLCertVerificationError():
                return CalendarError(f"{self.name} shows a certificate the room cannot trust: {cause.verify_message}.")
            case http.client.IncompleteRead() | http.client.RemoteDisconnected() | ConnectionResetError():
                return CalendarError(f"{self.name} broke off while sending the calendar; it is tried again.")
            case OSError() if cause.strerror:
                return CalendarError(f"{self.name} cannot be reached ({cause.strerror}); check the network.")
        return CalendarError(f"{self.name} sent an answer that makes no sense; check the calendar's link.")

    def _too_slow(self) -> CalendarError:
        return CalendarError(f"{self.name} does not answer in time; it is tried again.")


class _Redirects(HTTPRedirectHandler):
    """Follows a few redirects, never from a protected address to an unprotected one."""

    max_redirections = 5

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> Request | None:
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise CalendarError(f"https://{req.host} sends the room to an unprotected address; use the new one itself.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]  # typeshed wants HTTPMessage


def _opener() -> OpenerDirector:
    # not build_opener(): that one also opens files and FTP, which a redirect could ask for
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        HTTPHandler(),
        HTTPSHandler(),
        UnknownHandler(),
        HTTPDefaultErrorHandler(),
        _Redirects(),
        HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _reason(code: int) -> str:
    if 300 <= code < 400:
        return "sends the room from one address to the next without end; check the calendar's link"
    if code >= 500:
        return f"has a problem of its own (error {code}); it is tried again"
    return _REASONS.get(code, f"refuses the calendar (error {code}); check the calendar's link")


def _version(headers: Message) -> Version | None:
    tag, modified = headers.get("ETag", "")[:_LONGEST_TAG], headers.get("Last-Modified", "")[:_LONGEST_TAG]
    return Version(tag, modified) if tag or modified else None


def _taken_apart(url: str) -> tuple[str, str]:
    """Split a feed's address into the address proper and the Authorization header its user and password make."""
    parts = web_address(url)
    login, _, place = parts.netloc.rpartition("@")
    password = "Basic " + base64.b64encode(unquote(login).encode()).decode() if login else ""
    return parts._replace(netloc=place, fragment="").geturl(), password
