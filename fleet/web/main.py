"""Runs the web part: `salon console web`, and as one of the processes of `salon console`."""

import asyncio
import logging
from pathlib import Path

import uvicorn

from appliance.errors import SalonError
from fleet.store.database import Database
from fleet.web.app import accounts_of, create_app
from fleet.web.console import Console
from fleet.web.settings import WebSettings

logger = logging.getLogger(__name__)
_LAST_WORDS_S = 2


class PortTaken(SalonError, OSError):
    """The web server could not begin to listen."""


async def run_web(settings: WebSettings, database: Database) -> None:
    """Serve until cancelled. Logs a link for the first admin while there is none."""
    oidc = settings.oidc
    secret = ""
    if oidc and oidc.client_secret_file:
        secret = (await asyncio.to_thread(Path(oidc.client_secret_file).read_text)).strip()
    app = create_app(database, settings, client_secret=secret)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.address,
            port=settings.port,
            ssl_certfile=settings.certificate_file or None,
            ssl_keyfile=settings.key_file or None,
            # one-time links and room names are nobody's business in a log
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=list(settings.trusted_proxies),
            timeout_graceful_shutdown=_LAST_WORDS_S,
            limit_concurrency=2000,
        )
    )
    console: Console = app.state.console
    if await console.accounts.needs_first_admin():
        logger.warning("Nobody can sign in yet: `salon console admin-link` prints a link for the first admin")
    logger.info("The console's pages are at %s", settings.url)
    try:
        await _served(server, console)
    except SystemExit as err:
        # uvicorn's way to say that it could not listen
        raise PortTaken(
            f"{settings.address}:{settings.port} cannot be listened on. Is another console running? "
            "Another port goes into [web] port."
        ) from err


async def _served(server: uvicorn.Server, console: Console) -> None:
    serving = asyncio.create_task(server.serve(), name="web server")
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        console.live.close()
        await serving
        raise


async def first_admin_link(settings: WebSettings, database: Database) -> str:
    """Return a link that makes an admin: `salon console admin-link`, for who can read the console's files."""
    return await accounts_of(database, settings).first_admin_link(settings.url, by="console")
