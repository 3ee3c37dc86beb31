"""Canaille, an identity provider in use elsewhere: one person in one group, and the console as its client.

Run as `python canaille_server.py PORT CALLBACK`; says `listening` when it does. A process of its own, as Authlib's
permission for plain HTTP is in the environment and is not to reach the console.
"""

import os
import sys
from datetime import UTC, datetime
from wsgiref.simple_server import WSGIRequestHandler, make_server

from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from joserfc.jwk import JWKRegistry

CLIENT, SECRET = "salon-console", "known to both"
NAME, PASSWORD, GROUP = "ada", "correct horse battery staple", "rooms-operators"


class Silent(WSGIRequestHandler):
    """Writes no line for each request."""

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def settings(port: int) -> dict:
    key = JWKRegistry.generate_key("RSA", 2048)
    key.ensure_kid()
    everybody = {"DEFAULT": {"PERMISSIONS": ["use_oidc"]}}
    return {
        "SECRET_KEY": "of this process",
        "SERVER_NAME": f"localhost:{port}",
        "PREFERRED_URL_SCHEME": "http",
        "CANAILLE": {"DATABASE": "memory", "JAVASCRIPT": False, "ACL": everybody},
        "CANAILLE_OIDC": {"ACTIVE_JWKS": [key.as_dict(private=True)]},
    }


def fill(callback: str) -> None:
    keep = Backend.instance.save
    ada = models.User(
        user_name=NAME, password=PASSWORD, formatted_name="Ada L.", family_name="L.", emails=["ada@example.org"]
    )
    keep(ada)
    keep(models.Group(display_name=GROUP, members=[ada]))
    console = models.Client(
        client_id=CLIENT,
        client_secret=SECRET,
        client_id_issued_at=datetime.now(UTC),
        client_name="Salon",
        redirect_uris=[callback],
        grant_types=["authorization_code"],
        response_types=["code"],
        scope=["openid", "profile", "email", "groups"],
        token_endpoint_auth_method="client_secret_post",
    )
    keep(console)
    console.audience = [console]
    keep(console)


def main() -> None:
    port, callback = int(sys.argv[1]), sys.argv[2]
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    app = create_app(config=settings(port))
    with app.app_context():
        fill(callback)
    with make_server("localhost", port, app, handler_class=Silent) as server:
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
