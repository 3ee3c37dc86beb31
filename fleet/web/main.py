"""Runs the web part: `salon console web`, and as one of the processes of `salon console`."""

import asyncio
import errno
import logging
import socket
import ssl
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from appliance.errors import SalonError
from fleet.certificates import FOLDER, open_authority
from fleet.enrolment import Fleet
from fleet.settings import Settings
from fleet.store import audit
from fleet.store.database import Database
from fleet.store.opening import open_database
from fleet.store.schema import bring_up_to_date
from fleet.web.access.permissions import Role
from fleet.web.app import accounts_of, create_app
from fleet.web.console import Console
from fleet.web.settings import GroupRole, OidcSettings, WebSettings

logger = logging.getLogger(__name__)
_LAST_WORDS_S = 2


class NotListening(SalonError, OSError):
    """The pages cannot be served where the settings say; says why and what would help."""


def web_settings(settings: Settings) -> WebSettings:
    """Return what of the console's settings the web part has to know."""
    web, oidc = settings.web, settings.oidc
    groups = (
        *(GroupRole(group, Role.VIEWER) for group in oidc.viewers),
        *(GroupRole(group, Role.OPERATOR) for group in oidc.operators),
        *(GroupRole(group, Role.ADMIN) for group in oidc.admins),
        *(GroupRole(group, Role.AUDITOR) for group in oidc.auditors),
    )
    service = OidcSettings(
        oidc.issuer,
        oidc.client_id,
        oidc.client_secret_file,
        urlsplit(oidc.issuer).hostname or "",
        oidc.groups_claim,
        groups,
    )
    return WebSettings(
        address=web.address,
        port=web.port,
        public_url=settings.console.public_url,
        certificate_file=web.cert_file,
        key_file=web.key_file,
        behind_proxy=web.behind_proxy,
        idle_hours=web.session_h,
        requests_a_minute=web.requests_a_minute,
        oidc=service if oidc.issuer else None,
    )


async def run_web(settings: Settings, database: Database) -> None:
    """Serve the pages and the API until cancelled."""
    fleet = await asyncio.to_thread(fleet_of, settings)
    if fleet is None:
        logger.info("Rooms cannot be enrolled here: mqtt.rooms_url is not set, see salon console init")
    await serve(web_settings(settings), database, fleet)


def fleet_of(settings: Settings) -> Fleet | None:
    """Return what rooms are told that are enrolled here; None where none can be. Reads the authority's files."""
    if not settings.mqtt.rooms_url:
        return None
    return Fleet(settings.console.org, settings.mqtt.rooms_url, open_authority(settings.state_dir / FOLDER))


async def serve(settings: WebSettings, database: Database, fleet: Fleet | None = None) -> None:
    """Serve until cancelled. Says how to make the first admin while there is none."""
    # before anything else: uvicorn, which would do it last, ends the whole program when it cannot
    with listen(settings.address, settings.port) as door:
        await _serve(replace(settings, port=door.getsockname()[1]), door, database, fleet)


def listen(address: str, port: int) -> socket.socket:
    """Take the address, or raise `NotListening`."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=2048)
    except OSError as err:
        raise NotListening(f"The pages cannot be at {address}:{port} ({err.strerror}). {_remedy(err)}") from err


def _remedy(err: OSError) -> str:
    match err.errno:
        case errno.EADDRINUSE:
            return "Is another console running? Another port goes into [web] port."
        case errno.EACCES:
            return "Ports below 1024 are root's: take one above in [web] port, and a proxy for the public one."
    return "[web] address is an IP address of this very machine, such as 127.0.0.1, or 0.0.0.0 for all of them."


async def _serve(settings: WebSettings, door: socket.socket, database: Database, fleet: Fleet | None) -> None:
    oidc = settings.oidc
    secret = ""
    if oidc and oidc.client_secret_file:
        secret = (await asyncio.to_thread(Path(oidc.client_secret_file).read_text)).strip()
    app = create_app(database, settings, client_secret=secret, fleet=fleet)
    config = uvicorn.Config(
        app,
        ssl_certfile=settings.certificate_file or None,
        ssl_keyfile=settings.key_file or None,
        # one-time links and room names are nobody's business in a log
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=settings.behind_proxy,
        forwarded_allow_ips=["127.0.0.1", "::1"],
        timeout_graceful_shutdown=_LAST_WORDS_S,
        limit_concurrency=2000,
    )
    try:
        await asyncio.to_thread(config.load)
    except (ssl.SSLError, OSError) as err:
        raise NotListening(
            f"[web] cert_file {settings.certificate_file} and key_file {settings.key_file} cannot be used: "
            f"they have to be a certificate and its own key, each as PEM ({err.strerror})."
        ) from err
    server = uvicorn.Server(config)
    console: Console = app.state.console
    if await console.accounts.needs_first_admin():
        logger.warning("Nobody can sign in yet: `salon console admin-link` prints a link for the first admin")
    logger.info("The console's pages are at %s", settings.url)
    await _served(server, console, door)


async def _served(server: uvicorn.Server, console: Console, door: socket.socket) -> None:
    serving = asyncio.create_task(server.serve([door]), name="web server")
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        console.live.close()
        await serving
        raise


async def first_admin_link(settings: Settings) -> str:
    """Return a link that makes an admin, for who can read the console's files."""
    web = web_settings(settings)
    database = await open_database(settings.database_url)
    try:
        await bring_up_to_date(database)
        return await accounts_of(database, web).first_admin_link(web.url, by="console")
    finally:
        await database.close()


async def audit_verdict(settings: Settings, noted: str = "") -> tuple[audit.Verdict, bool]:
    """Go through the whole audit log; tell, too, whether it still goes by a head that was noted."""
    database = await open_database(settings.database_url)
    try:
        await bring_up_to_date(database)
        return await audit.verify(database), not noted or await audit.holds(database, noted)
    finally:
        await database.close()
