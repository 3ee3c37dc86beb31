"""`salon console control`: alerts, jobs, settings, orders. One process does it, a second one waits its turn."""

import asyncio
import logging
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from appliance.service import notify
from appliance.telemetry.protocol.address import broker_address
from fleet.control import calls, layers, rulebook
from fleet.control.alerts import AlertDesk
from fleet.control.drive import Driver
from fleet.control.homeassistant import HomeAssistant
from fleet.control.keys import FILE, load_key
from fleet.control.lease import LIFE_MS, Lease, LeaseLost
from fleet.control.notify import Outbox
from fleet.control.outgoing import Voice
from fleet.control.publisher import Publisher
from fleet.line import Access
from fleet.settings import Settings
from fleet.store.database import Database, DatabaseTrouble, Unfit
from fleet.upkeep import call_silent, keep_house

logger = logging.getLogger(__name__)
NAME = "control"
_RENEW_S = LIFE_MS / 1000 / 3
_LOOK_S = 1.0
_DRIVE_S = 2.0
_SILENCE_S = 5.0
_UPKEEP_S = 60.0
_TIDY_S = 600.0


def now_ms() -> int:
    """Tell the time."""
    return time.time_ns() // 1_000_000


async def run_control(settings: Settings, database: Database, *, now: Callable[[], int] = now_ms) -> None:
    """Do the console's own work while the lease is ours, else wait for it; until cancelled."""
    lease = Lease(NAME, f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}")
    key = await asyncio.to_thread(load_key, settings.state_dir / FILE)
    if key is None:
        logger.warning("Orders are not signed: rooms elsewhere will not take them. Make a key: salon console init")
    voice = Voice(settings.console.org, key)
    await rulebook.seed(database)
    notify("READY=1")
    while True:
        await _turn(lease, database, now)
        logger.info("This console looks after alerts, jobs and settings now")
        try:
            async with asyncio.TaskGroup() as tasks:
                for name, part in _parts(settings, voice, database, lease, now).items():
                    tasks.create_task(part(), name=f"control-{name}")
        except* LeaseLost:
            logger.warning("Another console has taken over alerts, jobs and settings; this one waits")
        except* (DatabaseTrouble, Unfit) as troubles:
            # everything that counts is in there, perhaps without a room that was erased: begin again from it
            logger.warning("%s", troubles.exceptions[0])
            await asyncio.sleep(_RENEW_S)
        finally:
            with suppress(DatabaseTrouble):
                await lease.give_back(database)


async def _turn(lease: Lease, database: Database, now: Callable[[], int]) -> None:
    waits = False
    while not await lease.take(database, now):
        if not waits:
            logger.info("Another console looks after alerts, jobs and settings; this one waits its turn")
        waits = True
        await asyncio.sleep(_RENEW_S)


def _parts(
    settings: Settings, voice: Voice, database: Database, lease: Lease, now: Callable[[], int]
) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
    at_home = settings.home_assistant
    home = HomeAssistant(settings.console.org, at_home.prefix) if at_home.enabled else None
    publisher = Publisher(database, lease, access_of(settings), voice, now, home)
    desk, outbox, driver = AlertDesk(database, lease), Outbox(database, lease), Driver(database)

    async def renew() -> None:
        if not await lease.take(database, now):
            raise LeaseLost("Another console has taken over.")

    async def drive() -> None:
        if await driver.is_due(now()):
            async with database.transaction() as tx:
                await lease.check(tx, now())
                await driver.drive(tx, now())

    async def tidy() -> None:
        async with database.transaction() as tx:
            await lease.check(tx, now())
            await layers.refresh(tx, database, now())
            await layers.forget(tx, now())
            await calls.forget(tx, now())

    async def keep() -> None:
        await keep_house(database, settings.retention, now())

    return {
        "lease": _every(_RENEW_S, renew),
        "alerts": _every(_LOOK_S, lambda: desk.look(now())),
        "notices": lambda: outbox.run(now),
        "jobs": _every(_DRIVE_S, drive),
        "silence": _every(_SILENCE_S, lambda: call_silent(database, now())),
        "tidy": _every(_TIDY_S, tidy),
        "upkeep": _every(_UPKEEP_S, keep),
        "orders": publisher.run,
    }


def _every(seconds: float, work: Callable[[], Awaitable[object]]) -> Callable[[], Coroutine[Any, Any, None]]:
    async def run() -> None:
        while True:
            await work()
            await asyncio.sleep(seconds)

    return run


def access_of(settings: Settings) -> Access:
    """Return how control gets to the broker."""
    user = settings.mqtt.control
    return Access(
        broker_address(settings.mqtt.url),
        username=user.username,
        password_file=user.password_file,
        ca_file=settings.mqtt.ca_file,
        cert_file=user.cert_file,
        key_file=user.key_file,
    )
