"""What rooms are announced with to a Home Assistant works on what a room really says.

Its templates are Jinja2's (`value_json` is the parsed payload); a name that is not there fails here.
"""

import json
import re
from pathlib import Path

import pytest
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from appliance.telemetry.protocol.codec import encode
from appliance.telemetry.protocol.payloads import (
    CallPhase,
    ClockSync,
    Gauges,
    Health,
    Issue,
    Severity,
    Stamp,
    State,
)
from appliance.telemetry.protocol.topics import Topics
from fleet.control.homeassistant import HomeAssistant

ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
STAMP = Stamp(1, "boot-1", 4, 1_795_435_200_000, 77, ClockSync.YES)
QUIET = Health(CallPhase.IDLE)
TROUBLE = Health(
    CallPhase.LIVE,
    gauges=Gauges(temp_c=61.5),
    issues=(Issue("a", Severity.WARNING, "Warm."), Issue("b", Severity.ERROR, "Camera is not there.")),
    occupied=True,
)
PAGE = Path(__file__).parents[3] / "docs/mqtt.md"


def announced() -> dict:
    return json.loads(HomeAssistant("home").announced("blue", "Blue room", "Berlin").payload)


def rendered(template: str, body) -> str:
    return ENVIRONMENT.from_string(template).render(value_json=json.loads(encode(STAMP, body)))


@pytest.mark.parametrize(
    ("health", "shown"),
    [
        (QUIET, {"problem": "OFF", "call": "OFF", "occupied": "None", "issues": "0", "temperature": "None"}),
        (TROUBLE, {"problem": "ON", "call": "ON", "occupied": "ON", "issues": "2", "temperature": "61.5"}),
        (Health(CallPhase.LOBBY, occupied=False), {"call": "ON", "occupied": "OFF"}),
        (Health(CallPhase.LEAVING, issues=TROUBLE.issues[:1]), {"problem": "OFF", "call": "OFF", "issues": "1"}),
    ],
)
def test_every_template_makes_of_a_health_report_what_is_meant(health, shown):
    """`None` is the word with which Home Assistant is told that nothing is known."""
    found = {name: rendered(one["val_tpl"], health) for name, one in announced()["cmps"].items()}
    assert found | shown == found
    assert found.keys() == {"problem", "call", "occupied", "issues", "temperature"}


@pytest.mark.parametrize(("online", "word"), [(True, "online"), (False, "offline")])
def test_a_room_is_available_as_its_state_says(online, word):
    (where,) = announced()["avty"]
    assert where["t"] == Topics("home", "blue").state
    assert rendered(where["val_tpl"], State(online, 1)) == word


def test_the_templates_of_the_documentation_work_too():
    found = re.findall(r'state_topic: \S+/up/(\w+)\n +value_template: "(.+)"', PAGE.read_text())
    bodies = {"state": State(online=True, bd=1), "health": TROUBLE}
    assert [rendered(template, bodies[leaf]) for leaf, template in found] == ["ON", "live", "2"]
