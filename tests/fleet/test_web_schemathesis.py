"""Schemathesis against the API as it is served: what it says of itself holds for an admin and for a viewer."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from seed import fill
from web_parts import add_person, console_app, serving

from fleet.certificates import make_authority
from fleet.enrolment import Fleet
from fleet.store import people
from fleet.store.opening import open_database
from fleet.store.schema import bring_up_to_date
from fleet.web.access.permissions import Role
from fleet.web.access.secrets import hashed, new_token
from fleet.web.app import create_app, now_ms
from fleet.web.settings import WebSettings

EXAMPLES = 12
DAY_MS = 86_400_000
pytestmark = pytest.mark.timeout(180)


class _Nothing:
    dialect = "sqlite"


def document() -> dict:
    return create_app(_Nothing(), WebSettings()).openapi()


API = schemathesis.openapi.from_dict(document())


class Served:
    """The application on a port, in a thread of its own, with a token for each role."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready = threading.Event()
        self.address = ""
        self.tokens: dict[Role, str] = {}

    @contextmanager
    def running(self) -> Iterator["Served"]:
        thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="served")
        thread.start()
        assert self._ready.wait(30)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._over.set)
            thread.join(30)

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        # begins its one thread here and none later, which would look as if a test had left it behind
        self._loop.set_default_executor(ThreadPoolExecutor(1))
        database = await open_database(f"sqlite:{self._folder}/fleet.db")
        await bring_up_to_date(database)
        await fill(database, now=now_ms())
        for role in (Role.ADMIN, Role.VIEWER):
            self.tokens[role] = await self._token(database, role)
        authority = make_authority(self._folder / "authority", "acme", datetime.now(UTC))
        fleet = Fleet("acme", "mqtts://broker.example.org:8883", authority)
        async with serving(console_app(database, fleet=fleet)) as self.address:
            self._ready.set()
            await self._over.wait()
        await database.close()

    async def _token(self, database, role: Role) -> str:
        user, secret, now = await add_person(database, role, (role, None)), new_token(), now_ms()
        async with database.transaction() as tx:
            await people.add_token(tx, hashed(secret), people.Token(0, "t", user, role, None, now, None, now + DAY_MS))
        return secret


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("api")).running() as served:
        yield served


@pytest.fixture(params=[Role.ADMIN, Role.VIEWER])
def role(request) -> Role:
    return request.param


@API.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_every_answer_is_as_the_api_describes_it(case, served, role):
    case.call_and_validate(base_url=served.address, headers={"Authorization": f"Bearer {served.tokens[role]}"})
