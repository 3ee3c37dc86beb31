"""The frame around every page: templates, navigation, and how moments and sizes read."""

import json
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from appliance.state.counted import counted
from fleet.web.access.permissions import Action
from fleet.web.access.visitor import Visitor
from fleet.web.console import console_of

_NAVIGATION = (
    ("/rooms", "Rooms", Action.SEE),
    ("/alerts", "Alerts", Action.SEE),
    ("/jobs", "Jobs", Action.SEE),
    ("/settings", "Settings", Action.SEE),
    ("/use", "Use", Action.SEE),
    ("/enrol", "Add rooms", Action.ENROL),
    ("/people", "People", Action.MANAGE_USERS),
    ("/audit", "Audit", Action.SEE_AUDIT),
)
_EVERYWHERE = frozenset({Action.MANAGE_USERS, Action.SEE_AUDIT})
STATUS_WORDS = {
    "ready": "Ready",
    "meeting": "In a meeting",
    "warning": "Warning",
    "broken": "Broken",
    "offline": "Offline",
    "new": "Not heard yet",
}


def page(
    request: Request, visitor: Visitor | None, template: str, /, *, status: int = 200, **context: Any
) -> HTMLResponse:
    """Return a page, or a part of one, from its template."""
    console = console_of(request)
    everything = {
        "visitor": visitor,
        "csrf": visitor.session.csrf if visitor and visitor.session else "",
        "navigation": navigation(visitor) if visitor else (),
        "here": request.url.path,
        "now": console.now(),
        "Action": Action,
        "status_words": STATUS_WORDS,
        **context,
    }
    return HTMLResponse(_templates.get_template(template).render(everything), status)


def navigation(visitor: Visitor) -> list[tuple[str, str]]:
    """Return the pages that somebody may open."""
    return [
        (path, name)
        for path, name, action in _NAVIGATION
        if (visitor.may(action) if action in _EVERYWHERE else visitor.may_somewhere(action))
    ]


def moment(ms: int | None, form: str = "short") -> Markup:
    """Return a time element; the browser shows it in its own zone."""
    if ms is None:
        return Markup("–")
    try:
        at = datetime.fromtimestamp(ms / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return Markup("–")
    words = at.strftime("%d %b %Y, %H:%M UTC")
    return Markup('<time datetime="{}" data-form="{}">{}</time>').format(at.isoformat(), form, words)


def span(ms: int | None) -> str:
    """Return how long something took or has been, in one or two units."""
    if ms is None:
        return "–"
    seconds = max(0, ms // 1000)
    for size, unit, smaller, smaller_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if seconds >= size:
            rest = seconds % size // smaller
            return f"{seconds // size} {unit} {rest} {smaller_unit}" if rest else f"{seconds // size} {unit}"
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"


def clock(minute: int) -> str:
    """Return a minute of the day as 08:30; a day that ends at midnight ends at 00:00."""
    return f"{minute // 60 % 24:02}:{minute % 60:02}"


def size(count: int) -> str:
    """Return a number of bytes for people."""
    if count < 1000:
        return f"{count} bytes"
    if count < 1_000_000:
        return f"{count / 1e3:.0f} KB"
    return f"{count / 1e6:.1f} MB" if count < 1_000_000_000 else f"{count / 1e9:.1f} GB"


def percent(share: float | None) -> str:
    """Return a share from 0 to 1 as per cent."""
    return "–" if share is None else f"{share * 100:.1f} %"


def said(value: object, indent: int | None = None) -> str:
    """Return a value of a document as JSON for people; the template escapes it."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def status_icon(status: str) -> Markup:
    """Return the shape that stands for a status; the word stands beside it."""
    known = status if status in STATUS_WORDS else "new"
    return Markup('<svg class="shape {0}" aria-hidden="true"><use href="#shape-{0}"></use></svg>').format(known)


def _environment() -> Environment:
    folder = Path(str(files("fleet") / "web/templates"))
    made = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "moment": moment,
        "span": span,
        "counted": counted,
        "clock": clock,
        "size": size,
        "percent": percent,
        "shape": status_icon,
        "said": said,
    }
    return made


_templates = _environment()
