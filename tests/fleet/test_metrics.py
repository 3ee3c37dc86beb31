"""The fleet in numbers for Prometheus, and a dashboard that asks for nothing else."""

import json
import re
from pathlib import Path

from fleet_builders import NOW, add_room, add_site

from appliance.telemetry.protocol.orders import JobKind
from fleet.control import jobs, metrics
from fleet.control.jobs import Wanted
from fleet.control.lease import Lease
from fleet.control.metrics import Family, exposition, families

DASHBOARD = Path(__file__).parents[2] / "docs/grafana/salon-fleet.json"
SERIES = re.compile(r'([a-z_0-9]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\.)*",?)+\})? -?[0-9.e+-]+')


async def test_rooms_are_counted_by_site_and_status(database):
    berlin = await add_site(database, "berlin")
    await add_room(database, "b1", site=berlin, status="broken", issue_count=3, skew_ms=-40_000)
    await add_room(database, "b2", site=berlin, rev_desired=5, rev_applied=4)
    await add_room(database, "old", site=berlin, retired_at=NOW)
    await add_room(database, "p1")
    lines = (await metrics.metrics(database, NOW)).splitlines()
    assert 'salon_rooms{site="berlin",status="broken"} 1' in lines
    assert 'salon_rooms{site="berlin",status="ready"} 1' in lines
    assert 'salon_rooms{site="",status="offline"} 0' in lines
    assert 'salon_room_issues{site="berlin"} 3' in lines
    assert "salon_rooms_behind 1" in lines
    assert "salon_rooms_clock_off 1" in lines
    assert all(line.startswith("# ") or SERIES.fullmatch(line) for line in lines)


async def test_an_empty_fleet_has_numbers_too(database):
    text = await metrics.metrics(database, NOW)
    assert "salon_rooms_behind 0" in text
    assert "salon_notices_waiting 0" in text


async def test_jobs_notices_meetings_and_leases_are_counted(database):
    room = await add_room(database, "b1")
    await jobs.create(database, Wanted(JobKind.SELFTEST, ("org",), NOW + 1000), "eve", NOW)
    await Lease("control", "me").take(database, lambda: NOW)
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO channels (id, name, url) VALUES ('x', 'x', 'json://x')")
        await tx.execute(
            "INSERT INTO outbox (channel, title, body, made_at, next_at) VALUES (1, '', '', $1, 0)", NOW - 5000
        )
        await tx.execute(
            "INSERT INTO alerts (rule, room, severity, text, state, began_at) "
            "VALUES ('x', $1, 'error', '', 'firing', 0)",
            room,
        )
        await tx.many(
            "INSERT INTO meetings (room, boot, n, at, meeting, outcome, loss, rtt_ms) "
            "VALUES ($1, 1, $2, $3, '', $4, $5, 20)",
            [(room, 1, NOW - 1, "held", 0.25), (room, 2, NOW - 2, "no_show", None), (room, 3, 5, "held", 1.0)],
        )
    lines = (await metrics.metrics(database, NOW)).splitlines()
    for line in (
        'salon_jobs{state="waiting"} 1',
        'salon_job_rooms{state="held"} 1',
        'salon_alerts{severity="error",state="firing"} 1',
        'salon_meetings_24h{outcome="held"} 1',
        'salon_meetings_24h{outcome="no_show"} 1',
        "salon_meeting_loss_ratio_24h 0.25",
        "salon_meeting_round_trip_seconds_24h 0.02",
        "salon_notices_waiting 1",
        "salon_notices_oldest_seconds 5",
        'salon_console_lease_seconds{name="control"} 15',
    ):
        assert line in lines


async def test_what_the_ingest_counts_is_summed_up_over_those_that_live(database):
    detail = json.dumps({"messages": 5, "records": 3, "waiting": 1, "beyond": 7, "refused": {"too large": 2}})
    async with database.transaction() as tx:
        await tx.many(
            "INSERT INTO pulses (name, at, since_at, detail) VALUES ($1, $2, $3, $4)",
            [
                ("ingest-a", NOW, NOW - 5, detail),
                ("ingest-b", NOW - 1000, None, detail),
                ("ingest-dead", NOW - 60_000, NOW - 70_000, detail),
            ],
        )
    lines = (await metrics.metrics(database, NOW)).splitlines()
    for line in (
        "salon_ingest_hearing 1",
        "salon_ingest_messages_total 10",
        "salon_ingest_waiting 2",
        "salon_ingest_beyond_budget_total 14",
        'salon_ingest_refused_total{reason="too large"} 4',
        # from nothing to one is a rise only where nothing was said before
        'salon_ingest_refused_total{reason="wrong types"} 0',
        "# TYPE salon_ingest_records_total counter",
    ):
        assert line in lines


async def test_many_sites_are_one_series_from_some_number_on(database, monkeypatch):
    monkeypatch.setattr(metrics, "MOST_SITES", 2)
    for number, rooms in enumerate((3, 2, 1, 1)):
        site = await add_site(database, f"s{number}")
        for room in range(rooms):
            await add_room(database, f"r{number}{room}", site=site)
    text = await metrics.metrics(database, NOW)
    assert 'salon_rooms{site="other",status="ready"} 2' in text
    assert 's2"' not in text


def test_labels_may_hold_anything():
    family = Family("x", "y", (({"a": 'q"\\\n'}, 1.5),))
    assert exposition([family]).splitlines()[2] == r'x{a="q\"\\\n"} 1.5'


async def test_the_dashboard_asks_for_metrics_and_labels_that_exist_and_for_all_of_them(database):
    known = {family.name for family in await families(database, NOW)}
    dashboard = json.loads(DASHBOARD.read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked += [variable["definition"] for variable in dashboard["templating"]["list"] if "definition" in variable]
    assert set(re.findall(r"salon_\w+", " ".join(asked))) == known
    labels = {
        label for text in asked for label in re.findall(r"(\w+)=~?\"|by \((\w+)\)", text) for label in label if label
    }
    assert labels <= {"site", "status", "severity", "state", "reason"}
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
