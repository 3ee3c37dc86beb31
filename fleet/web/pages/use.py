"""How much the rooms are used, when, and how good their calls are; as tables for a spreadsheet, too."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from fleet.control import exports, use
from fleet.web.acting import in_words
from fleet.web.console import console_of
from fleet.web.gate import Seeing
from fleet.web.pages.frame import page
from fleet.web.spans import AskedSpan, Span, csv_answer

router = APIRouter()
_DAY_MS = 86_400_000
_MOST_SHOWN = 200
_LEVELS = 5
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@router.get("/use")
async def show(request: Request, visitor: Seeing, span: AskedSpan) -> Response:
    try:
        found = await use.report(console_of(request).database, span.from_at, span.until_at, sites=visitor.sites())
        words = ""
    except use.TooMuch as err:
        # the page stays, with the choice of a shorter time
        found, words = use.Use((), (), None, None, span.from_at, span.until_at), str(err)
    busiest = sorted(found.rooms, key=lambda room: (-(room.utilisation or 0), -room.held, room.room))
    return page(
        request,
        visitor,
        "use.html",
        title="Use",
        use=found,
        rooms=busiest[:_MOST_SHOWN],
        span=span,
        days=(span.until_at - span.from_at) // _DAY_MS,
        peak=_levels(found.peak),
        busy=any(room.held or room.booked for room in found.rooms),
        words=words,
    )


@router.get("/use/rooms.csv")
async def rooms_table(request: Request, visitor: Seeing, span: AskedSpan) -> Response:
    reader = console_of(request).database
    found = await in_words(use.report(reader, span.from_at, span.until_at, sites=visitor.sites()))
    return csv_answer("rooms", Span(found.from_at, found.until_at), use.rooms_csv(found))


@router.get("/use/meetings.csv")
async def meetings_table(request: Request, visitor: Seeing, span: AskedSpan) -> Response:
    reader = console_of(request).database
    text = await in_words(exports.meetings_csv(reader, span.from_at, span.until_at, sites=visitor.sites()))
    return csv_answer("meetings", span, text)


def _levels(peak: tuple[tuple[float, ...], ...]) -> list[tuple[str, list[tuple[int, int]]]]:
    """Return each weekday with its hours: minutes in use, and how dark that is shown."""
    most = max((minutes for day in peak for minutes in day), default=0)
    return [
        (name, [(round(minutes), _level(minutes, most)) for minutes in day])
        for name, day in zip(DAYS, peak, strict=False)
    ]


def _level(minutes: float, most: float) -> int:
    """Return 0 for nothing, and 1 to 5 up to the most."""
    return 0 if not minutes else min(_LEVELS, 1 + int(minutes / most * _LEVELS))
