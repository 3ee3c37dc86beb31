"""A whole daemon that takes orders from a real broker: mosquitto, configuration, jobs, enrolment, and kill -9."""

import asyncio
import base64
import json
import re
import sys
from contextlib import asynccontextmanager

import mqtt_parts as parts
import pytest
from mosquitto_house import House
from mqtt_parts import Broker, hearing, running, say

from appliance.telemetry.protocol.enrolling import new_code
from appliance.telemetry.protocol.orders import Desired, Job, JobKind, Jobs, Order, body_of, call_body
from appliance.telemetry.protocol.payloads import Call
from appliance.telemetry.protocol.records import BatchAck, encode_ack
from appliance.telemetry.protocol.signed import sign
from appliance.telemetry.protocol.topics import Topics
from fleet.certificates import make_authority
from fleet.enrolment import Fleet, enrol
from fleet.mosquitto import CONTROL, INGEST
from fleet.store.opening import open_database
from fleet.store.schema import bring_up_to_date
from provisioning import enrolment as room_end
from provisioning.identity import room_identity

pytestmark = pytest.mark.interop


@pytest.fixture
async def broker(tmp_path):
    async with running(Broker("mosquitto", tmp_path)) as broker:
        yield broker


class Daemon:
    """`salon daemon` on a room of its own."""

    def __init__(self, broker, tmp_path, runtime_dir):
        self.broker = broker
        self.state = tmp_path / "state"
        self.settings = tmp_path / "room.toml"
        url = broker.url if broker else ""
        self.settings.write_text(
            f'[paths]\nstate = "{self.state}"\nruntime = "{runtime_dir}"\n[mqtt]\nurl = "{url}"\n'
            '[devices]\nwatch = "sim:/nowhere"\n[joining]\nmin_countdown_s = 20\n'
        )

    @property
    def topics(self):
        return Topics("home", (self.state / "room-id").read_text().strip())

    @asynccontextmanager
    async def life(self):
        command = (sys.executable, "-m", "appliance.cli", "daemon", "--config", str(self.settings))
        process = await parts.start(*command)
        try:
            yield process
        finally:
            await parts.end(process)

    async def want(self, rev, doc):
        body = body_of(self.topics, Order.DESIRED, Desired(rev, doc), expires=in_a_minute())
        await say(self.broker, self.topics.desired, json.dumps(body), "-r")

    async def ask(self, *jobs):
        body = body_of(self.topics, Order.JOBS, Jobs(jobs), expires=in_a_minute())
        await say(self.broker, self.topics.jobs, json.dumps(body), "-r")


def in_a_minute():
    return int(parts.now().timestamp() * 1000) + 60_000


@pytest.fixture
def daemon(broker, tmp_path, runtime_dir):
    return Daemon(broker, tmp_path, runtime_dir)


async def test_a_configuration_comes_into_force_in_the_same_process_and_outlives_kill_9(broker, daemon):
    async with hearing(broker, "rooms/v1/home/+/up/#") as ear:
        async with daemon.life() as process:
            assert (await ear.next("up/reported"))["rev"] == 0
            await daemon.want(5, {"room": {"name": "Blue"}, "joining": {"min_countdown_s": 3}})
            reported = await ear.next("up/reported", rev=5)
            assert process.returncode is None  # it began anew under the same number
        assert reported["doc"]["room"]["name"] == "Blue"
        assert reported["doc"]["joining"]["min_countdown_s"] == 20
        assert [trouble["key"] for trouble in reported["troubles"]] == ["joining.min_countdown_s"]
        async with daemon.life():
            assert (await ear.next("up/reported", seen=5))["rev"] == 5
            await daemon.want(6, {"room": {"name": "Red", "nome": "x"}})
            refused = await ear.next("up/reported", seen=6)
    assert refused["rev"] == 5
    assert refused["doc"]["room"]["name"] == "Blue"
    assert [trouble["key"] for trouble in refused["troubles"] if re.match("room", trouble["key"])] == ["room.nome"]
    async with hearing(broker, "rooms/v1/home/+/up/#") as late:
        assert (await late.next("up/reported"))["retained"]


async def records(ear, daemon, enough):
    """Collect and acknowledge a room's records until there are enough."""
    found = {}
    while not enough(found.values()):
        batch = await ear.next("up/batch")
        rows = [{**record, "of_no": batch["of_no"]} for record in batch["records"]]
        found.update({(row["of_no"], row["n"]): row for row in rows})
        ack = BatchAck(batch["of"], batch["first"], batch["last"])
        await say(daemon.broker, daemon.topics.ack, encode_ack(ack).decode())
    return [record for _, record in sorted(found.items())]


async def test_jobs_are_done_once_and_told_in_records(broker, daemon):
    picture = Job("shot-1", JobKind.SCREENSHOT, in_a_minute())
    leave = Job("leave-1", JobKind.LEAVE, in_a_minute())
    late = Job("late-1", JobKind.REBOOT, 1)
    anew = Job("anew-1", JobKind.RESTART, in_a_minute())

    def ended(found):
        return {"shot-1", "leave-1", "late-1", "anew-1"} <= ended_jobs(found)

    async with hearing(broker, "rooms/v1/home/+/up/#") as ear, daemon.life():
        await ear.next("up/reported")
        await daemon.ask(picture, leave, late, anew)
        told = await records(ear, daemon, ended)
    states = {
        name: [r["job"]["state"] for r in told if r.get("job", {}).get("job") == name] for name in ("shot-1", "late-1")
    }
    assert states == {"shot-1": ["accepted", "running", "succeeded"], "late-1": ["expired"]}
    details = {record["job"]["job"]: record["job"].get("detail", "") for record in told if "job" in record}
    assert "Nobody looks after this room's programs" in details["anew-1"]
    chunks = [record["chunk"] for record in told if "chunk" in record]
    assert b"".join(base64.b64decode(chunk["data"]) for chunk in chunks).startswith(b"\x89PNG")
    assert any(record.get("event", {}).get("type") == "screenshot.taken" for record in told)
    # the same list again, to the next daemon on the same disk: nothing is done twice
    async with hearing(broker, "rooms/v1/home/+/up/#") as ear, daemon.life():
        await ear.next("up/reported")
        await daemon.ask(picture, leave, late, anew, Job("leave-2", JobKind.LEAVE, in_a_minute()))
        again = await records(ear, daemon, lambda found: "leave-2" in ended_jobs(found))
    # what the first daemon could not see acknowledged any more comes again, under its own number
    newest = [record for record in again if record["of_no"] == max(record["of_no"] for record in again)]
    assert {record["job"]["job"] for record in newest if "job" in record} == {"leave-2"}


def ended_jobs(found):
    return {record["job"]["job"] for record in found if record.get("job", {}).get("state") in FINAL}


FINAL = {"succeeded", "failed", "rejected", "expired", "cancelled"}


async def test_an_enrolled_room_comes_in_by_its_certificate_and_obeys_its_console_alone(tmp_path, runtime_dir):
    house = House(tmp_path)
    daemon = Daemon(None, tmp_path, runtime_dir)
    room = (await asyncio.to_thread(room_identity, daemon.state)).id
    await come_in(house, daemon.state, room, tmp_path)
    topics = Topics("acme", room)

    async def ask(payload):
        """Ask as the console's control user; returns what the room answers."""
        listening = asyncio.create_task(
            house.console("mosquitto_sub", INGEST, "-t", topics.event, "-C", "1", "-W", "10")
        )
        while not listening.done():
            await house.console("mosquitto_pub", CONTROL, "-t", topics.call, "-m", payload)
            await asyncio.sleep(0.3)
        return json.loads((await listening)[1])["data"]

    call = Call("c1", "mute", in_a_minute())
    async with house.broker(), daemon.life():
        _, said = await house.console("mosquitto_sub", INGEST, "-t", topics.reported, "-C", "1", "-W", "20")
        assert json.loads(said)["rev"] == 0
        ours = await ask(sign(call_body(topics, call), house.authority.orders).decode())
        assert (ours["id"], ours["status"]) == ("c1", "ok")
        plain = await ask(json.dumps({"id": "c2", "cmd": "mute", "args": {}, "expires": in_a_minute()}))
        assert (plain["id"], plain["status"]) == ("c2", "refused")
        assert "not signed by this room's console" in plain["reason"]
        await what_lasts_is_its_consoles_too(house, topics, ask, tmp_path)


async def what_lasts_is_its_consoles_too(house, topics, ask, tmp_path):
    """A configuration and jobs: those of strangers come to nothing, the console's are done."""
    ours, stranger = house.authority.orders, make_authority(tmp_path / "stranger", "acme", parts.now()).orders

    async def tell(kind, order, key=None):
        body = body_of(topics, kind, order, expires=in_a_minute())
        payload = json.dumps(body) if key is None else sign(body, key).decode()
        topic = {Order.DESIRED: topics.desired, Order.JOBS: topics.jobs}[kind]
        await house.console("mosquitto_pub", CONTROL, "-t", topic, "-m", payload)

    leave, reboot = (Job(name, JobKind(name), in_a_minute()) for name in ("leave", "reboot"))
    for key in (None, stranger):
        await tell(Order.DESIRED, Desired(7, {"room": {"name": "Red"}}), key)
        await tell(Order.JOBS, Jobs((reboot,)), key)
    # one of ours after them: by then they were looked at
    call = Call("c3", "mute", in_a_minute())
    assert (await ask(sign(call_body(topics, call), ours).decode()))["status"] == "ok"
    async with house.hearing(f"rooms/v1/acme/{topics.room}/up/#") as ear:
        assert (await ear.next("up/reported"))["seen"] == 0
        await tell(Order.JOBS, Jobs((leave,)), ours)
        states = []
        while not FINAL & set(states):
            batch = await ear.next("up/batch")
            ack = encode_ack(BatchAck(batch["of"], batch["first"], batch["last"])).decode()
            await house.console("mosquitto_pub", INGEST, "-t", topics.ack, "-m", ack)
            states += [record["job"]["state"] for record in batch["records"] if "job" in record]
            assert {record["job"]["job"] for record in batch["records"] if "job" in record} <= {"leave"}
        await tell(Order.DESIRED, Desired(8, {"room": {"name": "Blue"}}), ours)
        assert (await ear.next("up/reported", rev=8))["doc"]["room"]["name"] == "Blue"


async def come_in(house, state, room, folder):
    database = await open_database(f"sqlite:{folder}/fleet.db")
    await bring_up_to_date(database)
    code = new_code()
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO enrolment_codes (id, secret, made_at, made_by, expires_at) VALUES ($1, $2, 0, 'ada', $3)",
            *(code.id, code.key, in_a_minute()),
        )
    loop = asyncio.get_running_loop()
    fleet = Fleet("acme", house.site.url, house.authority)

    def post(url, data):
        asked = enrol(json.loads(data), fleet, database, parts.now())
        answer = asyncio.run_coroutine_threadsafe(asked, loop).result(20)
        return answer.status, json.dumps(answer.body).encode()

    told = {"room": room, "console": "https://console.example.org", "name": "Blue", "sw": "1"}
    await asyncio.to_thread(room_end.enrol, state, code=code, post=post, **told)
    await database.close()
