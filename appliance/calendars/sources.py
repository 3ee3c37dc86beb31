"""Where a room's calendar comes from, named by a URI: `file:/path.ics`, `https://…`, `webcal://…`.

A further kind of calendar (CalDAV, Google, Microsoft 365) is one row in `SOURCES`.
"""

import asyncio
import os
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from appliance.calendars.chunks import LARGEST, check_whole
from appliance.calendars.errors import CalendarError, UnknownCalendar
from appliance.calendars.fetched import Fetched, Version

FILE_TIMEOUT_S = 10.0


class CalendarSource(Protocol):
    """One place a calendar is read from."""

    @property
    def name(self) -> str:
        """What may be shown and logged: never a secret part of the address."""

    async def fetch(self, known: Version | None) -> Fetched | None:
        """Return the calendar, or None when it is still the known version. Raises `CalendarError`."""


class CalendarFile:
    """A calendar in a file, read again when the file has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        return str(self._path)

    async def fetch(self, known: Version | None) -> Fetched | None:
        try:
            # the file may lie on a network disk
            async with asyncio.timeout(FILE_TIMEOUT_S):
                return await asyncio.to_thread(self._read, known)
        except TimeoutError as err:
            raise CalendarError(f"The disk with the calendar {self._path} does not answer.") from err
        except FileNotFoundError as err:
            raise CalendarError(f"There is no calendar at {self._path}; check the calendar's setting.") from err
        except OSError as err:
            raise CalendarError(f"The calendar {self._path} cannot be read: {err.strerror or err}.") from err

    def _read(self, known: Version | None) -> Fetched | None:
        with open(self._path, "rb", opener=_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise CalendarError(f"{self._path} is not a file; the calendar's setting must name an .ics file.")
            version = Version(tag=f"{status.st_ino}-{status.st_size}-{status.st_mtime_ns}")
            if version == known:
                return None
            data = file.read(LARGEST + 1)
        check_whole(data)
        return Fetched(data, version)


def _without_waiting(path: str, flags: int) -> int:
    # somebody may have put a pipe there
    return os.open(path, flags | os.O_NONBLOCK)


def _file_path(uri: str) -> Path:
    parts = urlsplit(uri)
    if parts.netloc not in {"", "localhost"} or not parts.path:
        raise UnknownCalendar(f"The calendar {uri!r} names no file on this machine; write file:/path/to/calendar.ics.")
    return Path(unquote(parts.path) if uri.startswith("file://") else uri.removeprefix("file:"))


def _open_file(uri: str) -> CalendarSource:
    return CalendarFile(_file_path(uri))


def _open_feed(uri: str) -> CalendarSource:
    from appliance.calendars.feed import Feed  # noqa: PLC0415 - a room with a file never needs the web's megabyte

    # webcal is what calendar programs call a feed's address; it has always meant "fetch it over the web"
    return Feed("https:" + uri.partition(":")[2] if uri.lower().startswith("webcal") else uri)


SOURCES: Mapping[str, Callable[[str], CalendarSource]] = {
    "file": _open_file,
    "http": _open_feed,
    "https": _open_feed,
    "webcal": _open_feed,
    "webcals": _open_feed,
}


def check_address(uri: str) -> str:
    """Return the scheme of a calendar's address, or raise `UnknownCalendar`; opens nothing."""
    scheme, colon, _ = uri.partition(":")
    if not colon or scheme.lower() not in SOURCES:
        known = ", ".join(f"{name}:" for name in SOURCES)
        # without a colon it may be anything, a secret too
        given = f", not with {scheme[:20]}:" * bool(colon)
        raise UnknownCalendar(f"A calendar's address begins with one of {known}{given}.")
    if scheme.lower() == "file":
        _file_path(uri)
    else:
        web_address(uri)
    return scheme.lower()


def web_address(url: str) -> SplitResult:
    """Take a feed's address apart, or raise `UnknownCalendar`."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or re.search(r"[\x00-\x20\x7f-\U0010ffff]", url):
        # not quoted here: it is secret
        raise UnknownCalendar("The calendar's web address is not a valid one; copy it again from the calendar.")
    return parts


def open_source(uri: str) -> CalendarSource:
    """Return the source a URI names, or raise `UnknownCalendar`."""
    return SOURCES[check_address(uri)](uri)
