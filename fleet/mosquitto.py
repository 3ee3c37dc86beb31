"""Writes what mosquitto needs to be the broker of a fleet: rooms come in by certificate, each to its own topics.

One permission file serves both listeners: per-listener ones are deprecated since 2.1, where their plugin confuses them
(eclipse-mosquitto issue 3653). That is safe because the console's two users have a dot in their names, which no room's
id can have, and no certificate of ours holds anything but a room's id.
"""

import base64
import grp
import hashlib
import os
import pwd
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from appliance.errors import SalonError
from appliance.files import as_owner_of, replace_file
from appliance.telemetry.protocol.topics import UP, Topics
from fleet.certificates import Authority

INGEST, CONTROL = "console.ingest", "console.control"
"""The console's users: one reads what rooms say and acknowledges it, the other tells them what to do."""
HOME = "home.assistant"
"""A Home Assistant on this machine, which sees how rooms are. As with the others, no room's id can be the same."""
OLDEST = (2, 0)
_PLUGINS_FROM = (3, 0)
"""Until then the options that the plugins stand for are still there; 2.1 only warns of them."""
_MAX_PACKET = 262_144
_VERSION = re.compile(r"mosquitto version (\d+)\.(\d+)")
_ROUNDS = 20_000
_USER = "mosquitto"
"""And its group's name."""
_OWN = frozenset({"passwords", "permissions"})
"""What mosquitto wants to own itself: of somebody else's 2.0.16 warns, and later ones will refuse."""
REVOKED_LIST = "revoked/crl.pem"
"""Below mosquitto's folder, in one that the console writes: which certificates the broker is to refuse."""


class MosquittoTrouble(SalonError, ValueError):
    """A broker like this cannot be set up; says why."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where the broker is."""

    org: str
    hosts: tuple[str, ...]
    """The names and addresses rooms call it by; the first one is told to them."""
    port: int = 8883
    console_port: int = 1883
    """On this machine alone, for the console."""
    address: str = ""
    """Where it listens for rooms; empty for everywhere."""
    home_assistant: str = ""
    """The first part of a Home Assistant's topics; empty where there is none."""

    @property
    def url(self) -> str:
        """What rooms are told."""
        host = f"[{self.hosts[0]}]" if ":" in self.hosts[0] else self.hosts[0]
        return f"mqtts://{host}:{self.port}"


def version_in(text: str) -> tuple[int, int]:
    """Read the version out of what `mosquitto -h` says, or raise `MosquittoTrouble`."""
    found = _VERSION.search(text)
    if found is None:
        raise MosquittoTrouble(
            "There is no mosquitto here, or it does not say its version. Install it: sudo apt install mosquitto. "
            "To try a console out without one, write embedded = true below [broker] in its settings."
        )
    version = int(found[1]), int(found[2])
    if version < OLDEST:
        raise MosquittoTrouble(f"mosquitto {version[0]}.{version[1]} is too old; this needs 2.0 or newer.")
    return version


def permissions(org: str, home_assistant: str = "") -> str:
    """Return the permission file: what is not in it is forbidden."""
    Topics(org, "room")
    rooms = f"rooms/v1/{org}/+"
    # the control user clears what a room that has gone left behind
    left = "\n".join(f"topic write {rooms}/up/{leaf}" for leaf in ("state", "info", "reported"))
    # each by name: a room that could write to any would have the broker keep as much as it likes
    own = "\n".join(f"pattern write rooms/v1/{org}/%u/up/{leaf}" for leaf in UP)
    orders = "\n".join(f"topic write {rooms}/down/{leaf}" for leaf in ("desired", "jobs", "call"))
    return (
        f"user {INGEST}\ntopic read {rooms}/up/#\ntopic write {rooms}/down/ack\n\n"
        f"user {CONTROL}\n{orders}\n{left}\n\n{_at_home(org, home_assistant) if home_assistant else ''}"
        "# A room, by the name in its certificate. Its own state it hears too, to contradict an outdated last will.\n"
        f"{own}\n"
        f"pattern read rooms/v1/{org}/%u/up/state\n"
        f"pattern read rooms/v1/{org}/%u/down/#\n"
    )


def _at_home(org: str, prefix: str) -> str:
    """Let control announce rooms to a Home Assistant, and that one see them and say when it was born, no more."""
    return (
        f"user {CONTROL}\ntopic write {prefix}/device/#\ntopic read {prefix}/status\n\n"
        f"user {HOME}\ntopic read {prefix}/#\ntopic write {prefix}/status\ntopic read rooms/v1/{org}/+/up/#\n\n"
    )


def configuration(site: Site, folder: Path, version: tuple[int, int]) -> str:
    """Return mosquitto.conf."""
    listener = f"listener {site.port} {site.address}".rstrip()
    return f"""# Made by salon console init; a change here is lost the next time.
allow_anonymous false
{_doors(folder, version)}
max_packet_size {_MAX_PACKET}
# The console loses nothing when the broker forgets: rooms keep what is not acknowledged, and say the rest again.
persistence false
# Ten thousand rooms that come back at once are more messages than any number put here; max_packet_size bounds each.
max_queued_messages 0

# The console, on this machine alone.
listener {site.console_port} 127.0.0.1

# Rooms: a certificate of this console, whose name is the user.
{listener}
cafile {folder / "ca.pem"}
certfile {folder / "server.pem"}
keyfile {folder / "server.key"}
crlfile {folder / REVOKED_LIST}
tls_version tlsv1.2
require_certificate true
use_identity_as_username true
# else any room could take another's place, and throw it out, by calling itself like it
use_username_as_clientid true
"""


def _doors(folder: Path, version: tuple[int, int]) -> str:
    passwords, permitted = folder / "passwords", folder / "permissions"
    if version < _PLUGINS_FROM:
        return f"password_file {passwords}\nacl_file {permitted}"
    return (
        f"global_plugin mosquitto_password_file.so\nplugin_opt_password_file {passwords}\n"
        f"global_plugin mosquitto_acl_file.so\nplugin_opt_acl_file {permitted}"
    )


def prepare(folder: Path, site: Site, authority: Authority, *, version: tuple[int, int], now: datetime) -> Path:
    """Write all of it into a folder that mosquitto may read, and return its configuration file.

    The console's passwords lie beside the authority; those that are there are kept. Done again, it makes the broker a
    new certificate.
    """
    if not site.hosts:
        raise MosquittoTrouble("A broker needs a name or address by which rooms reach it.")
    folder.mkdir(parents=True, exist_ok=True)
    group = _group()
    _hand_over(folder, 0, group, 0o751)
    certificate, key = authority.server(site.hosts, now)
    names = (INGEST, CONTROL, *((HOME,) if site.home_assistant else ()))
    with as_owner_of(authority.folder):
        users = {name: _password(authority.folder / f"{name}.password") for name in names}
    texts = {
        "ca.pem": authority.pem,
        "server.pem": certificate,
        "server.key": key,
        "passwords": "".join(f"{name}:{hashed(password)}\n" for name, password in users.items()),
        "permissions": permissions(site.org, site.home_assistant),
        "mosquitto.conf": configuration(site, folder, version),
    }
    for name, text in texts.items():
        replace_file(folder / name, text.encode())
        _hand_over(folder / name, _owner() if name in _OWN else 0, group, 0o640)
    _publish_revoked(authority, folder / REVOKED_LIST, group, now)
    return folder / "mosquitto.conf"


def hashed(password: str) -> str:
    """Return a password as mosquitto keeps it (PBKDF2 with SHA-512)."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS, 64)
    return f"$7${_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def _password(path: Path) -> str:
    if not path.exists():
        replace_file(path, f"{secrets.token_urlsafe(24)}\n".encode())
    return path.read_text().partition("\n")[0].strip()


def _publish_revoked(authority: Authority, broker: Path, group: int, now: datetime) -> None:
    """Have the authority's list of revoked certificates written where the broker reads it, from now on."""
    if broker.parent.is_symlink():
        broker.parent.unlink()
    broker.parent.mkdir(exist_ok=True)
    _hand_over(broker.parent, authority.folder.stat().st_uid, group, 0o2750)
    link = authority.folder / broker.name
    with as_owner_of(authority.folder):
        if link.resolve() != broker.resolve():
            link.unlink(missing_ok=True)
            link.symlink_to(broker.resolve())
        authority.publish_revoked(now)


def _hand_over(path: Path, owner: int, group: int, mode: int) -> None:
    """Let mosquitto read, and nobody write but root: it begins as root, and obeys its configuration.

    Without rights to, only the mode is set.
    """
    if os.geteuid() == 0:
        os.chown(path, owner, group, follow_symlinks=False)
    path.chmod(mode)


def _owner() -> int:
    try:
        return pwd.getpwnam(_USER).pw_uid
    except KeyError:
        return os.geteuid()


def _group() -> int:
    try:
        return grp.getgrnam(_USER).gr_gid
    except KeyError:
        return os.getegid()
