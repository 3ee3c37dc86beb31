"""Settings from the pages and by the API: what they would change, what they were, and back again."""

import json
import re
from html import unescape

import pytest
from seed import fill
from web_parts import Clock, add_person, client_of, console_app, sign_in

from fleet.control.drive import Driver
from fleet.store import audit
from fleet.web.access.permissions import Role


@pytest.fixture
async def app(database):
    clock = Clock()
    await fill(database, now=clock())
    for name, role, site in (
        *(("admin", Role.ADMIN, None), ("viewer", Role.VIEWER, None)),
        *(("berlin", Role.ADMIN, 1), ("lisbon", Role.OPERATOR, 2)),
    ):
        await add_person(database, name, (role, site))
    return console_app(database, clock)


async def layers(database):
    return len(await database.fetch("SELECT rev FROM layers"))


async def test_a_preview_names_the_rooms_and_changes_nothing(app, database):
    before = await layers(database)
    async with client_of(app) as client:
        await sign_in(client, "berlin")
        doc = {"joining": {"lead_s": 300}, "tv": {"idle_off_min": 30}}
        body = {"doc": doc, "based_on": 3}
        changes = (await client.post("/api/v1/settings/site:berlin/preview", json=body)).json()
        rooms = {change["room"]: {one["key"]: one["after"] for one in change["differences"]} for change in changes}
        # the seeded fleet was told by hand: all rooms would be told anew, but only Berlin's what is set here
        assert rooms["room-00001"] == {"joining.lead_s": 300, "tv.idle_off_min": 30}
        page = await client.post("/settings/preview", data={"scope": "site:berlin", "doc": json.dumps(doc)})
        assert "would change" in page.text
        assert "tv.idle_off_min" in page.text
        for wrong in ({"scope": "site:lisbon"}, {"doc": "["}, {"doc": '{"no": {"such": 1}}'}):
            answer = await client.post("/settings/preview", data={"scope": "site:berlin", "doc": "{}", **wrong})
            assert answer.status_code in {404, 409}
        assert (await client.post("/settings/preview", data={"scope": "org", "doc": "{}"})).status_code == 403
    assert await layers(database) == before


async def test_revisions_are_compared_and_an_older_one_holds_again(app, database):
    async with client_of(app) as client, client_of(app) as viewer:
        await sign_in(client, "admin")
        await sign_in(viewer, "viewer")
        body = {"doc": {"tv": {"idle_off_min": 20}}, "locks": ["tv.idle_off_min"], "based_on": 2, "note": "energy"}
        assert (await client.put("/api/v1/settings/org", json=body)).status_code == 204
        page = (await viewer.get("/settings/history?scope=org")).text
        assert "energy" in page
        assert "Locked: <code>tv.idle_off_min</code>" in page
        assert "Back to this" not in page
        found = await viewer.get("/api/v1/settings/org/differences?before=2&after=3")
        assert found.json() == [
            {"key": "sound.beam", "before": True, "after": None},
            {"key": "tv.idle_off_min", "before": 10, "after": 20},
        ]
        assert (
            await viewer.post("/settings/roll-back", data={"scope": "org", "rev": 2, "based_on": 3})
        ).status_code == 403
        late = await client.post("/settings/roll-back", data={"scope": "org", "rev": 1, "based_on": 2})
        assert (late.status_code, "meanwhile" in late.text) == (409, True)
        assert "Back to this" in (await client.get("/settings/history?scope=org&before=1&after=3")).text
        assert (
            await client.post("/settings/roll-back", data={"scope": "org", "rev": 2, "based_on": 3})
        ).status_code == 303
        revisions = (await viewer.get("/api/v1/settings/org/revisions")).json()
        assert [one["rev"] for one in revisions] == [4, 3, 2, 1]
        assert revisions[0]["doc"] == revisions[2]["doc"]
        assert revisions[0]["locks"] == []
        assert (await client.post("/api/v1/settings/org/roll-back", json={"rev": 99, "based_on": 4})).status_code == 409
    noted = [(entry.action, entry.detail.get("rev")) for entry in await audit.entries(database, search="settings ")]
    assert noted == [("settings rolled back", 4), ("settings saved", 3)]


@pytest.mark.parametrize(
    ("scope", "status"),
    [("org", 200), ("site:berlin", 404), ("room:room-00001", 404), ("site:lisbon", 404), ("x", 409)],
)
async def test_the_past_of_others_sites_is_not_told(app, scope, status):
    async with client_of(app) as client:
        await sign_in(client, "lisbon")
        assert (await client.get(f"/settings/history?scope={scope}")).status_code == status
        listed = await client.get(f"/api/v1/settings/{scope}/revisions")
        assert listed.status_code == (200 if scope == "site:lisbon" else status)


async def test_settings_are_written_key_by_key_and_previewed_first(app, database):
    before = await layers(database)
    form = {"scope": "org", "based_on": "2", "note": "energy", "set.tv.idle_off_min": "25", "set.sound.beam": "false"}
    async with client_of(app) as client, client_of(app) as viewer:
        await sign_in(client, "admin")
        await sign_in(viewer, "viewer")
        page = (await client.get("/settings?scope=org")).text
        assert re.search(r'name="set.tv.idle_off_min" value="10"', page)
        assert "How long without a sign of people until the TV goes off by day" in page
        assert 'name="set.' not in (await viewer.get("/settings?scope=org")).text
        assert (await viewer.post("/settings/keys", data=form)).status_code == 403
        preview = (await client.post("/settings/keys", data={**form, "lock.tv.idle_off_min": "yes"})).text
        assert "40 rooms would change" in preview
        assert await layers(database) == before
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', preview))
        assert (await client.post("/settings", data={**fields, "doc": unescape(fields["doc"])})).status_code == 303
        wrong = await client.post("/settings/keys", data={**form, "set.tv.idle_off_min": "soon"})
        assert (wrong.status_code, "tv.idle_off_min: &#39;soon&#39; is no number" in wrong.text) == (409, True)
        newest = (await client.get("/api/v1/settings/org/revisions")).json()[0]
    assert newest["doc"] == {"sound": {"beam": False}, "tv": {"idle_off_min": 25}}
    assert (newest["locks"], newest["note"]) == (["tv.idle_off_min"], "energy")


async def test_a_text_is_set_to_nothing_and_stays_so_when_the_form_is_sent_again(app):
    async with client_of(app) as client:
        await sign_in(client, "admin")
        body = {"doc": {"room": {"how_to_join": "Ask at the desk"}}, "based_on": 2}
        assert (await client.put("/api/v1/settings/org", json=body)).status_code == 204
        for base in ("3", "4"):
            form = form_of((await client.get("/settings?scope=org")).text)
            assert form["based_on"] == base
            if base == "3":
                assert form["set.room.how_to_join"] == "Ask at the desk"
                form |= {"set.room.how_to_join": "", "empty.room.how_to_join": "yes"}
            assert (form["set.room.how_to_join"], form.get("empty.room.how_to_join")) == ("", "yes")
            assert "set.tv.off_from" in form
            assert "empty.tv.off_from" not in form
            preview = await client.post("/settings/keys", data=form)
            assert preview.status_code == 200
            at_once = {**form_of(preview.text), "careful": ""}
            assert (await client.post("/settings", data=at_once)).status_code == 303
        revisions = (await client.get("/api/v1/settings/org/revisions")).json()
        assert [one["doc"] for one in revisions[:2]] == [{"room": {"how_to_join": ""}}] * 2
        assert (await client.get("/api/v1/rooms/room-00001/settings")).json()["room.how_to_join"]["value"] == ""


def form_of(page):
    """Return what a browser would send of the form that names its revision: values as they stand, and ticked boxes."""
    form = next(part for part in page.split("<form ") if 'name="based_on"' in part).partition("</form>")[0]
    fields = [dict(re.findall(r'(\w+)="([^"]*)"', tag)) | {"tag": tag} for tag in re.findall(r"<input[^>]*>", form)]
    sent = [one for one in fields if one.get("type") != "checkbox" or " checked" in one["tag"]]
    return {one["name"]: unescape(one.get("value", "")) for one in sent}


async def test_a_rooms_page_says_who_set_each_key_and_what_is_locked(app):
    async with client_of(app) as client:
        await sign_in(client, "admin")
        room = {"doc": {"tv": {"idle_off_min": 5}}, "based_on": 0}
        assert (await client.put("/api/v1/settings/room:room-00001", json=room)).status_code == 204
        org = {"doc": {"tv": {"idle_off_min": 20}}, "locks": ["tv.idle_off_min"], "based_on": 2}
        assert (await client.put("/api/v1/settings/org", json=org)).status_code == 204
        page = (await client.get("/rooms/room-00001")).text
    rows = dict(re.findall(r"<td><code>([a-z_.]+)</code></td>(.*?)</tr>", page, re.DOTALL))
    assert '<a href="/settings?scope=org">All rooms</a> <span class="tag">locked</span>' in rows["tv.idle_off_min"]
    assert "This room wants otherwise" in rows["tv.idle_off_min"]
    assert '<a href="/settings?scope=site%3Aberlin">Berlin</a>' in rows["joining.lead_s"]
    assert "locked" not in rows["joining.lead_s"]
    # what nobody sets is the room's own, and apart from what is wanted
    assert "sound.beam" not in rows
    assert "1 setting of the room's own" in page


async def test_carefully_saved_settings_go_in_waves_that_are_seen_stopped_and_gone_on_with(app, database):
    doc = {"tv": {"idle_off_min": 25}}
    async with client_of(app) as client, client_of(app) as viewer:
        await sign_in(client, "admin")
        await sign_in(viewer, "viewer")
        preview = await client.post("/settings/preview", data={"scope": "org", "doc": json.dumps(doc), "based_on": 2})
        form = form_of(preview.text)
        # of many rooms it is what the page proposes
        assert form["careful"] == "yes"
        saved = await client.post("/settings", data=form)
        assert saved.status_code == 303
        where = saved.headers["location"]
        await drive(app, database)
        page = (await client.get(where)).text
        for words in ("Bring settings to rooms", "revision 3", "not told yet", "keep the settings they have", "told"):
            assert words in page
        assert "Back to revision 2" in page
        assert "Tell all rooms now" not in page
        assert "Back to revision 2" not in (await viewer.get(where)).text
        assert f'href="{where}"' in (await viewer.get("/settings")).text
        assert len(await wanted_of_rooms(database, doc)) == 1
        assert (await client.post(f"{where}/cancel")).status_code == 303
        stopped = (await client.get(where)).text
        for words in (
            "keep the settings they had",
            "Back to revision 2",
            "Go on, again in waves",
            "Tell all rooms now",
        ):
            assert words in stopped
        again = {"scope": "org", "rev": 3, "based_on": 3, "careful": ""}
        assert (await client.post("/settings/roll-back", data=again)).headers["location"] == "/settings"
        assert len(await wanted_of_rooms(database, doc)) > 1
        assert "Tell all rooms now" not in (await client.get(where)).text


async def drive(app, database):
    async with database.transaction() as tx:
        await Driver(database).drive(tx, app.state.console.now())


async def wanted_of_rooms(database, doc):
    """Return the rooms of which all of that is wanted."""
    rows = await database.fetch(
        "SELECT r.id AS id, d.doc AS doc FROM rooms r JOIN desired d ON d.room = r.key AND d.rev = r.rev_desired"
    )
    return [row["id"] for row in rows if {**json.loads(row["doc"]), **doc} == json.loads(row["doc"])]


async def test_programs_save_carefully_too_and_find_the_job_with_the_revision(app, database):
    async with client_of(app) as client:
        await sign_in(client, "admin")
        body = {"doc": {"tv": {"idle_off_min": 25}}, "based_on": 2, "careful": True}
        assert (await client.put("/api/v1/settings/org", json=body)).status_code == 204
        (org,) = [one for one in (await client.get("/api/v1/settings")).json() if one["scope"] == "org"]
        revisions = (await client.get("/api/v1/settings/org/revisions")).json()
        assert [one["job"] for one in revisions] == [org["rollout"], None, None]
        job = (await client.get(f"/api/v1/jobs/{org['rollout']}")).json()
        assert (job["kind"], job["args"], job["target"]["scopes"]) == ("configuration", {"rev": "3"}, ["org"])
        await drive(app, database)
        rooms = (await client.get(f"/api/v1/jobs/{job['id']}/rooms")).json()
        assert [one["state"] for one in rooms].count("running") == 1
        back = {"rev": 2, "based_on": 3, "careful": True}
        assert (await client.post("/api/v1/settings/org/roll-back", json=back)).status_code == 204
        assert (await client.get(f"/api/v1/jobs/{job['id']}")).json()["state"] == "cancelled"
        asked = {"kind": "configuration", "scopes": ["org"]}
        assert (await client.post("/api/v1/jobs", json=asked)).status_code == 409
