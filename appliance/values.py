"""What the values of settings must be, beyond their type: each check raises a `ValueError` in words for people.

Nothing heavy is loaded: the packages of a driver, a calendar or a broker are asked for names only.
"""

import difflib
import re
from datetime import time
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


class BadValue(SalonError, ValueError):
    """A value that cannot be used, and what one looks like."""


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


def cec(word: str) -> None:
    """How to reach the TV by HDMI-CEC."""
    if word not in {"auto", "off"} and not word.startswith("/dev/"):
        raise BadValue(f"{word!r} must be auto, off or a device such as /dev/cec0")


def clock_time(text: str) -> None:
    """A time of day."""
    try:
        time.fromisoformat(text)
    except ValueError as err:
        raise BadValue(f"{text!r} is no time of day; write it like 22:00") from err


def device_watch(uri: str) -> None:
    """Where devices that come and go are seen."""
    source(uri)


def screen(uri: str) -> None:
    """A screen's URI."""
    ScreenUri.parse(uri)


def broker(url: str) -> None:
    """A broker's address."""
    broker_address(url)


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
        raise BadValue(f"{file} cannot be read ({err.strerror}); it must be readable by who runs the room") from err
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
