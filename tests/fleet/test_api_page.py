"""docs/api.md lists what the API really has. `python tests/fleet/test_api_page.py` writes its tables anew."""

import re
from pathlib import Path
from types import SimpleNamespace

from fleet.web.app import create_app
from fleet.web.settings import WebSettings

PAGE = Path(__file__).resolve().parents[2] / "docs/api.md"
MARKS = "<!-- from the code: begin -->\n", "<!-- end -->\n"
BASE = "/api/v1"
HEADS = {
    "rooms": "Rooms and sites",
    "rules": "Alerts: rules, channels, maintenance",
    "work": "Alerts, jobs, settings, use",
    "people": "People and the audit log",
    "enrolment": "Enrolment",
}


def description():
    return create_app(SimpleNamespace(dialect="sqlite"), WebSettings()).openapi()


def tables(api):
    """Return the tables of all that can be asked, as Markdown."""
    rows = {tag: [] for tag in HEADS}
    for path, methods in api["paths"].items():
        for method, what in methods.items():
            rows[what["tags"][0]].append(row(api, method.upper(), path, what))
    return "\n".join(f"## {HEADS[tag]}\n| | | takes |\n|---|---|---|\n{''.join(found)}" for tag, found in rows.items())


def row(api, method, path, what):
    words = " ".join(what["description"].split()).replace("|", "\\|")
    asked = [field["name"] for field in what.get("parameters", ()) if field["in"] == "query"]
    takes = ", ".join(f"`{name}`" for name in (*asked, *body(api, what)))
    return f"| `{method} {path.removeprefix(BASE)}` | {words} | {takes} |\n"


def body(api, what):
    content = what.get("requestBody", {}).get("content", {})
    for kind in content.values():
        name = kind["schema"].get("$ref", "").rpartition("/")[2]
        schema = api["components"]["schemas"].get(name, {})
        yield from (f"{key}*" if key in schema.get("required", ()) else key for key in schema.get("properties", ()))


def split(page):
    before, _, rest = page.partition(MARKS[0])
    inside, _, after = rest.partition(MARKS[1])
    return before, inside, after


def test_the_page_lists_what_the_api_has():
    assert split(PAGE.read_text())[1] == tables(description())


def test_the_page_names_every_way_the_api_can_refuse():
    told = set(re.findall(r"\b4\d\d\b", split(PAGE.read_text())[0]))
    paths = description()["paths"].values()
    given = {code for methods in paths for what in methods.values() for code in what["responses"] if code[0] == "4"}
    assert given <= told


if __name__ == "__main__":
    first, _, last = split(PAGE.read_text())
    PAGE.write_text(first + MARKS[0] + tables(description()) + MARKS[1] + last)
