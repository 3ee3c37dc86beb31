"""What the values of settings must be, beyond their type: each check raises a `ValueError` in words for people.

Nothing heavy is loaded: the packages of a driver, a calendar or a broker are asked for names only.
"""

import difflib
import os
import re
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from appliance.calendars.sources import check_address
from appliance.errors import SalonError
from appliance.telemetry.protocol.address import broker_address
from appliance.telemetry.protocol.topics import Topics
from display.screens.uri import ScreenUri
from hardware import registry
from hardware.camera import heads
from hardware.gpio import wiring
from hardware.hotplug.sources import source

_HOST = re.compile(r"[^\s/@?#]+")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_CONNECTOR = re.compile(r"(card[0-9]+-)?[A-Za-z][A-Za-z-]*-[0-9-]+")
_LONGEST_NAME = 64
_LONGEST_PATH = 1024
_SUN_PATH = 107


class BadValue(SalonError, ValueError):
    """A value that cannot be used, and what one looks like."""


def room_name(name: str) -> None:
    """What people call the room."""
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise BadValue(f"must be a name of 1 to {_LONGEST_NAME} letters in one line, such as Blue room")


def folder(path: str) -> None:
    """A folder, by its whole path; ~ and $VARIABLES count."""
    whole = str(_expanded(os.path.expandvars(path)))
    if not whole.startswith("/") or "$" in whole or len(whole.encode()) > _LONGEST_PATH:
        raise BadValue(f"{path!r} must be a whole path, such as /var/lib/salon; ~ is the home folder")


def sockets_folder(path: str) -> None:
    """A folder for sockets, whose paths the system bounds (unix(7))."""
    folder(path)
    if len(os.fsencode(_expanded(os.path.expandvars(path)) / "control.sock")) > _SUN_PATH:
        raise BadValue("is too long a path for sockets; take a shorter one, such as /run/salon")


def file_name(path: str) -> None:
    """What may be the name of a file."""
    if len(os.fsencode(_expanded(path))) > _LONGEST_PATH:
        raise BadValue("is too long for a file's path")


def _expanded(path: str) -> Path:
    if "\0" in path:
        raise BadValue(f"{path!r} cannot be a path")
    try:
        return Path(path).expanduser()
    except RuntimeError as err:
        raise BadValue(f"{path!r} names the home folder of a user who is not there") from err


def time_zone(name: str) -> None:
    """A time zone's IANA name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as err:
        near = difflib.get_close_matches(name, available_timezones(), 1)
        hint = f"did you mean {near[0]}?" if near else "use a name such as Europe/Berlin"
        raise BadValue(f"{name!r} is no time zone; {hint}") from err


def calendar(address: str) -> None:
    """A calendar's address."""
    check_address(address)
    if address.startswith("file:"):
        file_name(address.removeprefix("file:"))
    else:
        _server(urlsplit(address).hostname or "")


def host(text: str) -> None:
    """A server's name, with or without a port."""
    if not _HOST.fullmatch(text):
        near = urlsplit(text).netloc.rpartition("@")[2]
        raise BadValue(f"must be a host only, such as {near or 'meet.example.org'}")


def camera(uri: str) -> None:
    """A camera's URI."""
    registry.check("camera", uri)


def capture(uri: str) -> None:
    """An HDMI input's URI."""
    registry.check("capture", uri)


def microphone(uri: str) -> None:
    """A microphone's URI."""
    registry.check("microphone", uri)


def speaker(uri: str) -> None:
    """A loudspeaker's URI."""
    registry.check("speaker", uri)


def head(uri: str) -> None:
    """A camera's head with motors."""
    heads.check(uri)


def wire(uri: str) -> None:
    """Where a wire goes, and how it is wired."""
    wiring.parse(uri)


def relay_name(name: str) -> None:
    """What people call something that is switched."""
    if not name.strip() or len(name) > 32 or not name.isprintable():
        raise BadValue("must be a short name, such as Lights")


def double_talk(word: str) -> None:
    """When to keep people audible while the far end talks."""
    if word not in {"auto", "on", "off"}:
        raise BadValue(f"{word!r} must be auto, on or off")


def screenshots(word: str) -> None:
    """What a console may see of the TV."""
    if word not in {"none", "interface", "picture"}:
        raise BadValue(f"{word!r} must be none, interface or picture")


def cec(word: str) -> None:
    """How to reach the TV by HDMI-CEC."""
    if word not in {"auto", "off"} and not word.startswith("/dev/"):
        raise BadValue(f"{word!r} must be auto, off or a device such as /dev/cec0")


def clock_time(text: str) -> None:
    """A time of day."""
    if not _CLOCK.fullmatch(text):
        raise BadValue(f"{text!r} is no time of day; write it like 22:00")


def device_watch(uri: str) -> None:
    """Where devices that come and go are seen."""
    source(uri)


def screen(uri: str) -> None:
    """A screen's URI."""
    ScreenUri.parse(uri)


def broker(url: str) -> None:
    """A broker's address."""
    _server(broker_address(url).host)


def _server(host: str) -> None:
    """Refuse a name that no network could look up (RFC 1035: parts of 1 to 63 letters)."""
    try:
        host.encode("idna")
    except UnicodeError as err:
        raise BadValue(f"{host[:60]!r} cannot be the name of a server; look whether a part of it is missing") from err


def connector(name: str) -> None:
    """The socket a TV is at."""
    if not _CONNECTOR.fullmatch(name):
        raise BadValue(f"{name[:60]!r} is no socket; write it like HDMI-A-1, as ls /sys/class/drm shows it")


def organisation(name: str) -> None:
    """A part of MQTT topics."""
    Topics(name, "room")


def livekit_url(url: str) -> None:
    """A LiveKit server's own address."""
    parts = urlsplit(url)
    if parts.scheme not in {"ws", "wss"} or not parts.hostname:
        raise BadValue(f"must look like wss://{parts.hostname or 'livekit.example.org'}")


def there(path: str) -> str:
    """A text file that can be read; returns what it holds."""
    file = Path(path).expanduser()
    try:
        return file.read_text()
    except FileNotFoundError as err:
        raise BadValue(f"there is no file {file}") from err
    except OSError as err:
        raise BadValue(f"{file} cannot be read ({err.strerror}); it must be readable by whoever runs this") from err
    except UnicodeDecodeError as err:
        raise BadValue(f"{file} is not a text file") from err


def present(path: str) -> None:
    """A file that another user may have to read, such as the hub's: it must be there."""
    file = Path(path).expanduser()
    try:
        file.stat()
    except FileNotFoundError as err:
        raise BadValue(f"there is no file {file}") from err
    except OSError:
        return  # in a folder that only that user may look into


def secret(path: str) -> str:
    """A file with a secret in its first line, that only its owner may read; returns the secret."""
    text = there(path)
    file = Path(path).expanduser()
    if file.stat().st_mode & 0o077:
        raise BadValue(f"{file} may be read by others; run: chmod 600 {file}")
    return text.partition("\n")[0].strip()


def calendar_file(path: str) -> None:
    """A secret file with a calendar's address."""
    check_address(secret(path))
