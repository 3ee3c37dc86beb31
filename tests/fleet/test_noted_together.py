"""A change and what is written of it happen together or not at all, on both databases."""

import pytest
from fleet_builders import NOW, add_room

from appliance.telemetry.protocol.orders import JobKind
from fleet.control import alerts, jobs, layers, rulebook
from fleet.control.conditions import Offline
from fleet.control.jobs import Wanted
from fleet.control.rules import Rule
from fleet.control.watch import Window

HOUR = 3600 * 1000
TABLES = (
    *("alert_rules", "maintenance", "channels", "outbox", "jobs", "executions", "layers", "desired", "alerts"),
    *("counters", "rooms"),
)


class PowerCut(Exception):
    """The console dies before its commit."""


async def dies(tx, target, **detail):
    raise PowerCut


class Notes:
    """Remembers what it was told."""

    def __init__(self):
        self.targets = []

    async def __call__(self, tx, target, **detail):
        self.targets.append(target)


async def everything(database):
    return {table: sorted(str(dict(row)) for row in await database.fetch(f"SELECT * FROM {table}")) for table in TABLES}


@pytest.fixture
async def job(database):
    room = await add_room(database, "blue")
    await rulebook.save_rule(database, Rule("mine", "Mine", Offline(), "error"))
    await rulebook.save_channel(database, "mail", "Mail", "json://127.0.0.1:9/")
    await rulebook.begin_maintenance(database, Window("org", NOW, NOW + HOUR), "", "eve", NOW)
    await layers.save(database, "org", {"tv": {"idle_off_min": 5}}, "eve", NOW)
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO alerts (rule, room, severity, text, state, began_at) "
            "VALUES ('x', $1, 'error', '', 'firing', 0)",
            room,
        )
    return await jobs.create(database, Wanted(JobKind.SELFTEST, ("org",), NOW + HOUR), "eve", NOW)


def changes(database, job, also):
    wanted = Wanted(JobKind.REBOOT, ("org",), NOW + HOUR)
    more = {"also": also}
    window = Window("org", NOW, NOW + HOUR)
    return {
        "alert:1": alerts.acknowledge(database, 1, "ada", NOW, **more),
        "alert:1 ": alerts.snooze(database, 1, NOW + HOUR, NOW, **more),
        "rule:mine": rulebook.save_rule(database, Rule("mine", "Other", Offline(), "error"), **more),
        "maintenance:2": rulebook.begin_maintenance(database, window, "why", "ada", NOW, **more),
        "maintenance:1": rulebook.end_maintenance(database, 1, NOW + 1, **more),
        "channel:mail": rulebook.save_channel(database, "mail", "Post", None, **more),
        "channel:mail ": rulebook.send_test(database, "mail", NOW, **more),
        "channel:mail  ": rulebook.delete_channel(database, "mail", **more),
        "rule:mine ": rulebook.delete_rule(database, "mine", **more),
        "org": layers.save(database, "org", {"tv": {"idle_off_min": 9}}, "ada", NOW, **more),
        "org ": layers.roll_back(database, "org", 1, "ada", NOW, **more),
        f"job:{job}": jobs.cancel(database, job, "ada", NOW, **more),
        "job:new": jobs.create(database, wanted, "ada", NOW, **more),
    }


async def test_a_console_that_dies_before_the_entry_has_not_made_the_change(database, job):
    before = await everything(database)
    for what, change in changes(database, job, dies).items():
        with pytest.raises(PowerCut):
            await change
        assert await everything(database) == before, what


async def test_each_change_says_what_was_changed(database, job):
    notes = Notes()
    for what, change in changes(database, job, notes).items():
        await change
        said = notes.targets.pop()
        assert notes.targets == []
        assert said == what.strip() or (said.startswith("job:") and what == "job:new")
