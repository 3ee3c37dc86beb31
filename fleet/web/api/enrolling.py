"""Coming in: what rooms ask without a session, the codes they need for it, and taking a room out again."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic.dataclasses import dataclass
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from appliance.state.counted import counted
from appliance.telemetry.protocol.enrolling import LONGEST, PATH, RENEW_PATH
from fleet import enrolment
from fleet.store import audit, codes
from fleet.web import rooms_in
from fleet.web.access.limits import origin
from fleet.web.api.common import ERRORS, Wrong
from fleet.web.console import console_of
from fleet.web.gate import Enrolling, TooOften, address
from fleet.web.inputs import Limit, Text

router = APIRouter(
    tags=["enrolment"],
    responses={
        **ERRORS,
        400: {"model": Wrong, "description": "Not understood"},
        409: {"model": Wrong, "description": "This console enrols no rooms"},
    },
)
_PREFIX = "/api/v1"
_MUCH = "Too much went wrong from this address. Try again in {wait}."


@dataclass(frozen=True)
class SealedBody:
    """What a room asks, and the proof that it knows the code."""

    body: str
    proof: Text
    code: Text = ""


@dataclass(frozen=True)
class RenewingBody:
    """What a room asks, signed with its certificate's key."""

    body: str
    certificate: str
    sig: Text


@dataclass(frozen=True)
class CodeBody:
    """For whom a code is."""

    name: Text = ""
    site: Text = ""
    floor: Text = ""
    room: Text = ""
    """The id of the one room it is for; needed by a room that is enrolled already."""


@dataclass(frozen=True)
class NewCode:
    """A code, told this once."""

    code: str
    expires_at: int


Ask = Callable[..., Awaitable[enrolment.Answer]]


@router.post(PATH.removeprefix(_PREFIX), response_class=JSONResponse)
async def enrol(request: Request, body: SealedBody) -> Response:
    """Let a room in that proves to know a code. Needs no session; see docs/enrolment.md."""
    return await _answered(request, enrolment.enrol, asdict(body), f"code:{body.code[:6]}")


@router.post(RENEW_PATH.removeprefix(_PREFIX), response_class=JSONResponse)
async def renew(request: Request, body: RenewingBody) -> Response:
    """Give an enrolled room its next certificate. Needs no session: the old one's key signs."""
    return await _answered(request, enrolment.renew, asdict(body), "renewal")


async def _answered(request: Request, ask: Ask, asked: dict[str, Any], target: str) -> Response:
    console, where = console_of(request), origin(address(request))
    if console.fleet is None:
        return JSONResponse({"error": rooms_in.NO_FLEET}, 409)
    if wait_s := console.tries.wait_s(where, console.now()):
        raise TooOften(_MUCH.format(wait=counted(-(-wait_s // 60), "minute")), wait_s)
    if len(json.dumps(asked)) > 2 * LONGEST:
        return JSONResponse({"error": "this is no question that a room would ask"}, 400)
    answer = await ask(asked, console.fleet, console.database, rooms_in.moment(console))
    if answer.status != 200:
        console.tries.failed(where, console.now())
        why = str(answer.body.get("error", ""))
        await audit.note(console.database, console.now(), where, "enrolment refused", target, why=why)
    return JSONResponse(answer.body, answer.status)


@router.post("/codes")
async def make_code(request: Request, visitor: Enrolling, body: CodeBody) -> NewCode:
    """Make a one-time code for `salon setup`; nobody can read it again."""
    wish = rooms_in.CodeWish(body.name, body.site, body.floor, body.room)
    code, until = await rooms_in.make_code(console_of(request), visitor, wish)
    return NewCode(str(code), until)


@router.get("/codes")
async def listed(request: Request, visitor: Enrolling, limit: Limit = 50) -> list[codes.CodeLine]:
    """List the newest codes, used ones and those that wait; never their secrets."""
    return await rooms_in.listed_codes(console_of(request), visitor, limit)


@router.delete("/codes/{code_id}", status_code=204)
async def withdraw(request: Request, visitor: Enrolling, code_id: Text) -> None:
    """Take back a code that no room has used."""
    await rooms_in.withdraw_code(console_of(request), visitor, code_id)


@router.post("/rooms/{room_id}/retire", status_code=204)
async def retire(request: Request, visitor: Enrolling, room_id: str) -> None:
    """Take a room out of the fleet: its certificate is revoked, and nothing it says is taken any more."""
    await rooms_in.retire(console_of(request), visitor, room_id)
