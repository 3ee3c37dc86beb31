"""The sections of console.toml: a frozen tree. What a key is by default stands in `console.toml` beside this file."""

import ipaddress
import os
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from appliance import values
from appliance.telemetry.protocol.address import broker_address
from appliance.tree import Between, File, Fits, Tree

SYSTEM_FILE = Path("/etc/salon/console.toml")
ENVIRONMENT = "SALON_CONSOLE_CONFIG"
Port = Annotated[int, Between(0, 65535)]
Days = Annotated[int, Between(1, 3660)]


def _database(url: str) -> None:
    if not url.startswith(("sqlite:/", "postgresql://", "postgres://")):
        raise values.BadValue("is sqlite:/path/fleet.db or postgresql://USER@HOST/NAME")
    if urlsplit(url).password:
        raise values.BadValue("must not hold a password: put it into ~/.pgpass of who runs the console")


def _page_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"} or parts.username:
        raise values.BadValue("must look like https://console.example.org")


def _rooms_broker(url: str) -> None:
    values.broker(url)
    if not broker_address(url).tls:
        raise values.BadValue("must look like mqtts://broker.example.org:8883")


def _issuer(url: str) -> None:
    if urlsplit(url).scheme != "https" or not urlsplit(url).hostname:
        raise values.BadValue("must look like https://login.example.org/realm")


def _address(text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError as err:
        raise values.BadValue(
            f"{text!r} is no IP address; write 127.0.0.1, or 0.0.0.0 for all of this machine's"
        ) from err


def _prefix(text: str) -> None:
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,36}", text):
        raise values.BadValue("is 1 to 36 of a-z, A-Z, 0-9, - and _")


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """[console]"""

    state: Annotated[str, Fits(values.folder)]
    """Folder for the database file, the certificate authority and the signing key. Mode 0700."""
    database: Annotated[str, Fits(_database, empty=True)]
    """sqlite:/path/fleet.db or postgresql://USER@HOST/NAME; empty for fleet.db in the state folder."""
    org: Annotated[str, Fits(values.organisation)]
    """The organisation in the topics: a-z, 0-9 and -."""
    public_url: Annotated[str, Fits(_page_url, empty=True)]
    """Where people and rooms reach the pages; empty takes [web]'s address."""


@dataclass(frozen=True, slots=True)
class MqttUser:
    """[mqtt.ingest] and [mqtt.control]: who the console is at the broker"""

    username: str
    password_file: Annotated[str, File(values.there)]
    cert_file: Annotated[str, File(values.there)]
    """A client certificate instead, PEM."""
    key_file: Annotated[str, File(values.there)]


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """[mqtt]"""

    url: Annotated[str, Fits(values.broker)]
    """mqtt://HOST:PORT or mqtts://…"""
    rooms_url: Annotated[str, Fits(_rooms_broker, empty=True)]
    """The broker as rooms reach it, told to them when they are enrolled; empty where none are."""
    ca_file: Annotated[str, File(values.there)]
    """Certificate authority of an mqtts:// broker; empty takes the system's."""
    ingest: MqttUser
    """Reads what rooms say and acknowledges it."""
    control: MqttUser
    """Tells rooms what to do."""


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """[ingest]"""

    most_unenrolled: Annotated[int, Between(0, 1_000_000)]
    """Rooms listed that nobody has enrolled; what further ones say is not taken."""
    records_a_day: Annotated[int, Between(5000, 10_000_000)]
    """Of each room; what it leaves of ten days it may send at once. Of what is more, few kinds are stored."""


@dataclass(frozen=True, slots=True)
class WebSettings:
    """[web]"""

    address: Annotated[str, Fits(_address)]
    """Where the pages are. Not loopback: needs a certificate, or a proxy that has one."""
    port: Port
    cert_file: Annotated[str, File(values.there)]
    key_file: Annotated[str, File(values.there)]
    behind_proxy: bool
    """A proxy on this machine speaks HTTPS for the console, and says whom it speaks for (X-Forwarded-…)."""
    session_h: Annotated[float, Between(0.25, 720)]
    """How long somebody stays logged in without doing anything."""
    requests_a_minute: Annotated[int, Between(600, 1_000_000)]
    """That one session or API token may make; more are told to wait."""


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """[broker]"""

    embedded: bool
    """Run a small broker beside the console: for trying it out, and for sites of up to 500 rooms."""
    address: str
    """Where it listens. Not loopback: needs password_file."""
    port: Port
    password_file: Annotated[str, File(values.there)]


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """[oidc]: logging in with an identity provider"""

    issuer: Annotated[str, Fits(_issuer, empty=True)]
    """Empty for passwords of the console's own alone."""
    client_id: str
    client_secret_file: Annotated[str, File(values.secret)]
    groups_claim: str
    """The claim that lists a person's groups."""
    viewers: tuple[Annotated[str, Fits(str.strip, "it-staff")], ...]
    """Groups that may look."""
    operators: tuple[Annotated[str, Fits(str.strip, "it-staff")], ...]
    admins: tuple[Annotated[str, Fits(str.strip, "it-staff")], ...]
    auditors: tuple[Annotated[str, Fits(str.strip, "it-staff")], ...]


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """[retention]: how long what rooms tell is kept, where a site does not say otherwise"""

    raw_days: Days
    """Measurements as they came."""
    five_minutes_days: Days
    """Their five-minute values."""
    hours_days: Days
    """Their hourly values."""
    events_days: Days
    """Events and meetings."""
    files_days: Days
    """Logs and screenshots."""


@dataclass(frozen=True, slots=True)
class HomeAssistantSettings:
    """[home_assistant]: rooms as its devices, by MQTT discovery"""

    enabled: bool
    """Announce all rooms to a Home Assistant at the rooms' broker."""
    prefix: Annotated[str, Fits(_prefix)]
    """The first part of its topics."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything."""

    console: ConsoleSettings
    mqtt: MqttSettings
    ingest: IngestSettings
    web: WebSettings
    broker: BrokerSettings
    oidc: OidcSettings
    retention: RetentionSettings
    home_assistant: HomeAssistantSettings

    @property
    def state_dir(self) -> Path:
        """Where what must survive is kept."""
        return Path(os.path.expandvars(self.console.state)).expanduser()

    @property
    def database_url(self) -> str:
        """Where everything rooms tell is stored."""
        return self.console.database or f"sqlite:{self.state_dir / 'fleet.db'}"

    @property
    def public_url(self) -> str:
        """Where people and rooms reach the pages, without a slash at the end."""
        scheme = "https" if self.web.cert_file else "http"
        host = f"[{self.web.address}]" if ":" in self.web.address else self.web.address
        return (self.console.public_url or f"{scheme}://{host}:{self.web.port}").rstrip("/")


def _defaults() -> str:
    return (files("fleet") / "console.toml").read_text(encoding="utf-8")


def _misfits(given: object) -> list[str]:
    return [*_halves(given), *_open(given), *_nobody(given)] if isinstance(given, dict) else []


def _open(given: dict[str, Any]) -> list[str]:
    """Say that passwords would go through the network for everybody to read."""
    web = given.get("web", {})
    address = web.get("address", "") if isinstance(web, dict) else ""
    if not address or web.get("cert_file") or web.get("behind_proxy") or _loopback(address):
        return []
    remedy = "set web.cert_file and web.key_file, or have a proxy on this machine speak HTTPS (web.behind_proxy)"
    return [f"web.address {address} is for others to reach, and passwords would go there unencrypted: {remedy}"]


def _loopback(address: object) -> bool:
    try:
        return ipaddress.ip_address(str(address)).is_loopback
    except ValueError:
        return True  # which is another mistake


def _nobody(given: dict[str, Any]) -> list[str]:
    oidc = given.get("oidc", {})
    if not isinstance(oidc, dict) or not oidc.get("issuer") or oidc.get("client_id"):
        return []
    return ["oidc.client_id is empty: it is the console's name at the sign-in service that oidc.issuer names"]


def _halves(given: dict[str, object], where: str = "") -> list[str]:
    """Say which certificates have no key, or the other way round."""
    found = []
    for name, section in given.items():
        if isinstance(section, dict):
            found += _halves(section, f"{where}{name}.")
            if bool(section.get("cert_file")) != bool(section.get("key_file")):
                found.append(
                    f"{where}{name}.cert_file and {where}{name}.key_file belong together; set both, or neither"
                )
    return found


CONSOLE = Tree(Settings, _defaults, _misfits)


def load(path: Path | None = None, *, look: bool = False) -> Settings:
    """Read the file given, else $SALON_CONSOLE_CONFIG, else /etc/salon/console.toml if it exists, over the defaults."""
    chosen = chosen_file(path)
    return CONSOLE.read(chosen, look=look) if chosen else parse("", where="the defaults")


def parse(text: str, *, where: str, look: bool = False) -> Settings:
    """Read the text of a console.toml over the defaults."""
    return CONSOLE.parse(text, where=where, look=look)


def chosen_file(path: Path | None = None) -> Path | None:
    """Return which file is read; None when there is none."""
    if path or os.environ.get(ENVIRONMENT):
        return path or Path(os.environ[ENVIRONMENT])
    return SYSTEM_FILE if SYSTEM_FILE.exists() else None
