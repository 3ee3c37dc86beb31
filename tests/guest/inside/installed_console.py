"""The fleet's console installed in the guest as docs/fleet.md tells an admin to, with Debian's mosquitto, and its API.

`make install` has no network here: units, users and the command `salon` come as with an installed room.
"""

from __future__ import annotations

import json
import re
import shutil
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, HTTPSHandler, Request, build_opener

from check import say, within
from installed_room import LOG_LINES, run

from fleet.certificates import make_authority

HOST, PORT = "rooms.example.org", 8443
URL = f"https://{HOST}:{PORT}"
STATE, BROKER = Path("/var/lib/salon-console"), Path("/var/lib/salon-mosquitto")
SETTINGS = Path("/etc/salon/console.toml")
HOSTS, CONFIGURATION = Path("/etc/hosts"), Path("/etc/mosquitto/mosquitto.conf")
PAGES_CA = Path("/etc/salon/pages-ca")
"""An organisation's own authority, which knows nothing of the console's."""
CERTIFICATE, KEY = Path("/etc/salon/pages.pem"), Path("/etc/salon/pages.key")
WEB = f'[web]\naddress = "0.0.0.0"\nport = {PORT}\ncert_file = "{CERTIFICATE}"\nkey_file = "{KEY}"\n'
PASSWORD = "a horse that counts to seven"
ANSWER_S = 60.0


@contextmanager
def put_back() -> Iterator[None]:
    """Take a console and mosquitto's configuration away again; when the block fails, their journal is told."""
    hosts, configuration = HOSTS.read_text(), CONFIGURATION.read_text()
    HOSTS.write_text(f"{hosts}127.0.0.1 {HOST}\n")
    try:
        yield
    except BaseException:
        for unit in ("salon-*", "mosquitto"):
            say(run("journalctl", f"--unit={unit}", "--no-pager", "--output=short-monotonic", f"--lines={LOG_LINES}"))
        raise
    finally:
        run("systemctl", "disable", "--now", "salon-revoked.path", "salon-console")
        run("systemctl", "stop", "salon-revoked.service", "mosquitto")
        for folder in (STATE, BROKER, PAGES_CA):
            shutil.rmtree(folder)
        for path in (SETTINGS, CERTIFICATE, KEY, CONFIGURATION):
            path.unlink()
        HOSTS.write_text(hosts)
        CONFIGURATION.write_text(configuration)


def certify_pages() -> None:
    """Have the pages' certificate, as an organisation's own authority makes it."""
    certificate, key = make_authority(PAGES_CA, "pages", datetime.now(UTC)).server([HOST], datetime.now(UTC))
    CERTIFICATE.write_text(certificate)
    KEY.write_text(key)


def serve_pages() -> None:
    """Write into the settings what docs/fleet.md says of HTTPS."""
    text = SETTINGS.read_text()
    SETTINGS.write_text(text.replace("[console]\n", f'[console]\npublic_url = "{URL}"\n', 1) + "\n" + WEB)


class Admin:
    """Who opened the one-time link, and asks the API from then on."""

    def __init__(self) -> None:
        trust = ssl.create_default_context(cafile=str(PAGES_CA / "ca.pem"))
        self._open = build_opener(HTTPSHandler(context=trust), HTTPCookieProcessor(CookieJar())).open
        self._csrf = ""

    def page(self, path: str = "", form: dict[str, str] | None = None) -> str:
        """Return a page, or what follows when a form is sent."""
        data = None if form is None else urlencode(form).encode()
        with self._open(f"{URL}/{path}", data, timeout=ANSWER_S) as answer:
            return str(answer.read().decode())

    def become(self, link: str) -> None:
        """Open the link, as the first admin does."""
        self.page(link.removeprefix(f"{URL}/"), {"name": "ada", "password": PASSWORD, "again": PASSWORD})
        found = re.search(r'name="csrf" value="([^"]+)"', self.page("account"))
        assert found
        self._csrf = found[1]

    def ask(self, path: str, doc: dict[str, Any] | None = None) -> Any:
        """Ask the API; with a document, POST it."""
        data = None if doc is None else json.dumps(doc).encode()
        headers = {"X-CSRF-Token": self._csrf, "Content-Type": "application/json"}
        with self._open(Request(f"{URL}/api/v1/{path}", data, headers), timeout=ANSWER_S) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def is_there(self) -> bool:
        """Whether the pages answer, over HTTPS."""
        try:
            return "Salon" in self.page("sign-in")
        except OSError:
            return False


def online(admin: Admin, room: str, limit_s: float, after: int = 0) -> dict[str, Any]:
    """Wait until a room is seen, by something it said after that time (ms)."""

    def look() -> dict[str, Any] | None:
        found = admin.ask(f"rooms/{room}")
        return found if found["line"]["status"] not in ("new", "offline") and found["seen_at"] > after else None

    return within(limit_s, "the room to be online", look)
