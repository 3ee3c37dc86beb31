"""Every page the console has, read off the application's routes: a new one cannot be forgotten."""

from collections.abc import Iterator
from typing import cast

from fastapi.routing import APIRoute

from fleet.control import rulebook
from fleet.control.watch import Window
from fleet.store.database import Database
from fleet.web.app import now_ms
from fleet.web.pages import routers

NO_PAGES = frozenset(
    {
        *("/", "/sign-in/elsewhere", "/sign-in/back", "/metrics"),
        *("/live/rooms", "/live/rooms.json", "/rooms/{room_id}/live", "/rooms/{room_id}/series.json"),
        *("/rooms/{room_id}/now", "/rooms/{room_id}/more-events", "/rooms/{room_id}/files/{key}", "/audit/verdict"),
        *(
            "/alerts.csv",
            "/audit.csv",
            "/rooms.csv",
            "/rooms/{room_id}/events.csv",
            "/use/rooms.csv",
            "/use/meetings.csv",
        ),
    }
)
"""What can be asked for and is no page: streams, data, files, parts of pages."""
FOR_STRANGERS = ("/sign-in", "/welcome/")
OF = {"room_id": "room-00002", "rule_id": "offline", "job": "j-update"}
"""Whose page it is, where there are many; in a database that `furnish` has furnished."""
NEEDS = {"/settings/history": "?scope=org"}
ALSO = (
    *("/rooms?dense=1&order=worst", "/rooms?search=nowhere", "/rooms/room-00001", "/rooms/room-00040"),
    *("/alerts?state=resolved", "/jobs/j-reboot", "/jobs/new?scopes=room-00001+room-00002", "/settings?scope=org"),
    *("/use?days=366", "/enrol?room=room-00002", "/audit?search=nobody", "/nothing"),
)
"""What pages look like otherwise."""


async def furnish(database: Database) -> None:
    """Add to a seeded fleet what admins set up."""
    await rulebook.seed(database)
    await rulebook.save_channel(database, "ops", "Ops", "json://127.0.0.1:9/")
    now = now_ms()
    await rulebook.begin_maintenance(database, Window("site:berlin", now, now + 7_200_000), "New switches", "ada", now)


def pages_of(secret: str, **of: str) -> Iterator[str]:
    """Yield the address of each page, those for strangers first; `secret` is a one-time link's."""
    routes = [cast("APIRoute", route) for router in routers() for route in router.routes]
    pages = {route.path for route in routes if "GET" in route.methods} - NO_PAGES
    for path in sorted(pages, key=lambda path: (not path.startswith(FOR_STRANGERS), path)):
        yield path.format(**{**OF, **of, "secret": secret}) + NEEDS.get(path, "")
    yield from ALSO
