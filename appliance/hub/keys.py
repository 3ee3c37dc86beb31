"""The hub's own keys, made at its first start, and the tokens they sign: one person, one room, until the end."""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import jwt
from livekit import api

from appliance.errors import SalonError
from appliance.hub.files import write_secret

_MAX_TOKEN = 8192
_MAX_NAME = 64
_MAX_ID = 128


class BadKeys(SalonError):
    """The file with the hub's keys cannot be used."""


class BadToken(SalonError, ValueError):
    """A token that opens nothing here; the text says why, without the token."""


@dataclass(frozen=True, slots=True)
class HubKeys:
    """A key and its secret, as LiveKit has them."""

    key: str
    secret: str = field(repr=False)

    @classmethod
    def of(cls, state_dir: Path) -> "HubKeys":
        """Read the keys, or make them if this is the first start."""
        path = state_dir / "hub" / "keys.json"
        try:
            stored = json.loads(path.read_text())
            keys = cls(str(stored["key"]), str(stored["secret"]))
        except FileNotFoundError:
            keys = cls(f"API{secrets.token_hex(8)}", secrets.token_urlsafe(32))
            write_secret(path, json.dumps({"key": keys.key, "secret": keys.secret}).encode())
        except (OSError, ValueError, KeyError, TypeError) as err:
            raise BadKeys(
                f"{path} cannot be read ({type(err).__name__}); remove it and the hub makes new keys"
            ) from err
        if len(keys.secret) < 32:
            raise BadKeys(f"the secret in {path} is too short to be safe; remove the file and the hub makes new keys")
        return keys


@dataclass(frozen=True, slots=True)
class Grant:
    """What a valid token allows."""

    room: str
    identity: str
    name: str
    can_publish: bool = True
    can_subscribe: bool = True
    can_send_data: bool = True


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes and checks tokens with the hub's keys."""

    keys: HubKeys
    now: Callable[[], datetime]

    def mint(self, grant: Grant, *, expires: datetime) -> str:
        """Return a token for one person in one room."""
        left = max(expires - self.now(), timedelta(seconds=1))
        grants = api.VideoGrants(
            room_join=True,
            room=grant.room,
            can_publish=grant.can_publish,
            can_subscribe=grant.can_subscribe,
            can_publish_data=grant.can_send_data,
        )
        token = api.AccessToken(self.keys.key, self.keys.secret).with_identity(grant.identity).with_name(grant.name)
        return str(token.with_ttl(left).with_grants(grants).to_jwt())

    def check(self, token: str) -> Grant:
        """Return what a token allows, or raise `BadToken`."""
        if not token or len(token) > _MAX_TOKEN:
            raise BadToken("no token was given" if not token else "the token is too long")
        try:
            claims = api.TokenVerifier(self.keys.key, self.keys.secret).verify(token)
        except jwt.ExpiredSignatureError as err:
            raise BadToken("the token has expired: the meeting is over, or ask for a new link") from err
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError) as err:
            raise BadToken("the token is not one of this hub's") from err
        video = claims.video
        if video is None or not video.room_join or not video.room or not claims.identity:
            raise BadToken("the token does not allow joining a room")
        if len(video.room) > _MAX_ID or len(claims.identity) > _MAX_ID:
            raise BadToken("the token names a room or person with too long a name")
        return Grant(
            room=video.room,
            identity=claims.identity,
            name=plain_name(claims.name),
            can_publish=video.can_publish is not False,
            can_subscribe=video.can_subscribe is not False,
            can_send_data=video.can_publish_data is not False,
        )


def plain_name(name: str | None) -> str:
    """Return a person's name on one line and of bearable length."""
    return " ".join("".join(c for c in (name or "")[: _MAX_NAME * 4] if c.isprintable()).split())[:_MAX_NAME]
