"""The hub as a web server: `run_hub` is what the command line calls."""

import asyncio
import ipaddress
import json
import logging
import secrets
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from appliance.errors import SalonError
from appliance.hub.certificate import own_certificate, tls_context
from appliance.hub.counters import Counters, Refusal
from appliance.hub.invites import BadInvites, Invites, TooEarly, UnknownLink
from appliance.hub.keys import BadToken, Grant, HubKeys, Tokens, plain_name
from appliance.hub.limits import CallerLimits
from appliance.hub.lobby import Lobby
from appliance.hub.pages import Pages
from appliance.media.rtc.addresses import ice_addresses, is_loopback

logger = logging.getLogger(__name__)

_MAX_BODY = 4096
_MAX_SIGNAL = 512 * 1024


class PortTaken(SalonError, OSError):
    """Another program listens where the hub should."""


@dataclass(frozen=True, slots=True)
class HubSettings:
    """Where the hub listens, and as whom."""

    address: str = "127.0.0.1"
    """The address to bind to; any but loopback means https."""
    port: int = 7880
    """0 takes any free port."""
    cert_file: str = ""
    """A certificate for https; empty makes one."""
    key_file: str = ""
    """The key of that certificate."""
    public_host: str = ""
    """The host (and port, if another) by which guests reach the hub; empty: the bound address."""
    max_participants: int = 12
    """People in one meeting, the room included."""


async def run_hub(
    settings: HubSettings, *, state_dir: Path, on_ready: Callable[[str], None] | None = None, pages: Pages | None = None
) -> None:
    """Serve meetings until cancelled; `on_ready` is called with the base URL once the hub listens."""
    context = await asyncio.to_thread(_https, settings, state_dir)
    keys = await asyncio.to_thread(HubKeys.of, state_dir)
    pages = pages if pages is not None else await asyncio.to_thread(Pages.of)
    hub = Hub(settings, state_dir=state_dir, keys=keys, pages=pages)
    runner = web.AppRunner(hub.app(), access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        port = await _listen(runner, settings, context)
        async with asyncio.TaskGroup() as group:
            hub.lobby.use(group)
            url = f"{'http' if context is None else 'https'}://{_public_host(settings, port)}"
            logger.info("the hub serves meetings at %s", url)
            if on_ready is not None:
                on_ready(url)
            await asyncio.get_running_loop().create_future()
    finally:
        hub.lobby.close()
        await runner.cleanup()


def base_url(settings: HubSettings) -> str:
    """Return the address of the guest page of a hub with a fixed port."""
    return f"{'https' if _speaks_https(settings) else 'http'}://{_public_host(settings, settings.port)}"


def invites_of(state_dir: Path) -> Invites:
    """Return the guest links of the hub with this state: another program may add one beside the running hub."""
    return Invites(state_dir / "hub" / "invites.json", now=_now)


class Hub:
    """The hub's pages and sockets."""

    def __init__(self, settings: HubSettings, *, state_dir: Path, keys: HubKeys, pages: Pages) -> None:
        self.counters = Counters()
        self.lobby = Lobby(
            addresses=lambda: ice_addresses(settings.address),
            places=settings.max_participants,
            counters=self.counters,
        )
        self._settings = settings
        self._tokens = Tokens(keys, now=_now)
        self._invites = invites_of(state_dir)
        self._pages = pages
        self._exchanges = CallerLimits(each=(20, 1 / 3), total=(100, 2))
        self._joins = CallerLimits(each=(60, 2), total=(300, 10))

    def app(self) -> web.Application:
        """Return the routes. `/rtc/v1` is not among them: clients fall back to `/rtc` when it is 404."""
        app = web.Application(client_max_size=_MAX_BODY)
        app.router.add_get("/rtc", self._join)
        app.router.add_get("/rtc/validate", self._validate)
        app.router.add_post("/api/exchange", self._exchange)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/{path:.*}", self._page)
        return app

    async def _join(self, request: web.Request) -> web.StreamResponse:
        grant = self._admit(request)
        socket = web.WebSocketResponse(max_msg_size=_MAX_SIGNAL, autoping=True, timeout=2.0)
        if not socket.can_prepare(request):
            return _words(HTTPStatus.UPGRADE_REQUIRED, "This is where meeting clients connect; it is not a page.")
        await socket.prepare(request)
        again = request.query.get("reconnect") == "1"
        everything = request.query.get("auto_subscribe", "1") not in {"0", "false"}
        await self.lobby.serve(socket, grant, again=again, everything=everything)
        return socket

    async def _validate(self, request: web.Request) -> web.Response:
        self._admit(request)
        return web.Response(text="success")

    def _admit(self, request: web.Request) -> Grant:
        """Return what the request's token allows, or refuse in words."""
        if not self._joins.allow(request.remote or ""):
            self.counters.refuse(Refusal.RATE)
            raise web.HTTPTooManyRequests(text="Too many attempts. Wait a minute and try again.")
        if not self._same_origin(request):
            self.counters.refuse(Refusal.ORIGIN)
            raise web.HTTPForbidden(text="Meetings are joined from this hub's own page, not from another site.")
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        token = bearer.strip() if scheme.lower() == "bearer" else request.query.get("access_token", "")
        try:
            grant = self._tokens.check(token)
        except BadToken as err:
            self.counters.refuse(Refusal.TOKEN)
            raise web.HTTPUnauthorized(text=str(err)) from err
        if self.lobby.is_full(grant):
            self.counters.refuse(Refusal.FULL)
            raise web.HTTPServiceUnavailable(text="This meeting is full.")
        if not self.lobby.has_meeting(grant):
            self.counters.refuse(Refusal.FULL)
            # a status of its own: browsers hand the page nothing else
            raise web.HTTPInsufficientStorage(text="As many meetings as this hub can hold are going on already.")
        return grant

    async def _exchange(self, request: web.Request) -> web.Response:
        if not self._same_origin(request):
            self.counters.refuse(Refusal.ORIGIN)
            return _refusal(HTTPStatus.FORBIDDEN, "Open the link from your invitation; another site cannot use it.")
        if not self._exchanges.allow(request.remote or ""):
            self.counters.refuse(Refusal.RATE)
            return _refusal(HTTPStatus.TOO_MANY_REQUESTS, "Too many attempts. Wait a minute and try again.")
        try:
            body = json.loads(await request.text())
            link, name = str(body["link"]), plain_name(str(body.get("name", "")))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return _refusal(HTTPStatus.BAD_REQUEST, "This is not a request that the hub understands.")
        except web.HTTPRequestEntityTooLarge:
            return _refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "This request is too long.")
        try:
            invite = await asyncio.to_thread(self._invites.find, link)
        except UnknownLink as err:
            self.counters.refuse(Refusal.LINK)
            # a room that joins at the second must not take a clock a little ahead of ours for a wrong link
            return _refusal(HTTPStatus.TOO_EARLY if isinstance(err, TooEarly) else HTTPStatus.NOT_FOUND, str(err))
        except BadInvites as err:
            logger.error("no guest can come in: %s", err)  # noqa: TRY400 - the reason is enough
            return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, "This hub has lost its guest links. Tell whoever runs it.")
        grant = Grant(room=invite.room, identity=f"guest-{secrets.token_hex(6)}", name=name or "Guest")
        return web.json_response(
            {
                "url": f"{'wss' if request.secure else 'ws'}://{self._settings.public_host or request.host}",
                "token": self._tokens.mint(grant, expires=invite.expires),
                "room": invite.room,
                "title": invite.title,
                "expires": invite.expires.isoformat(),
            },
            headers={"Cache-Control": "no-store"},
        )

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"ok": True, **self.lobby.counts(), "refused": self.counters.as_json()})

    async def _page(self, request: web.Request) -> web.StreamResponse:
        return self._pages.get(request)

    def _same_origin(self, request: web.Request) -> bool:
        """Whether a page of ours asks, or a program that is no browser."""
        origin = request.headers.get("Origin")
        if origin is None:
            return True
        try:
            netloc = urlsplit(origin).netloc
        except ValueError:
            return False
        return bool(netloc) and netloc in {request.host, self._settings.public_host}


def _speaks_https(settings: HubSettings) -> bool:
    return bool(settings.cert_file) or not is_loopback(settings.address)


def _https(settings: HubSettings, state_dir: Path) -> ssl.SSLContext | None:
    if settings.cert_file:
        return tls_context(Path(settings.cert_file), Path(settings.key_file or settings.cert_file))
    if not _speaks_https(settings):
        return None
    hosts = [_host_of(settings.public_host)] if settings.public_host else []
    bound = ice_addresses(settings.address)
    return tls_context(*own_certificate(state_dir / "hub", list(dict.fromkeys([*hosts, *bound])), now=_now()))


async def _listen(runner: web.AppRunner, settings: HubSettings, context: ssl.SSLContext | None) -> int:
    site = web.TCPSite(runner, settings.address, settings.port, ssl_context=context)
    try:
        await site.start()
    except OSError as err:
        where = f"port {settings.port} on {settings.address}"
        raise PortTaken(
            f"the hub cannot listen on {where}: {err.strerror or err}. "
            "Another program may use it: stop that one, or choose another port for the hub."
        ) from err
    return int(runner.addresses[0][1])


def _public_host(settings: HubSettings, port: int) -> str:
    if settings.public_host:
        return settings.public_host
    host = ice_addresses(settings.address)[0] if not is_loopback(settings.address) else settings.address
    try:
        host = f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        logger.debug("%s is a name", host)
    return f"{host}:{port}"


def _host_of(netloc: str) -> str:
    return urlsplit(f"//{netloc}").hostname or netloc


def _refusal(status: HTTPStatus, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status, headers={"Cache-Control": "no-store"})


def _words(status: HTTPStatus, sentence: str) -> web.Response:
    return web.Response(text=sentence, status=status)


def _now() -> datetime:
    return datetime.now(UTC)
