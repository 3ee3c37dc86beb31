"""All of it together, from `salon console init` to a room that is gone for good: real processes and mutual TLS."""

import asyncio
import json
import signal
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import mqtt_parts as parts
import pytest
from web_parts import csrf_of

from appliance.telemetry.protocol.orders import Desired, Order, body_of
from appliance.telemetry.protocol.topics import Topics
from fleet.settings import load

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]
SALON = (sys.executable, "-m", "appliance.cli")


async def salon(*arguments):
    """Run a command to its end; returns status and what it says."""
    pipe = asyncio.subprocess.PIPE
    process = await parts.start(*SALON, *arguments, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, said.decode()


def _text(path):
    return Path(path).read_text().strip()


async def until(condition):
    async with asyncio.timeout(60):
        while not (found := await condition()):
            await asyncio.sleep(0.2)
    return found


class Site:
    """A server with mosquitto and a console, and a room elsewhere."""

    def __init__(self, folder, runtime_dir):
        self.folder, self.config, self.room_config = folder, folder / "console.toml", folder / "room.toml"
        self.web = parts.free_port()
        self.url = f"http://127.0.0.1:{self.web}"
        self.config.write_text(f'[console]\norg = "acme"\nstate = "{folder}/console"\n[web]\nport = {self.web}\n')
        self.room_config.write_text(
            f'[room]\nname = "Blue"\n[paths]\nstate = "{folder}/room"\nruntime = "{runtime_dir}"\n'
            '[devices]\nwatch = "sim:/nowhere"\n'
        )
        self.client = httpx.AsyncClient(base_url=self.url)

    async def init(self):
        ports = ("--port", str(parts.free_port()), "--console-port", str(parts.free_port()))
        where = ("--config", str(self.config), "--broker", str(self.folder / "broker"))
        assert await self.made("console", "init", *where, "--host", "127.0.0.1", *ports)
        conf = self.folder / "broker" / "mosquitto.conf"
        # tests run as root, who may read the test's folder where the user mosquitto may not
        conf.write_text(f"{conf.read_text()}user root\nlog_dest stderr\n")
        return conf

    async def made(self, *arguments):
        status, said = await salon(*arguments)
        assert status == 0, said
        return said

    @asynccontextmanager
    async def broker(self):
        conf = await self.init()
        pipe = asyncio.subprocess.PIPE
        process = await parts.start("/usr/sbin/mosquitto", "-c", str(conf), stderr=pipe)
        await parts.until_line(process.stderr, "running")
        told = asyncio.create_task(self._listen(process.stderr))
        try:
            yield process
        finally:
            await parts.end(process)
            await told

    async def _listen(self, stream):
        self.broker_said = []
        while line := await stream.readline():
            self.broker_said.append(line.decode())

    @asynccontextmanager
    async def console(self):
        process = await parts.start(*SALON, "console", "--config", str(self.config))
        try:
            async with self.client:
                await until(self._answers)
                yield
        finally:
            process.terminate()
            await asyncio.wait_for(process.wait(), 30)

    async def _answers(self):
        with suppress(httpx.TransportError):
            return (await self.client.get("/sign-in")).status_code == 200
        return False

    @asynccontextmanager
    async def daemon(self):
        process = await parts.start(*SALON, "daemon", "--config", str(self.room_config))
        try:
            yield process
        finally:
            await parts.end(process)

    async def become_admin(self):
        link = (await self.made("console", "admin-link", "--config", str(self.config))).split()[-1]
        words = {"name": "ada", "password": "correct horse battery", "again": "correct horse battery"}
        assert (await self.client.post(link.removeprefix(self.url), data=words)).status_code == 303
        self.client.headers["X-CSRF-Token"] = csrf_of((await self.client.get("/account")).text)

    async def enrol(self):
        code = (await self.ask("POST", "/codes", {"name": "Blue"}))["code"]
        setup = ("setup", "--config", str(self.room_config), "--console", self.url, "--code")
        assert "acme" in await self.made(*setup, code)
        self.room = (self.folder / "room" / "room-id").read_text().strip()
        status, said = await salon(*setup, code[:-1] + ("A" if code[-1] != "A" else "B"))
        assert status == 1
        assert "wrong" in said

    async def ask(self, method, path, body=None):
        answer = await self.client.request(method, f"/api/v1{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def status(self):
        found = await self.ask("GET", "/rooms")
        return {line["id"]: line["status"] for line in found}.get(self.room)

    async def in_force(self, key):
        lines = await self.ask("GET", f"/rooms/{self.room}/configuration")
        return next(((line["state"], line["in_force"]) for line in lines if line["key"] == key), None)

    async def events(self):
        return [event["type"] for event in await self.ask("GET", f"/rooms/{self.room}/events")]

    async def say(self, topic, body, *flags):
        """Say something at the broker as whoever got hold of the console's password for it."""
        settings = load(self.config)
        user, port = settings.mqtt.control, settings.mqtt.url.rpartition(":")[2]
        login = ("-u", user.username, "-P", await asyncio.to_thread(_text, user.password_file))
        where = ("-h", "127.0.0.1", "-p", port, "-q", "1", "-t", topic)
        process = await parts.start("mosquitto_pub", *where, *login, "-m", json.dumps(body), *flags)
        assert await process.wait() == 0


@pytest.fixture
def site(tmp_path, runtime_dir):
    return Site(tmp_path, runtime_dir)


async def test_a_room_from_its_code_to_its_retirement(site):
    async with site.broker() as broker, site.console():
        await site.become_admin()
        await site.enrol()
        async with site.daemon():
            await appears(site)
            await obeys_its_console(site)
            await obeys_nobody_else(site)
        await is_gone_for_good(site, broker)


async def appears(site):
    async def heard():
        return await site.status() not in {None, "new", "offline"}

    await until(heard)
    assert came_in(site)
    line = (await site.ask("GET", f"/rooms/{site.room}"))["line"]
    assert line["name"] == "Blue"


def came_in(site):
    return any("New client connected" in line and site.room in line for line in site.broker_said)


async def obeys_its_console(site):
    await site.ask("PUT", "/settings/org", {"doc": {"tv": {"idle_off_min": 7}}})

    async def applied():
        return await site.in_force("tv.idle_off_min") == ("same", 7)

    await until(applied)
    job = await site.ask("POST", "/jobs", {"kind": "identify", "scopes": [f"room:{site.room}"]})

    async def done():
        (answer,) = await site.ask("GET", f"/jobs/{job['id']}/rooms")
        assert answer["state"] not in {"failed", "rejected", "expired"}, answer
        return answer["state"] == "succeeded"

    await until(done)


async def obeys_nobody_else(site):
    """Nobody without the key gives orders: not with the console's own password at the broker."""
    topics, expires = Topics("acme", site.room), int(parts.now().timestamp() * 1000) + 60_000
    forged = body_of(topics, Order.DESIRED, Desired(2**40, {"tv": {"idle_off_min": 99}}), expires=expires)
    await site.say(topics.desired, forged, "-r")
    await site.say(topics.call, {"id": "forged", "cmd": "mute", "args": {}, "expires": expires})

    async def refused():
        return "call.refused" in await site.events()

    await until(refused)
    assert await site.in_force("tv.idle_off_min") == ("same", 7)


async def is_gone_for_good(site, broker):
    await site.ask("POST", f"/rooms/{site.room}/retire")
    broker.send_signal(signal.SIGHUP)
    seen = (await site.ask("GET", f"/rooms/{site.room}"))["seen_at"]
    site.broker_said.clear()
    async with site.daemon():

        async def refused():
            return any("certificate verify failed" in line for line in site.broker_said)

        await until(refused)
        assert not came_in(site)
    assert await site.status() is None
    assert (await site.ask("GET", f"/rooms/{site.room}"))["seen_at"] == seen
