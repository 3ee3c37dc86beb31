"""Three nodes of NATS with JetStream that speak MQTT: a broker of which one node may die."""

import asyncio
import shutil
from pathlib import Path

from mqtt_parts import end, free_port, start

CONFIG = """
server_name: n{number}
listen: 127.0.0.1:{client}
jetstream {{ store_dir: "{folder}/n{number}" }}
mqtt {{ listen: "{host}:{mqtt}", ack_wait: "5s" }}
cluster {{ name: fleet, listen: 127.0.0.1:{route}, routes: [{routes}] }}
"""
HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


class NatsCluster:
    """The nodes by number, 0 to 2, at one port of three addresses."""

    def __init__(self, folder: Path) -> None:
        assert shutil.which("nats-server"), "Debian's nats-server is not installed: make debian"
        self._folder = folder
        self.port = free_port()
        routes = [free_port() for _ in range(3)]
        self._processes: list[asyncio.subprocess.Process] = []
        for number in range(3):
            others = ", ".join(f"nats://127.0.0.1:{port}" for port in routes)
            known = {"client": free_port(), "mqtt": self.port, "route": routes[number], "routes": others}
            config = CONFIG.format(number=number, folder=folder, host=HOSTS[number], **known)
            (folder / f"n{number}.conf").write_text(config)

    def url(self, number: int) -> str:
        return f"mqtt://{HOSTS[number % 3]}:{self.port}"

    async def start(self) -> None:
        self._processes = [await self._run(number) for number in range(3)]

    async def kill(self, number: int) -> None:
        await end(self._processes[number])

    async def revive(self, number: int) -> None:
        self._processes[number] = await self._run(number)

    async def stop(self) -> None:
        for process in self._processes:
            await end(process)

    async def _run(self, number: int) -> asyncio.subprocess.Process:
        log = (self._folder / f"n{number}.log").open("ab")
        with log:
            return await start("nats-server", "-c", str(self._folder / f"n{number}.conf"), stdout=log, stderr=log)


class OneBroker:
    """A single broker, with the cluster's face."""

    def __init__(self, broker) -> None:
        self._broker = broker

    def url(self, _number: int) -> str:
        return self._broker.url

    async def start(self) -> None:
        await self._broker.start()

    async def kill(self, _number: int) -> None:
        await self._broker.kill()

    async def revive(self, _number: int) -> None:
        await self._broker.start()

    async def stop(self) -> None:
        await self._broker.kill()
