"""The codes with which rooms come in, as the pages list them. `fleet.enrolment` makes and checks them."""

from dataclasses import dataclass

from fleet.store.browse import Sites, within
from fleet.store.database import Reader, Transaction


@dataclass(frozen=True, slots=True)
class CodeLine:
    """A code, without its secret."""

    id: str
    name: str
    site: int | None
    floor: str
    made_at: int
    made_by: str
    expires_at: int
    tries: int
    used_at: int | None
    room: str | None = None
    """The room it is for, or that came in with it."""


async def codes(reader: Reader, sites: Sites, *, limit: int = 50) -> list[CodeLine]:
    """Return the newest codes for sites that may be seen."""
    rows = await reader.fetch(
        "SELECT id, name, site, floor, made_at, made_by, expires_at, tries, used_at, room FROM enrolment_codes "
        f"WHERE {within(sites, 'site')} ORDER BY made_at DESC, id LIMIT $1",
        limit,
    )
    return [CodeLine(**{name: row[name] for name in CodeLine.__dataclass_fields__}) for row in rows]


async def code(reader: Reader, code_id: str) -> CodeLine | None:
    """Return one code."""
    rows = await reader.fetch("SELECT * FROM enrolment_codes WHERE id = $1", code_id)
    return next((CodeLine(**{name: row[name] for name in CodeLine.__dataclass_fields__}) for row in rows), None)


async def add_code(tx: Transaction, line: CodeLine, secret: str) -> None:
    """Keep a new code."""
    await tx.execute(
        "INSERT INTO enrolment_codes (id, secret, name, site, floor, made_at, made_by, expires_at, room) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        line.id,
        secret,
        line.name,
        line.site,
        line.floor,
        line.made_at,
        line.made_by,
        line.expires_at,
        line.room,
    )


async def withdraw(tx: Transaction, code_id: str) -> bool:
    """Take an unused code back; False when there is none."""
    return await tx.execute("DELETE FROM enrolment_codes WHERE id = $1 AND used_at IS NULL", code_id) > 0
