"""`salon console`: the console's processes, each by itself or all of them supervised. A composition root."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from appliance.errors import SalonError
from appliance.service import notify
from appliance.up import Program, Supervisor, Whole
from fleet.settings import ENVIRONMENT, Settings
from fleet.store.database import Database
from fleet.store.opening import open_database
from fleet.store.schema import bring_up_to_date

if TYPE_CHECKING:
    from fleet.store.erase import Forgotten

_WHOLE = Whole(
    ENVIRONMENT,
    "`salon console` runs this console already (its folder is {folder}). End that one first, "
    "or give another console a console.state of its own.",
)
Part = Callable[[Settings, Database], Awaitable[None]]
_COLLECT_AT = (20_000, 20, 20)
"""Looks for garbage in cycles by so many new objects (gc.set_threshold): what ten thousand rooms leave behind is hardly
ever any, and looking at all that is known of them at the usual pace is a fifth of the ingest's work."""


def lacking(settings: Settings) -> str:
    """Return a module that a console with these settings needs and this machine lacks; empty for none."""
    postgres = not settings.database_url.startswith("sqlite:")
    wanted = ("uvicorn", *(("amqtt",) if settings.broker.embedded else ()), *(("asyncpg",) if postgres else ()))
    return next((module for module in wanted if find_spec(module) is None), "")


def console_programs(settings: Settings) -> list[Program]:
    """Return what `salon console` runs, servers first."""
    names = [*(["broker"] if settings.broker.embedded else []), "ingest", "control", "web"]
    return [Program(name, ("console", name)) for name in names]


async def run_console(settings: Settings, config: Path | None) -> None:
    """Run all of the console and restart what crashes, until cancelled."""
    await asyncio.to_thread(_make_state, settings.state_dir)
    supervisor = Supervisor(
        console_programs(settings), config=config, runtime_dir=settings.state_dir, log_dir=None, whole=_WHOLE
    )
    notify("READY=1")
    await supervisor.run()


def _make_state(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as err:
        raise SalonError(
            f"{folder} cannot be made ({err.strerror}). Set the console up first: sudo salon console init --host NAME; "
            "or name another folder in console.state."
        ) from err


async def run_part(name: str, settings: Settings) -> None:
    """Run one process of the console on its database, the schema brought up to date."""
    # each process imports only its own part
    part: Part = getattr(import_module(f"fleet.{name}.main"), f"run_{name}")
    database = await open_database(settings.database_url)
    try:
        await bring_up_to_date(database)
        gc.freeze()
        gc.set_threshold(*_COLLECT_AT)
        await part(settings, database)
    finally:
        await database.close()


async def broker(settings: Settings) -> None:
    """Run the embedded MQTT broker."""
    from fleet.broker import BrokerSettings, run_broker  # noqa: PLC0415

    wanted = settings.broker
    told = BrokerSettings(wanted.address, wanted.port, wanted.password_file)
    await run_broker(told, on_ready=lambda _: notify("READY=1"))


async def shut_out(settings: Settings, now: datetime) -> int:
    """End the connections of rooms that were shut out lately, and return how many."""
    from fleet import shutting_out  # noqa: PLC0415 - only who shuts out
    from fleet.control.main import access_of  # noqa: PLC0415

    return await shutting_out.shut_out(settings, access_of(settings), now)


async def _shut_out(settings: Settings, room: str, now: datetime) -> None:
    """Revoke a room's certificate while it is still known; without it nobody could any more."""
    from fleet.certificates import FOLDER, open_authority  # noqa: PLC0415 - only who erases
    from fleet.enrolment import retire  # noqa: PLC0415

    folder = settings.state_dir / FOLDER
    authority = await asyncio.to_thread(open_authority, folder) if (folder / "ca.pem").exists() else None
    database = await open_database(settings.database_url)
    try:
        await bring_up_to_date(database)
        async with database.transaction() as tx:
            await retire(tx, authority, room, now)
    finally:
        await database.close()


async def erase(settings: Settings, what: Literal["room", "person"], name: str, now: datetime) -> "Forgotten":
    """Forget a room or a person."""
    from fleet.store.erase import Forgotten, erase_person, erase_room  # noqa: PLC0415 - only who erases

    if what == "room":
        await _shut_out(settings, name, now)

    database = await open_database(settings.database_url)
    try:
        await bring_up_to_date(database)
        now_ms = int(now.timestamp() * 1000)
        if what == "person":
            return await erase_person(database, name, now_ms)
        return Forgotten(await erase_room(database, name, now_ms))
    finally:
        await database.close()
