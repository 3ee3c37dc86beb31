"""Who lets rooms in and takes them out, for pages and API alike: asked for by right, noted in the audit log."""

from dataclasses import dataclass
from datetime import UTC, datetime

from appliance.telemetry.protocol.enrolling import Code
from appliance.telemetry.protocol.topics import is_id
from fleet import enrolment
from fleet.store import browse, codes
from fleet.web.access.accounts import NotPossible
from fleet.web.access.permissions import Action
from fleet.web.access.visitor import Visitor
from fleet.web.console import Console
from fleet.web.gate import NotThere, require
from fleet.web.placing import site_key

NO_FLEET = (
    "This console enrols no rooms: it has no broker that rooms elsewhere could come to. "
    "Its admin sets one up with: salon console init"
)
RELOAD = "sudo systemctl restart mosquitto"


@dataclass(frozen=True, slots=True)
class CodeWish:
    """For whom a code is to be."""

    name: str = ""
    site: str = ""
    """A site's id; empty for none."""
    floor: str = ""
    room: str = ""
    """A room's id; empty for any that is not enrolled."""


def moment(console: Console) -> datetime:
    """Return the console's time."""
    return datetime.fromtimestamp(console.now() / 1000, UTC)


async def make_code(console: Console, visitor: Visitor, wish: CodeWish) -> tuple[Code, int]:
    """Make a code; return it and until when it is good."""
    key = await site_key(console, wish.site)
    require(visitor, Action.ENROL, key)
    if console.fleet is None:
        raise NotPossible(NO_FLEET)
    room = wish.room.strip()
    if room:
        await _check_room(console, visitor, room)
    name = wish.name.strip()
    wanted = enrolment.Wish(visitor.actor, name, key, " ".join(wish.floor.split())[:40], room)
    async with console.database.transaction() as tx:
        code, until = await enrolment.make_code(tx, wanted, moment(console))
        await console.audit.note(
            tx,
            console.now(),
            visitor.actor,
            "enrolment code made",
            f"code:{code.id}",
            site=wish.site,
            name=name,
            room=room,
        )
    return code, int(until.timestamp() * 1000)


async def _check_room(console: Console, visitor: Visitor, room: str) -> None:
    """Whoever may bring a room in again takes it over: that needs the right where it is now."""
    if not is_id(room):
        raise NotPossible("A room's id has 1 to 36 of a-z, 0-9 and -; it stands on the room's page.")
    found = await browse.room(console.database, room)
    if found is not None:
        require(visitor, Action.ENROL, found.line.site)


async def listed_codes(console: Console, visitor: Visitor, limit: int = 50) -> list[codes.CodeLine]:
    """Return the newest codes for where somebody lets rooms in; never their secrets."""
    return await codes.codes(console.database, visitor.sites(Action.ENROL), limit=limit)


async def withdraw_code(console: Console, visitor: Visitor, code_id: str) -> None:
    """Take back a code that no room has used."""
    found = await codes.code(console.database, code_id)
    if found is None or not visitor.may(Action.SEE, found.site):
        raise NotThere("There is no such code, or it is for a site that you may not see.")
    require(visitor, Action.ENROL, found.site)
    async with console.database.transaction() as tx:
        if not await codes.withdraw(tx, code_id):
            raise NotPossible("This code has been used: retire the room instead.")
        await console.audit.note(tx, console.now(), visitor.actor, "enrolment code withdrawn", f"code:{code_id}")


async def retire(console: Console, visitor: Visitor, room_id: str) -> None:
    """Take a room out of the fleet."""
    room = await browse.room(console.database, room_id)
    if room is None or not visitor.may(Action.SEE, room.line.site):
        raise NotThere("There is no such room, or it is at a site that you may not see.")
    require(visitor, Action.ENROL, room.line.site)
    authority = console.fleet.authority if console.fleet else None
    async with console.database.transaction() as tx:
        if not await enrolment.retire(tx, authority, room_id, moment(console)):
            raise NotPossible("This room is retired already.")
        await console.audit.note(tx, console.now(), visitor.actor, "room retired", f"room:{room_id}")
