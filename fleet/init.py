"""`salon console init`: makes what a console needs, once: its authority, its broker's configuration, its settings.

What is there is kept, so that it may be run again: after a change of names, or when mosquitto has become newer.
"""

import os
import pwd
import re
import shutil
import stat
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from appliance.errors import SalonError
from appliance.files import as_owner_of
from appliance.telemetry.protocol.address import broker_address
from appliance.tree import BadSettings
from fleet.certificates import FOLDER, Authority, make_authority
from fleet.mosquitto import CONTROL, HOME, INGEST, REVOKED_LIST, Site, prepare, version_in
from fleet.settings import CONSOLE, SYSTEM_FILE, Settings, load, parse

BROKER = Path("/var/lib/salon-mosquitto")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}|[0-9A-Fa-f:.]{2,45}")
_USER = "salon-console"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class InitTrouble(SalonError, ValueError):
    """The console cannot be set up like this; says why and what would help."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for."""

    config: Path
    """The console's settings; written where there are none yet, or none about the broker."""
    hosts: tuple[str, ...] = ()
    """By what rooms call the broker."""
    port: int = 8883
    console_port: int = 1883
    org: str = ""
    state: str = ""
    broker: Path = BROKER


@dataclass(frozen=True, slots=True)
class Made:
    """What there is now."""

    settings: Settings
    config: Path
    broker: Path | None
    """mosquitto's configuration; None with the embedded broker."""
    missing: str
    """What has to be put into the settings by hand; empty where nothing has."""


def make_console(wish: Wish, now: datetime) -> Made:
    """Make what is not there yet."""
    settings = _settings(wish)
    state, site = settings.state_dir, None if settings.broker.embedded else site_of(settings, wish)
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        _give(state)
        with as_owner_of(state):
            authority = make_authority(state / FOLDER, settings.console.org, now)
        if site is None:
            return Made(settings, wish.config, None, _kept(wish, settings, _first_lines(settings)))
        conf = _mosquitto(wish.broker, site, authority, now)
        return Made(settings, wish.config, conf, _kept(wish, settings, _first_lines(settings) + _lines(site, state)))
    except OSError as err:
        where = err.filename or state
        raise InitTrouble(f"{where} cannot be written ({err.strerror}); run this with sudo.") from err


def site_of(settings: Settings, wish: Wish) -> Site:
    """Return where the broker is: as asked for, else as the settings have it."""
    mqtt = settings.mqtt
    hosts, port, console_port = wish.hosts, wish.port, wish.console_port
    if mqtt.rooms_url:
        told = broker_address(mqtt.rooms_url)
        hosts, port = (told.host, *(host for host in hosts if host != told.host)), told.port
        console_port = broker_address(mqtt.url).port
        if broker_address(mqtt.url).host not in _LOOPBACK:
            raise InitTrouble(
                f"[mqtt] url names the broker {mqtt.url}, which is not on this machine: who runs it sets it up."
            )
    if not hosts:
        raise InitTrouble(
            "By what name or address do rooms reach the broker on this machine? "
            "Say it like this: salon console init --host rooms.example.org"
        )
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise InitTrouble(f"--host {host!r} is no name or address of a machine.")
    home = settings.home_assistant
    return Site(settings.console.org, hosts, port, console_port, home_assistant=home.prefix if home.enabled else "")


def next_steps(made: Made) -> Iterator[str]:
    """Yield what is left to do, in words."""
    settings, config = made.settings, made.config
    yield f"The console of {settings.console.org} is set up: its keys are in {settings.state_dir / FOLDER}."
    if made.missing:
        yield f"\nPut this into {config}, in place of what it says of it:\n\n{made.missing}"
    yield "\nWhat comes next:"
    for number, step in enumerate(_steps(made), 1):
        yield f"{number}. {step}"


def _steps(made: Made) -> Iterator[str]:
    web = made.settings.web
    usual = made.config == SYSTEM_FILE
    # the unit reads the usual file
    named = "" if usual else f" --config {made.config.absolute()}"
    if made.broker is not None:
        yield f"Give mosquitto its configuration: sudo ln -sf {made.broker} /etc/mosquitto/mosquitto.conf"
        yield "Start it with that: sudo systemctl restart mosquitto"
        yield (
            "Have rooms that you take out shut out at once: sudo systemctl enable --now salon-revoked.path "
            f"(it watches {BROKER / REVOKED_LIST})"
        )
        if made.settings.home_assistant.enabled:
            password = made.settings.state_dir / FOLDER / f"{HOME}.password"
            yield f"Home Assistant on this machine comes in as the user {HOME}; its password is in {password}"
    if web.address in _LOOPBACK and not web.behind_proxy:
        yield (
            f"The pages listen on this machine alone. For people and rooms elsewhere they need HTTPS: in "
            f"{made.config}, [web] address, cert_file and key_file, or behind_proxy; and [console] public_url"
        )
    yield "Start the console: " + ("sudo systemctl enable --now salon-console" if usual else f"salon console{named}")
    yield (
        "Become its first admin, with the link that this prints: "
        + ("sudo -u salon-console salon console admin-link" if usual else f"salon console admin-link{named}")
    )
    if made.broker is None:
        yield (
            "Rooms on this machine may use the embedded broker as it is. It is for trying things out: rooms elsewhere "
            "can report to it, but cannot be enrolled and take no orders; for these, use mosquitto"
        )
    else:
        yield "Make a code for each room on the page Add rooms"
    yield (
        f"Keep a back-up, elsewhere: {'sudo ' * usual}salon console backup{named} FILE. "
        f"Whoever has {FOLDER}/ commands every room"
    )


def _settings(wish: Wish) -> Settings:
    if wish.config.exists():
        return load(wish.config)
    given = {"org": wish.org, "state": wish.state}
    lines = [f"{key} = {_text(value)}" for key, value in given.items() if value]
    try:
        return parse("\n".join(["[console]", *lines]), where="what is asked for")
    except BadSettings as err:
        raise InitTrouble("; ".join(err.mistakes) or str(err)) from err


def _mosquitto(folder: Path, site: Site, authority: Authority, now: datetime) -> Path:
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    # without arguments it would start; -h ends with a status that says nothing
    said = subprocess.run([program, "-h"], check=False, capture_output=True, text=True).stdout if program else ""
    return prepare(folder, site, authority, version=version_in(said), now=now)


def _first_lines(settings: Settings) -> str:
    return f"[console]\norg = {_text(settings.console.org)}\nstate = {_text(str(settings.state_dir))}\n"


def _lines(site: Site, state: Path) -> str:
    users = "".join(_user_lines(part, user, state) for part, user in (("ingest", INGEST), ("control", CONTROL)))
    url = f"mqtt://127.0.0.1:{site.console_port}"
    return f"\n[mqtt]\nurl = {_text(url)}\nrooms_url = {_text(site.url)}\n{users}"


def _user_lines(part: str, user: str, state: Path) -> str:
    password = _text(str(state / FOLDER / f"{user}.password"))
    return f"\n[mqtt.{part}]\nusername = {_text(user)}\npassword_file = {password}\n"


def _kept(wish: Wish, settings: Settings, wanted: str) -> str:
    """Put the settings into the file, and return those that somebody has to."""
    if not wish.config.exists():
        _write(wish.config, wanted)
        return ""
    if parse(wanted, where="init").mqtt == settings.mqtt or settings.broker.embedded:
        return ""
    text = wish.config.read_text(encoding="utf-8")
    about_broker = wanted[wanted.index("\n[mqtt]") :]
    if "mqtt" in tomllib.loads(text):
        return about_broker
    CONSOLE.parse(text + about_broker, where=str(wish.config))
    _write(wish.config, text.rstrip("\n") + "\n" + about_broker)
    return ""


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.new")
    scratch.write_text(text, encoding="utf-8")
    scratch.chmod(path.stat().st_mode if path.exists() else 0o644)
    scratch.replace(path)


def _give(folder: Path) -> None:
    """Hand what root has made to the console's own user; else it could not read its keys."""
    if os.geteuid() != 0:
        return
    try:
        user = pwd.getpwnam(_USER)
    except KeyError:
        return
    os.chown(folder, user.pw_uid, user.pw_gid, follow_symlinks=False)
    # a database that was just restored, for one; by descriptors, since whoever owns the folder may move things about
    for _, folders, found, within in os.fwalk(folder):
        for name in (*folders, *found):
            about = os.stat(name, dir_fd=within, follow_symlinks=False)
            if about.st_uid == 0 and (stat.S_ISDIR(about.st_mode) or about.st_nlink == 1):
                os.chown(name, user.pw_uid, user.pw_gid, dir_fd=within, follow_symlinks=False)


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
