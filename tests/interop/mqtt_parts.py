"""Parts of the MQTT tests: real brokers as processes, mosquitto's own clients, and a room that says what we set."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from appliance.state.commands import Ack, Command, Origin
from appliance.state.devices import DeviceKind, DeviceUse
from appliance.state.room import Boot, Face, RoomState, Senses, ServiceHealth
from appliance.telemetry.agent import MqttAgent, MqttSettings, Pace
from appliance.telemetry.courier import Courier

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ROOM = "rooms/v1/home/room-1"
AMQTT = """
import asyncio, sys
from fleet.broker import BrokerSettings, run_broker
asyncio.run(run_broker(BrokerSettings(port=int(sys.argv[1])), on_ready=lambda port: print("ready", port, flush=True)))
"""


def now() -> datetime:
    return datetime.now(UTC)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def start(*command: str, **kwargs) -> asyncio.subprocess.Process:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return await asyncio.create_subprocess_exec(*command, env=env, stdin=asyncio.subprocess.DEVNULL, **kwargs)


async def until_line(stream: asyncio.StreamReader, word: str) -> str:
    async with asyncio.timeout(20):
        while line := (await stream.readline()).decode():
            if word in line:
                return line
    raise AssertionError(f"ended without saying {word!r}")


async def end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def certificate(folder: Path) -> None:
    """Write cert.pem and key.pem for 127.0.0.1, vouching for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "broker")])
    cert = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@dataclass
class Broker:
    """A broker that can be killed and comes back at the same port."""

    kind: str
    folder: Path
    extra: str = ""
    port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    async def start(self) -> None:
        pipe = asyncio.subprocess.PIPE
        if self.kind == "amqtt":
            self.process = await start(sys.executable, "-W", "error", "-c", AMQTT, str(self.port), stdout=pipe)
            await until_line(self.process.stdout, "ready")
            return
        if self.kind == "nats":
            await self._start_nats(pipe)
            return
        config = self.folder / "mosquitto.conf"
        access = self.extra or "allow_anonymous true"
        config.write_text(f"listener {self.port} 127.0.0.1\n{access}\nlog_dest stderr\nuser root\n")
        self.process = await start("/usr/sbin/mosquitto", "-c", str(config), stderr=pipe)
        await until_line(self.process.stderr, "running")

    async def _start_nats(self, pipe: int) -> None:
        config = self.folder / "nats.conf"
        config.write_text(
            f"server_name: one\nlisten: 127.0.0.1:{free_port()}\n"
            f'jetstream {{ store_dir: "{self.folder}/jetstream" }}\n'
            f"mqtt {{ host: 127.0.0.1, port: {self.port} }}\n"
        )
        self.process = await start("/usr/sbin/nats-server", "-c", str(config), stderr=pipe)
        await until_line(self.process.stderr, "Server is ready")

    async def kill(self) -> None:
        await end(self.process)


@asynccontextmanager
async def running(broker: Broker) -> AsyncIterator[Broker]:
    await broker.start()
    try:
        yield broker
    finally:
        await broker.kill()


class Ear:
    """mosquitto_sub: hears a topic and tells messages apart by their retain flag."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def next(self, leaf: str = "", **wanted: object) -> dict:
        """Return the next message on `.../up/<leaf>` that has these values."""
        async with asyncio.timeout(20):
            while line := (await self._process.stdout.readline()).decode():
                retained, topic, text = line.rstrip("\n").split(" ", 2)
                message = {**json.loads(text or "{}"), "retained": retained == "1"}
                if topic.endswith(leaf) and all(message.get(key) == value for key, value in wanted.items()):
                    return message
        raise AssertionError("mosquitto_sub ended")


@asynccontextmanager
async def hearing(broker: Broker, topic: str = f"{ROOM}/up/#", *flags: str) -> AsyncIterator[Ear]:
    address = ("-h", "127.0.0.1", "-p", str(broker.port), "-q", "1", *flags)
    # its own chatter, which tells that it listens, would else wait in a buffer
    process = await start(
        "stdbuf", "-oL", "mosquitto_sub", *address, "-t", topic, "-F", "%r %t %p", "-d", stdout=asyncio.subprocess.PIPE
    )
    try:
        await until_line(process.stdout, "Subscribed")
        yield Ear(_NoDebug(process))
    finally:
        await end(process)


async def kept(broker: Broker, leaf: str, **wanted: object) -> dict:
    """Return what a broker keeps of the room, as soon as it has these values.

    NATS hands a message on before it keeps it: who subscribes in between is told neither, so this asks anew.
    """
    async with asyncio.timeout(20):
        while True:
            with suppress(TimeoutError):
                async with hearing(broker) as ear, asyncio.timeout(1):
                    return await ear.next(leaf, retained=True, **wanted)


class _NoDebug:
    """mosquitto_sub with -d mixes its own chatter into the messages."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.stdout = self
        self._process = process

    async def readline(self) -> bytes:
        while line := await self._process.stdout.readline():
            if line[:2] in {b"0 ", b"1 "}:
                return line
        return b""


async def say(broker: Broker, topic: str, payload: str, *flags: str) -> None:
    """mosquitto_pub."""
    process = await start(
        "mosquitto_pub", "-h", "127.0.0.1", "-p", str(broker.port), "-q", "1", "-t", topic, "-m", payload, *flags
    )
    assert await process.wait() == 0


def call(cmd: str, call_id: str = "c1", life_s: float = 30, **args: str) -> str:
    expires = int((now().timestamp() + life_s) * 1000)
    return json.dumps({"id": call_id, "cmd": cmd, "args": args, "expires": expires})


class Watch:
    """A room's state that tests set, watched as the daemon's is: the newest, the middle skipped."""

    def __init__(self, room: RoomState) -> None:
        self.room = room
        self._news = asyncio.Event()

    def set(self, room: RoomState) -> None:
        self.room = room
        self._news.set()

    async def states(self) -> AsyncIterator[RoomState]:
        while True:
            self._news.clear()
            yield self.room
            await self._news.wait()


def a_room() -> RoomState:
    camera = DeviceUse(DeviceKind.CAMERA, "sim:bars", "Bars", simulated=True)
    senses = Senses(connected=True, devices=(camera,))
    face = Face(connected=True, screen="png:tv.png", width=1920, height=1080, lit=True)
    return RoomState("room-1", "Blue room", Boot("boot-1"), now=now(), senses=senses, face=face)


@dataclass
class Room:
    """An agent and what it did."""

    watch: Watch
    asked: list[tuple[Command, Origin]] = field(default_factory=list)
    health: list[ServiceHealth] = field(default_factory=list)
    troubled: asyncio.Event = field(default_factory=asyncio.Event)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)
    well: asyncio.Event = field(default_factory=asyncio.Event)

    def hear_health(self, health: ServiceHealth) -> None:
        self.health.append(health)
        (self.well if health.ok else self.troubled).set()

    async def dispatch(self, command: Command, origin: Origin) -> Ack:
        self.asked.append((command, origin))
        self.was_asked.set()
        return Ack()

    def agent(self, settings: MqttSettings, state_dir: Path, courier: Courier | None = None) -> MqttAgent:
        return MqttAgent(
            settings,
            state_dir=state_dir,
            states=self.watch.states,
            dispatch=self.dispatch,
            on_health=self.hear_health,
            now=now,
            courier=courier,
            pace=Pace(gap_s=0.05, first_retry_s=0.1, longest_retry_s=0.3, will_delay_s=1),
        )


@asynccontextmanager
async def a_room_on(settings: MqttSettings, state_dir: Path) -> AsyncIterator[Room]:
    """Run an agent; leaving stops it as the daemon would."""
    room = Room(Watch(a_room()))
    task = asyncio.create_task(room.agent(settings, state_dir).run())
    try:
        yield room
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _alone(url: str, state_dir: str) -> None:
    room = Room(Watch(replace(a_room(), boot=Boot(f"boot-{os.getpid()}"))))
    await room.agent(MqttSettings(url), Path(state_dir)).run()


if __name__ == "__main__":
    asyncio.run(_alone(sys.argv[1], sys.argv[2]))
