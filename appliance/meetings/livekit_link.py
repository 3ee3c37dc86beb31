"""What a LiveKit join link holds, in each of its three shapes, and how it becomes a ticket: an address and a token."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

_TOKEN_S = 6 * 3600
_SECRET = 22
"""Letters of a hub's guest link: 128 bits in base64url."""


@dataclass(frozen=True, slots=True)
class Server:
    """A LiveKit server whose rooms this room may enter by its own keys."""

    url: str
    """ws:// or wss://"""
    key: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What opens a LiveKit room."""

    url: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class GuestLink:
    """`https://hub/#secret`: the hub exchanges the secret for a ticket."""

    base: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RoomLink:
    """`https://host/room` on a server whose keys are in the settings."""

    server: Server
    room: str


Link = GuestLink | Ticket | RoomLink


def read_link(url: str, servers: Mapping[str, Server]) -> Link | None:
    """Return what a link holds, None when it is not LiveKit's. `servers` are by the host in their links."""
    try:
        parts = urlsplit(url)
        query = {name.lower(): values for name, values in parse_qs(parts.query, max_num_fields=50).items()}
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    if parts.path in {"", "/"} and _is_secret(parts.fragment):
        return GuestLink(f"{parts.scheme}://{parts.netloc}", parts.fragment)
    if "livekiturl" in query and "token" in query:
        address = query["livekiturl"][0]
        return Ticket(address, query["token"][0]) if address.startswith(("ws://", "wss://")) else None
    server = servers.get(parts.netloc.lower()) or servers.get(parts.hostname)
    room = unquote(parts.path.strip("/").rpartition("/")[2])
    return RoomLink(server, room) if server is not None and room else None


def mint(link: RoomLink, *, identity: str, name: str) -> Ticket:
    """Return a ticket made with our own keys. The same identity again replaces the earlier stay."""
    now = int(time.time())
    claims = {
        "iss": link.server.key,
        "sub": identity,
        "name": name,
        # clocks differ between machines
        "nbf": now - 60,
        "exp": now + _TOKEN_S,
        "video": {"roomJoin": True, "room": link.room, "canPublish": True, "canSubscribe": True},
    }
    return Ticket(link.server.url, _signed(claims, link.server.secret))


def _signed(claims: Mapping[str, object], secret: str) -> str:
    """Return a JSON Web Token with HMAC-SHA256 (RFC 7519, RFC 7515)."""
    parts = [_base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signature = hmac.digest(secret.encode(), ".".join(parts).encode(), hashlib.sha256)
    return ".".join([*parts, _base64url(signature)])


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _is_secret(fragment: str) -> bool:
    return len(fragment) == _SECRET and fragment.replace("-", "a").replace("_", "a").isalnum() and fragment.isascii()
