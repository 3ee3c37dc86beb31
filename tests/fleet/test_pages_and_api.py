"""Programs can do what people can: every page, and every field of its forms, has its partner in the API.

Both sides are asked for from the program itself, so a new page without a partner fails here.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import APIRouter, FastAPI

from fleet.web.api import routers as api_routers
from fleet.web.pages import routers as page_routers

_SEEN_BY_EYE = "a frame around the page's other data"
_A_DOOR = "people come in by it; a program has its token"
_A_PERSONS_OWN = "no token makes, sees or ends tokens: who stole one would make themselves another"
ALONE = {
    "GET /": _SEEN_BY_EYE,
    **dict.fromkeys(("GET /sign-in", "POST /sign-in", "POST /sign-out"), _A_DOOR),
    **dict.fromkeys(("GET /sign-in/elsewhere", "GET /sign-in/back"), _A_DOOR),
    **dict.fromkeys(("GET /welcome/{secret}", "POST /welcome/{secret}"), _A_DOOR),
    **dict.fromkeys(("POST /account/tokens", "POST /account/tokens/{key}/remove"), _A_PERSONS_OWN),
    **dict.fromkeys(("GET /live/rooms.json", "GET /live/rooms"), "a token may ask it as it is: docs/api.md"),
    "GET /rooms/{room_id}/live": "says only that GET /rooms/{room_id} tells something new",
    "GET /metrics": "for programs as it is",
}
"""What only pages have, and why."""
PARTNERS = {
    "GET /rooms": "GET /rooms, GET /views, GET /sites",
    "GET /rooms.csv": "GET /rooms.csv",
    "POST /views": "POST /views",
    "POST /views/{key}/remove": "DELETE /views/{key}",
    "GET /rooms/{room_id}": "GET /rooms/{room_id}, GET /rooms/{room_id}/events, GET /rooms/{room_id}/meetings, "
    "GET /rooms/{room_id}/configuration, GET /rooms/{room_id}/settings, GET /rooms/{room_id}/jobs, "
    "GET /rooms/{room_id}/files, GET /sites",
    "GET /rooms/{room_id}/now": "GET /rooms/{room_id}",
    "GET /rooms/{room_id}/series.json": "GET /rooms/{room_id}/series",
    "GET /rooms/{room_id}/more-events": "GET /rooms/{room_id}/events",
    "GET /rooms/{room_id}/events.csv": "GET /rooms/{room_id}/events.csv",
    "GET /rooms/{room_id}/files/{key}": "GET /rooms/{room_id}/files/{key}",
    "POST /rooms/{room_id}/place": "PUT /rooms/{room_id}/place",
    "POST /rooms/{room_id}/name": "PUT /rooms/{room_id}/name",
    "POST /rooms/{room_id}/retire": "POST /rooms/{room_id}/retire",
    "GET /alerts": "GET /alerts",
    "GET /alerts.csv": "GET /alerts/table.csv",
    "POST /alerts/{key}/acknowledge": "POST /alerts/{key}/acknowledge",
    "POST /alerts/{key}/snooze": "POST /alerts/{key}/snooze",
    "GET /alerts/rules": "GET /alerts/rules, GET /alerts/channels, GET /alerts/maintenance",
    "GET /alerts/rules/new": "GET /alerts/numbers, GET /alerts/channels",
    "GET /alerts/rules/{rule_id}": "GET /alerts/rules/{rule_id}, GET /alerts/numbers, GET /alerts/channels",
    "POST /alerts/rules": "PUT /alerts/rules/{rule_id}",
    "POST /alerts/rules/{rule_id}/delete": "DELETE /alerts/rules/{rule_id}",
    "POST /alerts/channels": "PUT /alerts/channels/{channel}",
    "POST /alerts/channels/{channel}/test": "POST /alerts/channels/{channel}/test",
    "POST /alerts/channels/{channel}/delete": "DELETE /alerts/channels/{channel}",
    "POST /alerts/maintenance": "POST /alerts/maintenance",
    "POST /alerts/maintenance/{key}/end": "DELETE /alerts/maintenance/{key}",
    "GET /jobs": "GET /jobs",
    "GET /jobs/new": "POST /jobs",
    "GET /jobs/{job}": "GET /jobs/{job}, GET /jobs/{job}/waves, GET /jobs/{job}/rooms",
    "POST /jobs": "POST /jobs",
    **{f"POST /jobs/{{job}}/{what}": f"POST /jobs/{{job}}/{what}" for what in ("cancel", "approve", "pause", "resume")},
    "GET /settings": "GET /settings, GET /settings/keys, GET /sites",
    "POST /settings": "PUT /settings/{scope}",
    "POST /settings/keys": "POST /settings/{scope}/preview",
    "POST /settings/preview": "POST /settings/{scope}/preview",
    "GET /settings/history": "GET /settings/{scope}/revisions, GET /settings/{scope}/differences",
    "POST /settings/roll-back": "POST /settings/{scope}/roll-back",
    "GET /use": "GET /use",
    "GET /use/rooms.csv": "GET /use/rooms.csv",
    "GET /use/meetings.csv": "GET /use/meetings.csv",
    "GET /enrol": "GET /codes, POST /codes, GET /sites",
    "POST /enrol": "POST /codes",
    "POST /enrol/{code_id}/withdraw": "DELETE /codes/{code_id}",
    "GET /people": "GET /users, GET /sites",
    "POST /people": "POST /users",
    "POST /people/{key}/link": "POST /users/{key}/link",
    "POST /people/{key}/role": "PATCH /users/{key}",
    "POST /people/{key}/disabled": "PATCH /users/{key}",
    "POST /sites": "PUT /sites/{site_id}",
    "GET /audit": "GET /audit, GET /audit/dropped",
    "GET /audit.csv": "GET /audit.csv",
    "GET /audit/verdict": "GET /audit/verdict",
    "GET /account": "GET /me, GET /sites",
}
SAID_OTHERWISE = {
    "POST /rooms/{room_id}/place": {},
    "POST /alerts/rules": {"id": "rule_id"}
    | dict.fromkeys(
        ("kind", "ids", "but", "least", "most", "number", "side", "bound", "clear", "than"),
        "condition",
    ),
    "POST /alerts/channels": {"id": "channel"},
    "POST /alerts/maintenance": {"begins": "from_at", "begins_ms": "from_at", "hours": "until_at"},
    "GET /jobs/new": {},
    "POST /jobs": dict.fromkeys(("key", "version", "url", "what"), "args")
    | {"begins": "not_before", "begins_ms": "not_before", "now": "if_idle", "approval": "needs_approval"},
    "GET /settings": {"scope": "-"},
    "POST /people": {"role": "grants", "site": "grants"},
    "POST /people/{key}/role": {"role": "grants", "site": "grants"},
    "POST /people/{key}/disabled": {"to": "disabled"},
    "POST /sites": {"id": "site_id", "hours": "open_days", "days": "open_days"},
}
"""By which word of the API a page's field is said there; - for what only opens the page at a place."""


def document(routers: Iterable[APIRouter]) -> Mapping[str, Any]:
    app = FastAPI()
    for router in routers:
        app.include_router(router)
    return app.openapi()


def said_to(routers: Iterable[APIRouter]) -> dict[str, set[str]]:
    """Return each route with what can be said to it: in its address, its query, its form or its JSON."""
    described = document(routers)
    return {
        f"{method.upper()} {path}": {one["name"] for one in what.get("parameters", ())} | body_of(described, what)
        for path, methods in described["paths"].items()
        for method, what in methods.items()
    }


def body_of(described: Mapping[str, Any], what: Mapping[str, Any]) -> set[str]:
    content = what.get("requestBody", {}).get("content", {})
    names = [kind["schema"].get("$ref", "").rpartition("/")[2] for kind in content.values()]
    return {field for name in names if name for field in described["components"]["schemas"][name]["properties"]}


PAGES, OPERATIONS = said_to(page_routers()), said_to(api_routers())


def test_every_page_has_its_partner_in_the_api_or_a_reason_to_have_none():
    assert set(PAGES) == set(PARTNERS) | set(ALONE)
    assert not set(PARTNERS) & set(ALONE)
    assert {one for all_of in PARTNERS.values() for one in all_of.split(", ")} <= set(OPERATIONS)


def test_every_field_of_a_page_can_be_said_to_its_partner():
    missing = []
    for page, partners in PARTNERS.items():
        known = {"-"}.union(*(OPERATIONS[one] for one in partners.split(", ")))
        other = SAID_OTHERWISE.get(page, {})
        missing += [(page, word) for word in sorted(PAGES[page]) if other.get(word, word) not in known]
    assert missing == []
