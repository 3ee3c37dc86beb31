"""A real Prometheus: it takes the console's metrics with a token, and answers all that the dashboard asks."""

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from mqtt_parts import end, free_port, start
from seed import fill
from web_parts import add_person, console_app, serving, sign_in

from fleet.control.lease import Lease
from fleet.web.app import now_ms

DASHBOARD = Path(__file__).parents[2] / "docs/grafana/salon-fleet.json"
CONFIG = """
global: {scrape_interval: 1s}
scrape_configs:
- job_name: salon
  authorization: {credentials: %s}
  static_configs: [{targets: ["%s"]}]
"""
PATIENCE_S = 30
PIPE = asyncio.subprocess.PIPE
pytestmark = pytest.mark.timeout(90)


@asynccontextmanager
async def prometheus(folder: Path, url: str, token: str):
    """Run it on a console and yield a client of its API."""
    (folder / "prometheus.yml").write_text(CONFIG % (token, url.removeprefix("http://")))
    port = free_port()
    process = await start(
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/v1") as client:
            yield client
    finally:
        await end(process)


async def asked(client: httpx.AsyncClient, expression: str) -> list[dict]:
    answer = (await client.get("/query", params={"query": expression})).json()
    assert answer["status"] == "success", answer
    return answer["data"]["result"]


async def has_scraped_twice(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                if float((await asked(client, "count_over_time(salon_rooms_behind[1m])"))[0]["value"][1]) >= 2:
                    return
            except (httpx.TransportError, IndexError, json.JSONDecodeError):
                pass
            await asyncio.sleep(0.2)


def expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"].replace("$site", ".*") for panel in panels for target in panel["targets"]]


async def test_prometheus_answers_each_panel_of_the_dashboard(database, tmp_path):
    await fill(database, now=now_ms())
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO pulses (name, at, since_at, detail) VALUES ('ingest-a', $1, $1, $2)",
            now_ms() + 60_000,
            json.dumps({"messages": 10, "records": 9, "waiting": 0, "refused": {"too large": 1}}),
        )
    await Lease("control", "me").take(database, now_ms)
    await add_person(database, "ada")
    async with serving(console_app(database)) as url:
        async with httpx.AsyncClient(base_url=url) as browser:
            await sign_in(browser, "ada")
            made = await browser.post("/account/tokens", data={"role": "viewer", "name": "prometheus"})
            token = "salon_" + made.text.partition("salon_")[2].partition("<")[0]
        async with prometheus(tmp_path, url, token) as client:
            await has_scraped_twice(client)
            empty = [text for text in expressions() if not await asked(client, text)]
            assert empty == []
            rooms = await asked(client, "sum(salon_rooms)")
            assert float(rooms[0]["value"][1]) == 40


async def test_promtool_finds_nothing_to_mend(database):
    await fill(database, now=now_ms())
    await add_person(database, "ada")
    async with serving(console_app(database)) as url, httpx.AsyncClient(base_url=url) as client:
        text = (await client.get("/metrics")).content
    checking = await asyncio.create_subprocess_exec(
        *("promtool", "check", "metrics"), stdin=PIPE, stdout=PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await checking.communicate(text)
    assert (checking.returncode, said.decode()) == (0, "")
