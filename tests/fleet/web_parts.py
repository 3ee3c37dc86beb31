"""The console's web part for tests: served for real or called directly, with people of every role."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from argon2 import PasswordHasher

from fleet.store import people
from fleet.web.access.passwords import Passwords
from fleet.web.access.permissions import Role
from fleet.web.app import create_app
from fleet.web.settings import WebSettings

PASSWORD = "correct horse battery staple"
_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
QUICK = Passwords(_HASHER)
BASE = "http://127.0.0.1:8800"


class Clock:
    """Milliseconds that pass when a test says so."""

    def __init__(self, now: int = 1_790_000_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += int(seconds * 1000)


def console_app(database, clock=None, fleet=None, **settings: Any):
    """Return the application, with quick passwords."""
    more: dict[str, Any] = {"fleet": fleet}
    if clock:
        more["now"] = clock
    # tests ask more than people do, and their clocks stand still
    settings.setdefault("requests_a_minute", 1_000_000)
    return create_app(database, WebSettings(**settings), passwords=Passwords(_HASHER), **more)


def client_of(app, **more: Any) -> httpx.AsyncClient:
    """Return a browser without JavaScript, so to speak."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, **more)


async def add_person(database, name: str, *grants: tuple[str, int | None]) -> int:
    """Add somebody whose password is PASSWORD."""
    async with database.transaction() as tx:
        key = await people.add_user(tx, name, "", 1)
        await people.set_grants(tx, key, grants or [(Role.ADMIN, None)])
        await people.set_password(tx, key, await QUICK.hash(PASSWORD))
    return key


async def sign_in(client: httpx.AsyncClient, name: str, password: str = PASSWORD) -> httpx.Response:
    """Sign in, and from then on send the token that pages know."""
    answer = await client.post("/sign-in", data={"name": name, "password": password})
    if answer.status_code == 303:
        client.headers["X-CSRF-Token"] = csrf_of((await client.get("/account")).text)
    return answer


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, page
    return found[1]


@asynccontextmanager
async def serving(app, port: int = 0, **tls: Any) -> AsyncIterator[str]:
    """Serve, on a free port unless told which, and yield the address; HTTPS with `ssl_certfile` and `ssl_keyfile`."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", port))
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1, **tls)
        server = uvicorn.Server(config)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve([listening]), name="served")
            while not server.started:
                await asyncio.sleep(0.01)
            try:
                yield f"http{'s' if tls else ''}://127.0.0.1:{listening.getsockname()[1]}"
            finally:
                app.state.console.live.close()
                server.should_exit = True
