"""The control process: one does the work, a second waits and takes over; its key; its clocks are real here."""

import asyncio
import json
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fleet_builders import add_room, change_room
from mqtt_parts import end, start, until_line
from sinks import http_sink

from appliance.telemetry.protocol.signed import public_of
from fleet.control import layers, rulebook
from fleet.control.conditions import Offline
from fleet.control.keys import FILE, BadKey, load_key
from fleet.control.lease import LIFE_MS, Lease, LeaseLost
from fleet.control.main import NAME, now_ms, run_control
from fleet.control.rollouts import Policy
from fleet.control.rules import Rule
from fleet.settings import parse
from fleet.store.opening import open_database


def settings_in(folder):
    settings = parse("", where="a test")
    # nobody is at this port: alerts must not mind
    mqtt = replace(settings.mqtt, url="mqtt://127.0.0.1:9")
    return replace(settings, console=replace(settings.console, state=str(folder)), mqtt=mqtt)


class Clock:
    def __init__(self):
        self.ahead = 0

    def __call__(self):
        return now_ms() + self.ahead


@asynccontextmanager
async def console(url, folder, clock):
    database = await open_database(url)
    task = asyncio.create_task(run_control(settings_in(folder), database, now=clock))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait({task})
        await database.close()


async def until(condition, most_s=20):
    async with asyncio.timeout(most_s):
        while not (found := await condition()):
            await asyncio.sleep(0.05)
    return found


async def holder(database):
    rows = await database.fetch("SELECT holder FROM leases WHERE name = $1", NAME)
    return rows[0]["holder"] if rows else ""


async def test_a_lease_is_of_one_until_it_ends(database):
    one, two = Lease("x", "one"), Lease("x", "two")
    assert await one.take(database, lambda: 1000)
    assert not await two.take(database, lambda: 1000 + LIFE_MS - 1)
    assert await one.take(database, lambda: 2000)
    assert await two.take(database, lambda: 2000 + LIFE_MS)
    async with database.transaction() as tx:
        await two.check(tx, 2000 + LIFE_MS)
    with pytest.raises(LeaseLost):
        async with database.transaction() as tx:
            await one.check(tx, 2000 + LIFE_MS)
    await one.give_back(database)
    assert not await one.take(database, lambda: 2000 + LIFE_MS)
    await two.give_back(database)
    assert await one.take(database, lambda: 2000 + LIFE_MS)


async def test_of_two_who_want_a_lease_at_once_one_gets_it(database_url, database):
    others = [await open_database(database_url) for _ in range(3)]
    taken = await asyncio.gather(*(Lease("x", str(n)).take(other, lambda: 1000) for n, other in enumerate(others)))
    assert sorted(taken) == [False, False, True]
    for other in others:
        await other.close()


async def test_who_waited_long_for_the_database_looks_at_the_clock_when_it_is_its_turn(database_url, database):
    mine, clock = Lease("x", "one"), [1000]
    assert await mine.take(database, lambda: clock[0])
    other = await open_database(database_url)
    async with other.transaction() as tx:
        await tx.execute("UPDATE leases SET until_at = until_at")
        renewing = asyncio.create_task(mine.take(database, lambda: clock[0]))
        await asyncio.sleep(0.3)
        clock[0] += 2 * LIFE_MS
    assert await renewing
    # it has a whole life before it, rather than one that is over
    assert not await Lease("x", "two").take(other, lambda: clock[0] + LIFE_MS - 1)
    await other.close()


async def test_two_consoles_on_one_database_tell_of_an_alert_once_whichever_dies(database_url, database, tmp_path):
    clock = Clock()
    async with http_sink() as (port, requests):
        async with console(database_url, tmp_path, clock):
            first = await until(lambda: holder(database))
            await rulebook.save_channel(database, "hook", "Hook", f"json://127.0.0.1:{port}/")
            await rulebook.save_rule(database, Rule("offline", "Offline", Offline(), "error", 0, 0))
            async with console(database_url, tmp_path, clock):
                key = await add_room(database, "blue", status="offline", status_at=clock())
                await until(lambda: told(requests, 1))
                assert await holder(database) == first
                # the first one is suspended: its lease runs out, the second goes on, and the first does nothing more
                async with database.transaction() as tx:
                    await tx.execute("UPDATE leases SET holder = 'second', until_at = $1", clock() + LIFE_MS)
                await change_room(database, key, status="ready")
                await asyncio.sleep(1.5)
                assert len(requests) == 1
                clock.ahead += 2 * LIFE_MS
                await until(lambda: told(requests, 2))
                assert await holder(database) not in {"", "second"}
        assert [body["title"] for _, body in requests] == ["[ERROR] Blue: Offline", "[OVER] Blue: Offline"]
    assert await holder(database) == ""


@asynccontextmanager
async def control_process(config):
    """The real command, from when it says what it does."""
    process = await start(
        sys.executable, "-m", "appliance.cli", "console", "control", "--config", str(config), stderr=-1
    )
    try:
        await until_line(process.stderr, "looks after alerts")
        yield process
    finally:
        await end(process)


@pytest.mark.timeout(180)
async def test_a_console_that_is_killed_is_followed_by_another_and_nobody_hears_of_an_alert_twice(
    database_url, database, tmp_path
):
    config = tmp_path / "console.toml"
    config.write_text(
        f'[console]\nstate = "{tmp_path}"\ndatabase = "{database_url}"\n[mqtt]\nurl = "mqtt://127.0.0.1:9"\n'
    )
    async with AsyncExitStack() as stack:
        port, requests = await stack.enter_async_context(http_sink())
        consoles = [await stack.enter_async_context(control_process(config)) for _ in range(2)]
        await rulebook.save_channel(database, "hook", "Hook", f"json://127.0.0.1:{port}/")
        await rulebook.save_rule(database, Rule("offline", "Offline", Offline(), "error", 0, 0))
        key = await add_room(database, "blue", status="offline", status_at=now_ms())
        # had it died before it had written that down, the notice would go out again rather than be lost
        await until(lambda: database.fetch("SELECT 1 FROM outbox WHERE sent_at IS NOT NULL"))
        first = await holder(database)
        await end(next(console for console in consoles if console.pid == int(first.split(":")[1])))

        async def followed():
            return await holder(database) != first

        await until(followed, most_s=90)
        await change_room(database, key, status="ready")
        await until(lambda: told(requests, 2))
        assert [body["title"] for _, body in requests] == ["[ERROR] Blue: Offline", "[OVER] Blue: Offline"]


async def told(requests, count):
    return len(requests) >= count


async def test_a_console_that_ends_lets_the_next_one_begin_at_once(database_url, database, tmp_path):
    async with console(database_url, tmp_path, now_ms):
        first = await until(lambda: holder(database))
    async with console(database_url, tmp_path, now_ms):
        assert await until(lambda: holder(database)) != first


async def test_settings_in_waves_go_on_with_the_console_that_comes_after(database_url, database, tmp_path):
    old, new, clock = {"joining": {"lead_s": 60}}, {"joining": {"lead_s": 90}}, Clock()
    keys = [await add_room(database, f"r{n}") for n in range(8)]
    await layers.save(database, "org", old, "eve", clock())
    async with console(database_url, tmp_path, clock):
        saved = await layers.save(database, "org", new, "eve", clock(), careful=Policy(waves=(0, 50, 100), soak_s=600))
        (first,) = await until(lambda: running(database))
    await settled(database, first)
    clock.ahead += 601_000
    async with console(database_url, tmp_path, clock):
        # what the room said while nobody was there counts, and its wave is watched from then on
        await until(lambda: count(database, "succeeded"))
        assert await count(database, "held") == 7
        clock.ahead += 601_000
        assert len(await until(lambda: running(database))) == 3
    wanted = await database.fetch(
        "SELECT d.doc AS doc FROM rooms r JOIN desired d ON d.room = r.key AND d.rev = r.rev_desired"
    )
    assert sorted(json.loads(row["doc"])["joining"]["lead_s"] for row in wanted) == [60] * 4 + [90] * 4
    assert saved.rooms == len(keys)


async def running(database):
    return [row["room"] for row in await database.fetch("SELECT room FROM executions WHERE state = 'running'")]


async def count(database, state):
    return len(await database.fetch("SELECT room FROM executions WHERE state = $1", state))


async def settled(database, key):
    """Have a room report that it has what is wanted of it."""
    rev = (await database.fetch("SELECT rev_desired FROM rooms WHERE key = $1", key))[0]["rev_desired"]
    await change_room(database, key, rev_applied=rev, reported=json.dumps({"rev": rev, "seen": rev}))


def test_the_key_is_read_only_where_nobody_else_can_read_it(tmp_path):
    path, key = tmp_path / FILE, Ed25519PrivateKey.generate()
    assert load_key(path) is None
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert public_of(load_key(path)) == public_of(key)
    path.chmod(0o640)
    with pytest.raises(BadKey, match="chmod 600"):
        load_key(path)
    path.chmod(0o600)
    path.write_text("nonsense")
    with pytest.raises(BadKey, match="back-up"):
        load_key(path)
    other = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(BadKey, match="not an Ed25519 key"):
        load_key(path)


async def test_a_room_that_is_erased_in_the_middle_stops_nothing(database_url, database, tmp_path):
    clock = Clock()
    async with console(database_url, tmp_path, clock):
        await until(lambda: holder(database))
        await rulebook.save_rule(database, Rule("offline", "Offline", Offline(), "error", 0, 0))
        await add_room(database, "gone", status="offline", status_at=clock())
        await until(lambda: database.fetch("SELECT 1 FROM alerts WHERE state = 'firing'"))
        async with database.transaction() as tx:
            await tx.execute("DELETE FROM rooms")
        await add_room(database, "blue", status="offline", status_at=clock())
        await until(lambda: database.fetch("SELECT 1 FROM alerts a JOIN rooms r ON r.key = a.room WHERE r.id = 'blue'"))
