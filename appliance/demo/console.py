"""The demo's other end of MQTT: a fleet console with one room, on a database of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from appliance.demo.processes import answer_of, program
from appliance.demo.stage import Stage


async def admin_link(stage: Stage) -> str:
    """Make the console's database, and return the link for its first admin."""
    return await answer_of("console", "admin-link", "--config", str(stage.console_config))


@asynccontextmanager
async def console(stage: Stage) -> AsyncIterator[None]:
    """Run the console: what rooms say, alerts and jobs, and the pages. The broker is the room's."""
    words = ("-m", "appliance.cli", "console", "--config", str(stage.console_config))
    with (stage.out / "logs" / "console.log").open("ab") as output:
        async with program(*words, output=output):
            yield


def room_at_console(stage: Stage, room_id: str) -> dict[str, Any]:
    """Return what the console's pages would show of a room; empty when it has not heard of it."""
    return asyncio.run(_room_at_console(stage, room_id))


async def _room_at_console(stage: Stage, room_id: str) -> dict[str, Any]:
    from fleet.store.browse import room  # noqa: PLC0415 - only who looks
    from fleet.store.database import DatabaseTrouble  # noqa: PLC0415
    from fleet.store.opening import open_database  # noqa: PLC0415

    database = await open_database(f"sqlite:{stage.console_state / 'fleet.db'}")
    try:
        found = await room(database, room_id)
    except DatabaseTrouble:
        return {}
    finally:
        await database.close()
    return {"name": found.line.name, "status": found.line.status} if found else {}
