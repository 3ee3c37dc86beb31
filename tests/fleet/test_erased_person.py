"""After `salon console erase person` the name is nowhere in the database, but where the command says it still stands.

Every column that can hold text is derived from the schema: a new one has to be put somewhere here, and into `erase`.
"""

import json
import re

import pytest
from fleet_builders import add_room, add_site
from hypothesis import given
from hypothesis import strategies as st

from fleet.store import audit
from fleet.store.audit import AuditLog
from fleet.store.erase import JSON_SAID, NOW, SAID, SETTINGS, erase_person
from fleet.store.opening import open_database
from fleet.store.pseudonym import Pseudonym
from fleet.store.schema import bring_up_to_date

NOON = 1_795_400_000_000
NO_NAMES = {
    "rooms": {"id", "status", "presence", "boot", "phase", "certificate", "sw"},
    "sites": {"timezone", "open_days"},
    "certificates": {"serial", "room"},
    "boots": {"boot", "got"},
    "pulses": {"name", "detail"},
    "counters": {"name"},
    "leases": {"name", "holder"},
    "events": {"type", "severity", "issue"},
    "meetings": {"meeting", "outcome", "began", "server"},
    "use_hours": {"hours"},
    "files": {"file", "job", "media_type"},
    "jobs": {"id", "kind", "state", "policy", "target"},
    "executions": {"state"},
    "calls": {"id", "cmd", "answer"},
    "layers": {"scope", "locks"},
    "alert_rules": {"id", "condition", "severity", "scope", "channels"},
    "alerts": {"rule", "about", "severity", "state"},
    "maintenance": {"scope"},
    "channels": {"id", "least"},
    "grants": {"role"},
    "sessions": {"hash", "csrf"},
    "api_tokens": {"hash", "role"},
    "one_time_links": {"hash", "purpose"},
    "enrolment_codes": {"id", "secret", "room", "floor"},
    "audit": {"action", "hash"},
    "sqlite_sequence": set(),
    "schema_version": set(),
    "late_samples": set(),
    "file_chunks": set(),
}
"""Ids, fixed words and secrets; and a code's floor, which is its room's."""
GONE = {"users": {"name", "full_name", "password", "subject"}, "meetings": {"title"}}
"""With the row, or whole."""
NAMED = {
    "rooms": {"name", "floor", "worst", "trouble", "state", "info", "health", "reported"},
    "room_tags": {"tag"},
    "sites": {"name", "id"},
    "alert_rules": {"name"},
    "channels": {"name", "url"},
}
"""How things are called and set now: told, and not changed."""


async def test_for_every_column_that_can_hold_a_name_it_is_decided_what_becomes_of_it(tmp_path):
    database = await open_database(f"sqlite:{tmp_path / 'fleet.db'}")
    await bring_up_to_date(database)
    for row in await database.fetch("SELECT name FROM sqlite_master WHERE type = 'table'"):
        table = row["name"]
        columns = await database.fetch(f"PRAGMA table_info({table})")
        texts = {column["name"] for column in columns if column["type"] == "TEXT"}
        decided = NO_NAMES.get(table, set()) | GONE.get(table, set()) | NAMED.get(table, set())
        decided |= {*SAID.get(table, ()), *(column for one, column in JSON_SAID if one == table)}
        decided |= ({"doc"} if table in SETTINGS else set()) | ({"actor", "target", "detail"} & texts)
        assert decided == texts, table
    for table, names in NAMED.items():
        told = next(sql for sql in NOW.values() if re.search(rf"FROM {table}\b", sql))
        assert all(re.search(rf"\b{name}\b", told) for name in names), table
    await database.close()


async def fill(database, name, full):
    """Put a person into everything, in many ways."""
    both = f"for {name.upper()} ({full}), \u2018{name}\u2019\n{full}"
    site = await add_site(database, "berlin")
    room = await add_room(database, "room-1", site=site)
    await add_room(database, "room-2", site=site, rev_desired=2)
    data = json.dumps({"who": full, "list": [name, {full: both}]})
    row = {
        "users": {"key": 7, "name": name, "full_name": full, "made_at": 1, "subject": f"https://id.example|{name}"},
        "jobs": {"id": "job-1", "kind": "join", "state": "done", "made_at": 1, "made_by": name, "expires_at": 2}
        | {"if_idle": True, "policy": "{}", "args": data, "why": both, "note": both, "approved_by": name}
        | {"ended_by": name},
        "executions": {"job": 1, "room": room, "wave": 0, "state": "failed", "step": both, "detail": both}
        | {"changed_at": 1},
        "calls": {"id": "c", "room": room, "cmd": "join", "args": data, "made_at": 1, "made_by": name}
        | {"expires_at": 2, "reason": both},
        "maintenance": {"scope": "org", "from_at": 1, "until_at": 2, "reason": both, "made_by": name},
        "alerts": {"rule": "r", "severity": "info", "text": both, "remedy": both, "state": "resolved", "began_at": 1}
        | {"acknowledged_by": name},
        "events": {"room": room, "boot": 0, "n": 1, "at": 1, "ts": 1, "heard_at": 1, "type": "x", "severity": "info"}
        | {"text": both, "data": data},
        "meetings": {"room": room, "boot": 0, "n": 1, "at": 1, "meeting": "m", "outcome": "held", "title": both},
        "channels": {"key": 1, "id": "ops", "name": "Ops", "url": "json://x.example"},
        "outbox": {"channel": 1, "title": both, "body": both, "made_at": 1, "next_at": 1, "trouble": both},
        "files": {
            "room": room,
            "file": "f",
            "job": "j",
            "name": f"{full} (1).png",
            "media_type": "image/png",
            "size": 1,
        }
        | {"chunks": 1, "at": 1},
        "api_tokens": {"hash": "h", "name": full, "user_key": 8, "role": "viewer", "made_at": 1, "expires_at": 2},
        "saved_views": {"user_key": 8, "name": full, "query": f"q={name}"},
        "enrolment_codes": {"id": "K7QX2M", "secret": "s", "name": full, "made_at": 1, "expires_at": 2}
        | {"made_by": f"{name} by token ci"},
        "desired": {"room": room, "rev": 1, "doc": data, "made_at": 1},
    }
    layers = [{"scope": "org", "rev": rev, "doc": data, "made_at": 1, "made_by": name, "note": both} for rev in (1, 2)]
    layers[1] |= {"doc": "{}"}
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO users (key, name, made_at) VALUES (8, 'someone', 1)")
        for table, values in (*row.items(), *(("layers", one) for one in layers)):
            places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
            await tx.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})", *values.values())
        log = AuditLog(database.dialect)
        await log.note(tx, 1, name, "did", f"view {full}", words=both, more=[full, {"x": name}])
        await log.note(tx, 1, f"{name} by token {full}", "did", name)
        await log.note(tx, 1, "someone", "cut", words=both, z="x" * 3000)


async def dump(database):
    """Return all texts and bytes in all tables."""
    if database.dialect == "sqlite":
        tables = await database.fetch("SELECT name FROM sqlite_master WHERE type = 'table'")
    else:
        tables = await database.fetch("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")
    found = []
    for table in tables:
        found += [str(list(row)) for row in await database.fetch(f"SELECT * FROM {table['name']}")]
    return "\n".join(found)


def traces(text, *names):
    text = text.lower()
    spellings = {name.lower() for name in names} | {json.dumps(name.lower())[1:-1] for name in names}
    return sorted(name for name in spellings if name in text or repr(name)[1:-1] in text)


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("ada.lovelace@example.org", "Ada Lovelace"),
        ("zqx", 'Zoë "Zed" O\'Neil'),
        ("c+d_e", "100% _sure_ \\x"),
        ("ivan", "Иван Грозный"),
        ("yamada", "山田太郎"),
    ],
)
async def test_the_name_is_nowhere_any_more(database, name, full):
    await fill(database, name, full)
    assert traces(await dump(database), name, full)
    found = await erase_person(database, name, NOON)
    assert (found.found, found.standing) == (True, ())
    left = [line for line in (await dump(database)).splitlines() if traces(line, name, full)]
    assert left == []
    assert (await audit.verify(database)).broken_at is None
    assert "someone" in await dump(database)


async def test_what_is_called_so_now_is_told_and_left_to_an_admin(database):
    site = await add_site(database, "berlin", name="Ada's house")
    room = await add_room(database, "room-1", site=site, info=json.dumps({"cameras": ["Ada's camera"]}), tags=("ada",))
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO channels (id, name, url) VALUES ('ops', 'Ops', 'mailto://x?to=ada')")
        sql = "INSERT INTO layers (scope, rev, doc, made_at, made_by) VALUES ('room:room-1', 1, $1, 1, 'eve')"
        await tx.execute(sql, json.dumps({"room": {"name": "Ada's office"}}))
        await tx.execute("INSERT INTO users (name, full_name, made_at) VALUES ('al', 'Ada L', 1)")
    found = await erase_person(database, "ada", NOON)
    assert found.standing == (
        *("the room room-1", "a tag of the room room-1", "the site berlin", "the channel ops", "the user al"),
        "the settings of room:room-1",
    )
    (info,) = await database.fetch("SELECT info FROM rooms WHERE key = $1", room)
    assert "Ada's camera" in info["info"]


async def test_not_even_the_file_holds_it(tmp_path):
    """SQLite deletes without overwriting: its file is written anew."""
    database = await open_database(f"sqlite:{tmp_path / 'fleet.db'}")
    await bring_up_to_date(database)
    await fill(database, "zqxw", "Zqxwina Vvbn")
    await erase_person(database, "zqxw", NOON)
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith("fleet.db"))
    await database.close()
    assert b"vvbn" not in everything.lower()


WORD = st.text(alphabet=st.characters(categories=("L", "N"), max_codepoint=0x2FFF), min_size=2, max_size=12)
NAME = st.lists(WORD, min_size=1, max_size=3).flatmap(
    lambda words: st.sampled_from(" .-_@'+").map(lambda between: between.join(words))
)
AROUND = st.text(alphabet=" \n\t,;:()[]{}<>\"'/\\\\|!?#=*&%$~^`–„", max_size=5)


@given(NAME, AROUND, AROUND, st.sampled_from([str, str.upper, str.title]))
def test_a_name_is_found_between_whatever_marks_and_in_whatever_case(name, before, after, written):
    spelled = written(name)
    if spelled.lower() != name.lower() or len(spelled) != len(name):
        # a letter with no single other case, such as the German sharp s
        spelled = name
    who = Pseudonym((name,), "erased-1")
    assert who.in_text(f"{before}{spelled}{after}") == f"{before}erased-1{after}"
    told = who.in_json(json.dumps({"a": [f"{before}{spelled}{after}"], "n": 1}))
    assert json.loads(told) == {"a": [f"{before}erased-1{after}"], "n": 1}


@given(st.text(max_size=40), NAME)
def test_what_does_not_hold_the_name_stays_as_it_is(text, name):
    if name.lower() not in text.lower():
        assert Pseudonym((name,), "x").in_text(text) == text


@pytest.mark.parametrize("text", ["ada_l", "ada@example.org", "ada.l", "nada", "adan", "x-ada", "ada-x"])
def test_another_name_that_holds_it_is_left_alone(text):
    assert Pseudonym(("ada",), "x").in_text(f"by {text}.") == f"by {text}."


@pytest.mark.parametrize(("cut", "left"), [('{"a": "by ada.lov', '{"a": "by x'), ('{"a": "by nada', '{"a": "by nada')])
def test_of_a_name_that_was_cut_in_the_middle_nothing_is_left(cut, left):
    assert Pseudonym(("ada.lovelace",), "x").in_json(cut) == left
