"""`salon console ingest`: listens to all rooms, stores what they say, acknowledges what is stored."""

import asyncio
import json
import logging
import os
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from appliance.service import notify, utc_now
from appliance.telemetry.protocol.address import broker_address
from appliance.telemetry.protocol.records import encode_ack
from appliance.telemetry.protocol.topics import Topics, every_room
from fleet.ingest.inbox import Inbox, Letter
from fleet.ingest.writer import Answer, Counts, Writer
from fleet.line import Access, BrokerUnreachable, Line
from fleet.settings import Settings
from fleet.store.database import Database, DatabaseTrouble, Transaction

logger = logging.getLogger(__name__)
_GATHER_S = 0.5
"""Between two looks at what the broker has to tell, of the 2 s in which a page shows what a room says."""


def _now_ms() -> int:
    return int(utc_now().timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast things are tried again."""

    first_s: float = 0.5
    longest_s: float = 15.0
    pulse_s: float = 5.0

    def after(self, failures: int) -> float:
        """Return how long to wait after so many failures in a row."""
        return min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 10))


async def run_ingest(
    settings: Settings, database: Database, *, now: Callable[[], int] = _now_ms, pace: Pace = Pace()
) -> None:
    """Run until cancelled; broker and database may come and go."""
    await Ingest(settings, database, now=now, pace=pace).run()


class Ingest:
    """One ingest. Several may run on one database: each record is stored once all the same."""

    def __init__(self, settings: Settings, database: Database, *, now: Callable[[], int], pace: Pace) -> None:
        self._settings = settings
        self._database = database
        self._now = now
        self._pace = pace
        self._name = f"ingest-{socket.gethostname()}-{os.getpid()}"
        self.counts = Counts()
        self._writer = Writer(
            database,
            settings.console.org,
            most_unenrolled=settings.ingest.most_unenrolled,
            records_a_day=settings.ingest.records_a_day,
            now=now,
            counts=self.counts,
        )
        self._inbox = Inbox(now=now)
        self._line: Line | None = None
        self._hearing_since: int | None = None

    async def run(self) -> None:
        """Listen and write until cancelled."""
        notify("READY=1")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(), name="ingest-listen")
            tasks.create_task(self._write(), name="ingest-write")
            tasks.create_task(self._beat(), name="ingest-pulse")

    async def _listen(self) -> None:
        failures, said = 0, ""
        while True:
            try:
                async with self._connected() as line:
                    logger.info("Listening to the rooms at %s", self._settings.mqtt.url)
                    failures, said = 0, ""
                    await self._stay(line)
                    problem = line.why_over()
            except BrokerUnreachable as err:
                problem = str(err)
            if self._inbox.full.is_set():
                problem = (
                    "The database does not keep up. Nothing more is taken until it does; rooms keep their records."
                )
            failures += 1
            if problem != said:
                logger.warning("%s", problem)
                said = problem
            await asyncio.sleep(self._pace.after(failures))
            await self._room_again()

    def _connected(self) -> Line:
        # at most once: what counts is acknowledged end to end, the rest is said again, and a broker's own
        # acknowledgement of each message would cost as much as storing it
        rooms = every_room(self._settings.console.org)
        return Line(self._access(), subscribe=[rooms], hear=self._inbox.put, qos=0, gather_s=_GATHER_S)

    async def _stay(self, line: Line) -> None:
        """Be connected until the line is over, or nothing more can be taken."""
        self._line, self._hearing_since = line, self._now()
        full = asyncio.create_task(self._inbox.full.wait(), name="ingest-full")
        either: set[asyncio.Future[Any]] = {line.over, full}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            full.cancel()
            self._line = self._hearing_since = None

    async def _room_again(self) -> None:
        """Wait until the writer has caught up; what was dropped meanwhile is said again to a new connection."""
        while self._inbox.full.is_set():
            if self._inbox.waiting == 0:
                self._inbox.reopen()
            else:
                await asyncio.sleep(self._pace.first_s)

    def _access(self) -> Access:
        mqtt, user = self._settings.mqtt, self._settings.mqtt.ingest
        return Access(
            broker_address(mqtt.url),
            f"salon-ingest-{self._settings.console.org}-{secrets.token_hex(6)}",
            user.username,
            user.password_file,
            mqtt.ca_file,
            user.cert_file,
            user.key_file,
        )

    async def _write(self) -> None:
        while True:
            letters = await self._inbox.take()
            if letters:
                self._acknowledge(await self._written(letters))

    async def _written(self, letters: list[Letter]) -> list[Answer]:
        """Store messages, however long the database is in trouble."""
        failures = 0
        while True:
            try:
                answers = await self._writer.write(letters)
            except DatabaseTrouble as err:
                failures += 1
                if failures == 1:
                    logger.error("%s Nothing is acknowledged meanwhile: rooms keep their records.", err)  # noqa: TRY400
                await asyncio.sleep(self._pace.after(failures))
            else:
                if failures:
                    logger.info("The database takes what rooms say again")
                return answers

    def _acknowledge(self, answers: list[Answer]) -> None:
        """Tell rooms what is safe; on a line that is gone nobody would hear, and they send it again."""
        if self._line is not None:
            for answer in answers:
                topic = Topics(self._settings.console.org, answer.room).ack
                self._line.publish(topic, encode_ack(answer.ack), qos=0)

    async def _beat(self) -> None:
        """Say that this ingest lives, and whether it hears the broker: who does not hear calls no room silent."""
        while True:
            with suppress(DatabaseTrouble):
                await self._database.change(self._pulse)
            await asyncio.sleep(self._pace.pulse_s)

    async def _pulse(self, tx: Transaction) -> None:
        await tx.execute(
            "INSERT INTO pulses (name, at, since_at, detail) VALUES ($1, $2, $3, $4) ON CONFLICT (name) "
            "DO UPDATE SET at = excluded.at, since_at = excluded.since_at, detail = excluded.detail",
            self._name,
            self._now(),
            self._hearing_since,
            self._detail(),
        )
        await tx.execute("DELETE FROM pulses WHERE at < $1", self._now() - 24 * 3600 * 1000)

    def _detail(self) -> str:
        counts = self.counts
        refused = {reason.value: times for reason, times in sorted(counts.refused.items())}
        return json.dumps(
            {
                "messages": counts.messages,
                "records": counts.records,
                "repeated": counts.repeated,
                "beyond": counts.beyond,
                "refused": refused,
                "flushes": counts.flushes,
                "waiting": self._inbox.waiting,
            }
        )
