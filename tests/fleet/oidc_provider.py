"""A small OpenID Connect provider, as strict as a real one: code flow, PKCE (S256), signed ID tokens, keys by JWKS."""

import base64
import hashlib
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route


class Provider:
    """Knows one person, who is asked nothing."""

    def __init__(self, client: str, secret: str, now: Callable[[], int]) -> None:
        self.issuer = ""
        self.person: dict[str, Any] = {"sub": "7", "preferred_username": "Ada", "name": "Ada L.", "groups": ["staff"]}
        self.spoil: dict[str, Any] = {}
        """Claims to be wrong about."""
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.signs_with = self.key
        self._client, self._secret, self._now = client, secret, now
        self._codes: dict[str, dict[str, str]] = {}
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discover),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/keys", self._keys),
            ]
        )

    async def _discover(self, _: Request) -> Response:
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        found = {key: f"{self.issuer}/{path}" for key, path in ends.items()}
        return JSONResponse({"issuer": self.issuer, **found})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["client_id"] == self._client
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}", 302)

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        asked = self._codes.pop(str(form["code"]), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(str(form["code_verifier"]).encode()).digest()).rstrip(b"=")
        if (
            asked is None
            or challenge.decode() != asked["code_challenge"]
            or form["redirect_uri"] != asked["redirect_uri"]
            or form["client_secret"] != self._secret
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = self._now() // 1000
        claims = {"iss": self.issuer, "aud": self._client, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims |= self.person | self.spoil
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.signs_with)
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": token})

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})
