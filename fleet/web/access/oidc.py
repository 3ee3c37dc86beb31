"""Sign-in elsewhere: OpenID Connect, the code flow with PKCE. Groups there become roles here, anew at each sign-in.

What the flow has to remember (state, nonce, verifier) waits in a cookie of the browser it began in, which nobody else
has: a code that was obtained in another browser is worth nothing here.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from authlib.common.security import generate_token
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from appliance.errors import SalonError
from appliance.state.clean import clean_text
from fleet.store import people
from fleet.store.audit import AuditLog
from fleet.store.database import Database, Transaction
from fleet.web.access.accounts import RESERVED
from fleet.web.access.secrets import same
from fleet.web.settings import GroupRole, OidcSettings

_TIMEOUT_S = 10
_LEEWAY_S = 60
_NOT_IN_NAMES = re.compile(r"[^\w.@+-]")
_ALGORITHMS = (*(f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512)), "EdDSA", "Ed25519")
"""All that sign with a key of the service's alone (RFC 7518 section 3.1, RFC 8037, RFC 9864): never `none` or HS256."""


class SignInTrouble(SalonError, ValueError):
    """Signing in elsewhere did not work; says what would help."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What one sign-in remembers until the browser comes back."""

    state: str
    nonce: str
    verifier: str

    def packed(self) -> str:
        """Return it as a cookie's value."""
        return f"{self.state}.{self.nonce}.{self.verifier}"

    @classmethod
    def of(cls, packed: str) -> "Flow | None":
        parts = packed.split(".")
        return cls(*parts) if len(parts) == 3 and all(parts) else None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is, as the service signed it."""

    subject: str
    name: str
    full_name: str
    groups: tuple[str, ...]


class SignInService:
    """The one sign-in service of the settings."""

    def __init__(self, settings: OidcSettings, callback: str, client: httpx.AsyncClient, *, secret: str = "") -> None:
        self.name = settings.name
        self._secret = secret
        self._settings = settings
        self._callback = callback
        self._client = client

    async def begin(self) -> tuple[str, Flow]:
        """Return where to send the browser, and what its cookie has to remember."""
        flow = Flow(generate_token(40), generate_token(40), generate_token(64))
        endpoint = _text(await self._discovered(), "authorization_endpoint")
        url: str = prepare_grant_uri(
            endpoint,
            self._settings.client_id,
            "code",
            redirect_uri=self._callback,
            scope="openid profile email groups",
            state=flow.state,
            nonce=flow.nonce,
            code_challenge=create_s256_code_challenge(flow.verifier),
            code_challenge_method="S256",
        )
        return url, flow

    async def finish(self, flow: Flow | None, state: str, code: str) -> Identity:
        """Trade the code for who it is, or raise `SignInTrouble`."""
        if flow is None or not same(flow.state, state):
            raise SignInTrouble("This sign-in began in another browser, or too long ago. Start again.")
        found = await self._discovered()
        answer = await self._ask(
            "POST",
            _text(found, "token_endpoint"),
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._callback,
                "client_id": self._settings.client_id,
                "code_verifier": flow.verifier,
            }
            | ({"client_secret": self._secret} if self._secret else {}),
        )
        keys = await self._ask("GET", _text(found, "jwks_uri"))
        return self._identity(_text(answer, "id_token"), keys, flow.nonce)

    def _identity(self, token: str, keys: Mapping[str, Any], nonce: str) -> Identity:
        settings = self._settings
        options = {
            "iss": {"essential": True, "value": settings.issuer},
            "aud": {"essential": True, "value": settings.client_id},
            "nonce": {"essential": True, "value": nonce},
        }
        try:
            read = jwt.decode(token, KeySet.import_key_set({"keys": keys["keys"]}), algorithms=list(_ALGORITHMS))
            claims = CodeIDToken(read.claims, read.header, options, {"nonce": nonce, "client_id": settings.client_id})
            claims.validate(leeway=_LEEWAY_S)
        except (JoseError, ValueError, KeyError, TypeError) as err:
            raise SignInTrouble(f"The sign-in service's answer is not to be trusted: {err}.") from err
        return _identity(claims, settings)

    async def _discovered(self) -> Mapping[str, Any]:
        found = await self._ask("GET", f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self._settings.issuer:
            raise SignInTrouble("The sign-in service calls itself something else than web.oidc.issuer says.")
        return found

    async def _ask(self, method: str, url: str, **more: Any) -> Mapping[str, Any]:
        try:
            response = await self._client.request(method, url, timeout=_TIMEOUT_S, **more)
            response.raise_for_status()
            found = response.json()
        except (httpx.HTTPError, json.JSONDecodeError, UnicodeDecodeError) as err:
            raise SignInTrouble(
                "The sign-in service cannot be used now. Try again, or sign in with a password."
            ) from err
        if not isinstance(found, dict):
            raise SignInTrouble("The sign-in service's answer cannot be understood.")
        return found


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str):
        raise SignInTrouble(f"The sign-in service's answer lacks {key}.")
    return value


def _identity(claims: Mapping[str, Any], settings: OidcSettings) -> Identity:
    subject = str(claims["sub"])
    names = (claims.get(key) for key in ("preferred_username", "email", "sub"))
    # people choose it themselves at many services: it must not read as the console, a room or somebody's token
    name = _NOT_IN_NAMES.sub("_", clean_text(next((str(name) for name in names if name), subject)).lower())
    groups = claims.get(settings.groups_claim)
    listed = tuple(str(group) for group in groups) if isinstance(groups, list) else ()
    return Identity(f"{settings.issuer}|{subject}", name[:64], str(claims.get("name") or "")[:100], listed)


def roles_for(groups: Sequence[str], table: Sequence[GroupRole]) -> list[tuple[str, str]]:
    """Return the roles and site ids of somebody in these groups."""
    return [(entry.role, entry.site) for entry in table if entry.group in groups]


async def welcome(database: Database, identity: Identity, table: Sequence[GroupRole], now: int) -> people.User:
    """Return the account of somebody, made or brought up to date; refuse who is in no group that may come in."""
    sites = {row["id"]: row["key"] for row in await database.fetch("SELECT id, key FROM sites")}
    roles = roles_for(identity.groups, table)
    grants = [(role, sites[site] if site else None) for role, site in roles if not site or site in sites]
    user = await people.user_from(database, identity.subject)
    async with database.transaction() as tx:
        audit = AuditLog(database.dialect)
        if user and not grants:
            # the service is the truth: who left all groups has no rights and no session any more
            await people.set_grants(tx, user.key, ())
            await people.end_sessions(tx, user.key)
        elif grants:
            key = user.key if user else await _added(tx, identity, now)
            if user is None or set(user.grants) != set(grants):
                await people.set_grants(tx, key, grants)
                name = await _called(tx, key)
                await audit.note(tx, now, name, "roles by groups", f"user:{key}", grants=grants)
    if not grants:
        raise SignInTrouble("You are in no group that may use this console. Ask its admin.")
    made = await people.user_from(database, identity.subject)
    if made is None or made.disabled:
        raise SignInTrouble("This account has been disabled. Ask an admin.")
    return made


async def _called(tx: Transaction, key: int) -> str:
    user = await people.user(tx, key)
    assert user is not None  # noqa: S101 - added, or found, in this transaction
    return user.name


async def _added(tx: Transaction, identity: Identity, now: int) -> int:
    # somebody with a password may have the name already; the subject is who it is
    taken = identity.name in RESERVED or await people.user_called(tx, identity.name) is not None
    name = f"{identity.name[:50]}#{identity.subject[-12:]}" if taken else identity.name
    return await people.add_user(tx, name, identity.full_name, now, subject=identity.subject)
