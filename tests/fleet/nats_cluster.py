"""Three nodes of NATS with JetStream that speak MQTT: a broker of which one node may die."""

import asyncio
import shutil
from pathlib import Path

from mqtt_parts import end, free_port, start

CONFIG = """
server_name: n{number}
listen: 127.0.0.1:{client}
jetstream {{ store_dir: "{folder}/n{number}" }}
mqtt {{ listen: 127.0.0.1:{mqtt}, ack_wait: "5s" }}
cluster {{ name: fleet, listen: 127.0.0.1:{route}, routes: [{routes}] }}
"""


class NatsCluster:
    """The nodes by number, 0 to 2; each client stays with one node."""

    def __init__(self, folder: Path) -> None:
        assert shutil.which("nats-server"), "Debian's nats-server is not installed: make debian"
        self._folder = folder
        self._mqtt = [free_port() for _ in range(3)]
        routes = [free_port() for _ in range(3)]
        self._processes: list[asyncio.subprocess.Process] = []
        for number in range(3):
            others = ", ".join(f"nats://127.0.0.1:{port}" for port in routes)
            known = {"client": free_port(), "mqtt": self._mqtt[number], "route": routes[number], "routes": others}
            config = CONFIG.format(number=number, folder=folder, **known)
            (folder / f"n{number}.conf").write_text(config)

    def url(self, number: int) -> str:
        return f"mqtt://127.0.0.1:{self._mqtt[number % 3]}"

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
