"""Rules, channels and maintenance from the pages and by the API: who may, what is never shown, what the log says."""

import csv
import io
import json

import pytest
from seed import fill
from web_parts import Clock, add_person, client_of, console_app, sign_in

from fleet.control import rulebook
from fleet.control.conditions import NUMBERS, Beyond, Issues
from fleet.store import audit
from fleet.web.access.permissions import Role

HOUR = 3_600_000
SECRET = "json://127.0.0.1:9/very-secret-token"
RULE = {"name": "Hot", "condition": {"kind": "number", "number": "temp_c", "above": 70, "clear": 65}, "for_s": 120}


@pytest.fixture
async def app(database):
    clock = Clock()
    await fill(database, now=clock())
    await rulebook.seed(database)
    for name, role, site in (
        *(("admin", Role.ADMIN, None), ("viewer", Role.VIEWER, None), ("operator", Role.OPERATOR, 2)),
        ("berlin", Role.ADMIN, 1),
    ):
        await add_person(database, name, (role, site))
    return console_app(database, clock)


async def actions(database):
    return [
        (entry.actor, entry.action, entry.target)
        for entry in await audit.entries(database)
        if entry.action != "signed in"
    ]


async def test_a_rule_is_made_changed_switched_off_and_deleted_on_the_page(app, database):
    async with client_of(app) as client:
        await sign_in(client, "admin")
        form = {"id": "lenses", "name": "Lenses", "kind": "issues", "ids": "device.camera* lens.*", "least": "warning"}
        form |= {"for_s": "90", "clear_s": "30", "scope": "site:lisbon", "severity": "error", "enabled": "yes"}
        assert (await client.post("/alerts/rules", data=form)).status_code == 303
        rule = await rulebook.rule(database, "lenses")
        assert rule.condition == Issues(("device.camera*", "lens.*"), "warning")
        assert (rule.for_s, rule.clear_s, rule.scope, rule.enabled) == (90, 30, "site:lisbon", True)
        assert "device.camera* lens.*" in (await client.get("/alerts/rules/lenses")).text
        form |= {"kind": "number", "number": "disk_free_mb", "side": "below", "bound": "100", "clear": "200"}
        del form["enabled"]
        assert (await client.post("/alerts/rules", data=form)).status_code == 303
        rule = await rulebook.rule(database, "lenses")
        assert (rule.condition, rule.enabled) == (Beyond("disk_free_mb", below=100, clear=200), False)
        for wrong in ({"bound": "many"}, {"clear": "50"}, {"kind": ""}, {"scope": "nowhere"}, {"id": "A B"}):
            answer = await client.post("/alerts/rules", data={**form, **wrong})
            assert (answer.status_code, 'role="alert"' in answer.text) == (409, True), wrong
        assert (await client.post("/alerts/rules/lenses/delete")).status_code == 303
        assert (await client.get("/alerts/rules/lenses")).status_code == 404
    assert await actions(database) == [
        ("admin", "rule deleted", "rule:lenses"),
        ("admin", "rule changed", "rule:lenses"),
        ("admin", "rule made", "rule:lenses"),
    ]


async def test_numbers_are_named_in_words_and_kept_by_their_keys(app):
    async with client_of(app) as client:
        await sign_in(client, "viewer")
        page = (await client.get("/alerts/rules")).text
        told = {one["number"]: one for one in (await client.get("/api/v1/alerts/numbers")).json()}
        await sign_in(client, "admin")
        form = (await client.get("/alerts/rules/hot")).text
    for words in (
        "temperature above 80 °C, until 75 °C",
        "free disk below 500 MB, until 1000 MB",
        "settings not taken<",
    ):
        assert words in page
    assert not [number for number in NUMBERS if "_" in number and number in page]
    assert '<option value="temp_c" selected>temperature, °C</option>' in form
    assert '<option value="starts">starts in 15 minutes</option>' in form
    assert set(told) == set(NUMBERS)
    assert (told["temp_c"]["name"], told["temp_c"]["unit"], told["behind"]["unit"]) == ("temperature", "°C", None)


@pytest.mark.parametrize(
    ("name", "scope", "status"),
    [
        ("admin", "org", 204),
        ("berlin", "site:berlin", 204),
        ("berlin", "org", 403),
        ("berlin", "site:lisbon", 404),
        ("operator", "site:lisbon", 403),
        ("viewer", "org", 403),
    ],
)
async def test_a_rule_needs_the_right_for_what_it_is_for(app, database, name, scope, status):
    async with client_of(app) as client:
        await sign_in(client, name)
        answer = await client.put("/api/v1/alerts/rules/mine", json={**RULE, "scope": scope})
        assert answer.status_code == status, answer.text
    assert bool(await rulebook.rule(database, "mine")) == (status == 204)


async def test_a_site_admin_takes_no_rule_away_from_all_others(app, database):
    async with client_of(app) as client:
        await sign_in(client, "berlin")
        taken = await client.put("/api/v1/alerts/rules/offline", json={**RULE, "scope": "site:berlin"})
        assert taken.status_code == 403
        assert (await client.delete("/api/v1/alerts/rules/offline")).status_code == 403
        assert (await rulebook.rule(database, "offline")).scope == "org"
        assert (await client.put("/api/v1/alerts/channels/x", json={"name": "x", "url": SECRET})).status_code == 403


async def test_a_channels_address_is_never_seen_again_and_a_test_notice_is_put_out(app, database):
    async with client_of(app) as client:
        await sign_in(client, "admin")
        form = {"id": "ops", "name": "Ops", "url": SECRET, "least": "warning", "enabled": "yes"}
        assert (await client.post("/alerts/channels", data=form)).status_code == 303
        assert (await client.post("/alerts/channels", data={**form, "url": "", "name": "Ops 2"})).status_code == 303
        assert (await client.post("/alerts/channels", data={**form, "url": "syslog://"})).status_code == 409
        assert (await client.post("/alerts/channels/ops/test")).status_code == 303
        assert (await client.post("/api/v1/alerts/channels/nothing/test")).status_code == 404
        rows = await database.fetch(
            "SELECT c.url AS url, o.title AS title FROM outbox o JOIN channels c ON c.key = o.channel"
        )
        assert [tuple(row.values()) for row in map(dict, rows)] == [(SECRET, "Salon: a test")]
        listed = (await client.get("/api/v1/alerts/channels")).json()
        assert [(one["name"], one["scheme"], one["waiting"]) for one in listed] == [("Ops 2", "json", 1)]
        seen = json.dumps(listed) + "".join(
            [(await client.get(path)).text for path in ("/alerts/rules", "/audit", "/alerts/rules/offline")]
        )
        assert "Ops 2" in seen
        assert "very-secret" not in seen
        assert (await client.put("/api/v1/alerts/rules/mine", json={**RULE, "channels": ["nope"]})).status_code == 409
        assert (await client.put("/api/v1/alerts/rules/mine", json={**RULE, "channels": ["ops"]})).status_code == 204
        assert (await client.delete("/api/v1/alerts/channels/ops")).status_code == 409
        assert (await client.delete("/api/v1/alerts/rules/mine")).status_code == 204
        assert (await client.delete("/api/v1/alerts/channels/ops")).status_code == 204


async def test_operators_plan_maintenance_for_their_site_and_end_it(app, database):
    now = app.state.console.now()
    async with client_of(app) as client, client_of(app) as berlin:
        await sign_in(client, "operator")
        await sign_in(berlin, "berlin")
        form = {"scope": "site:lisbon", "hours": "1.5", "reason": "new <b>screens</b>", "begins_ms": str(now + HOUR)}
        assert (await client.post("/alerts/maintenance", data=form)).status_code == 303
        (window,) = (await client.get("/api/v1/alerts/maintenance")).json()
        assert (window["from_at"], window["until_at"]) == (now + HOUR, now + 2.5 * HOUR)
        assert "new &lt;b&gt;screens" in (await client.get("/alerts/rules")).text
        assert (await berlin.get("/api/v1/alerts/maintenance")).json() == []
        assert (await berlin.delete(f"/api/v1/alerts/maintenance/{window['key']}")).status_code == 404
        assert (await client.post("/alerts/maintenance", data={**form, "scope": "org"})).status_code == 403
        assert (
            await client.post("/alerts/maintenance", data={**form, "begins_ms": "", "begins": "soon"})
        ).status_code == 409
        assert (await client.post(f"/alerts/maintenance/{window['key']}/end")).status_code == 303
        assert (await client.get("/api/v1/alerts/maintenance")).json() == []
    assert await actions(database) == [
        ("operator", "maintenance ended", f"maintenance:{window['key']}"),
        ("operator", "maintenance planned", f"maintenance:{window['key']}"),
    ]


async def test_alerts_come_as_a_table_of_the_sites_one_sees(app, database):
    async with database.transaction() as tx:
        await tx.execute("UPDATE alerts SET fired_at = began_at")
        await tx.execute("UPDATE alerts SET text = '=1+1' WHERE key = 1")
    async with client_of(app) as client:
        await sign_in(client, "operator")
        answer = await client.get("/alerts.csv?days=1")
        assert "attachment" in answer.headers["Content-Disposition"]
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [(row["room"], row["text"]) for row in rows] == [("room-00002", "'=1+1")]
        assert (await client.get("/api/v1/alerts/table.csv?days=1")).text == answer.text
        assert (await client.get("/alerts.csv?from_at=5&until_at=4")).status_code == 409
