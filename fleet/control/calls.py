"""Live requests to one room: the web asks, control sends, the writer of what rooms say hands the answer in."""

import json
import secrets
from collections.abc import Iterable, Mapping

from appliance.errors import SalonError
from appliance.telemetry.protocol.payloads import CallAck
from fleet.store.database import Database, Transaction

LIFE_MS = 30_000
_KEEP_MS = 30 * 24 * 3600 * 1000
_LONGEST_TEXT = 500


class BadCall(SalonError, ValueError):
    """A request that cannot be made."""


async def ask(database: Database, room: int, cmd: str, args: Mapping[str, str], who: str, now: int) -> str:
    """Have a room asked at once, and return the request's id; its answer appears in the table `calls`."""
    call = f"call-{secrets.token_hex(8)}"
    async with database.transaction() as tx:
        if not await tx.fetch("SELECT 1 FROM rooms WHERE key = $1 AND retired_at IS NULL", room):
            raise BadCall("There is no such room.")
        await tx.execute(
            "INSERT INTO calls (id, room, cmd, args, made_at, made_by, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            call,
            room,
            cmd,
            json.dumps(dict(args)),
            now,
            who,
            now + LIFE_MS,
        )
    return call


async def take_answer(tx: Transaction, room_key: int, answer: CallAck) -> bool:
    """Note what a room answered, in the writer's transaction; False where nobody asked, or it has answered."""
    changed = await tx.execute(
        "UPDATE calls SET answer = $1, reason = $2 WHERE id = $3 AND room = $4 AND answer IS NULL",
        answer.status.value,
        answer.reason[:_LONGEST_TEXT],
        answer.id,
        room_key,
    )
    return bool(changed)


async def take_answers(tx: Transaction, answers: Iterable[tuple[int, CallAck]]) -> None:
    """Note what rooms answered, each with its key."""
    for room_key, answer in answers:
        await take_answer(tx, room_key, answer)


async def forget(tx: Transaction, now: int) -> None:
    """Delete old requests."""
    await tx.execute("DELETE FROM calls WHERE expires_at < $1", now - _KEEP_MS)
