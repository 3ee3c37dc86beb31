"""Which rooms somebody looks for, said alike to the API and for a table, and that table."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from fleet.control import exports
from fleet.control.conditions import is_older
from fleet.store import browse
from fleet.web.access.accounts import NotPossible
from fleet.web.access.visitor import Visitor
from fleet.web.acting import in_words
from fleet.web.console import Console, console_of
from fleet.web.inputs import Text
from fleet.web.spans import csv_file


class RoomsWanted(BaseModel):
    """Which rooms are asked for."""

    status: Annotated[list[str], Field(max_length=6)] = []
    site: Text = ""
    tag: Text = ""
    version: Annotated[Text, Field(description="the version of Salon that a room runs")] = ""
    older_than: Annotated[Text, Field(description="a version such as 0.3.0: rooms that run an older one")] = ""
    search: Annotated[
        Text, Field(description="words, each of them in a name, id, issue, floor, version, site or tag")
    ] = ""


class RoomsQuery(RoomsWanted):
    """The same, a page at a time."""

    after: Annotated[Text, Field(description="the last room's id of the page before")] = ""
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


async def filter_of(console: Console, visitor: Visitor, asked: RoomsWanted) -> browse.Filter:
    """Return what is asked for, as the database is asked."""
    versions = await _versions(console, visitor, asked.version, asked.older_than)
    return browse.Filter(asked.status, asked.site, asked.tag, versions, asked.search)


async def _versions(console: Console, visitor: Visitor, version: str, older_than: str) -> list[str] | None:
    """Return the versions that are asked for; None for any."""
    if not older_than:
        return [version] if version else None
    if is_older(older_than, older_than) is None:
        raise NotPossible("A version is like 0.3.0.")
    run = [version] if version else await browse.versions_of(console.database, visitor.sites())
    return [one for one in run if is_older(one, older_than)]


async def rooms_table(request: Request, visitor: Visitor, asked: RoomsWanted) -> Response:
    """Return the rooms that are asked for as a file."""
    console = console_of(request)
    wanted = await filter_of(console, visitor, asked)
    text = await in_words(exports.rooms_csv(console.database, wanted, sites=visitor.sites()))
    today = datetime.fromtimestamp(console.now() / 1000, UTC)
    return csv_file(f"rooms-{today:%Y%m%d}", text)
