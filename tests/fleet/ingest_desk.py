"""A writer for tests of the console, and questions to its database."""

from room_voice import NOON

from appliance.telemetry.protocol.records import BatchAck
from fleet.ingest.writer import Counts, Writer
from fleet.store.samples import tables


class Desk:
    """A writer, and questions to its database."""

    def __init__(self, database, most_unenrolled=100, records_a_day=10_000, kept_a_day=500):
        self.database = database
        self.counts = Counts()
        self.writer = Writer(
            database,
            "home",
            most_unenrolled=most_unenrolled,
            records_a_day=records_a_day,
            kept_a_day=kept_a_day,
            now=lambda: NOON,
            counts=self.counts,
        )

    async def hear(self, *letters) -> list[BatchAck]:
        return [answer.ack for answer in await self.writer.write(letters)]

    async def room(self, name="room-1"):
        rows = await self.database.fetch("SELECT * FROM rooms WHERE id = $1", name)
        return rows[0] if rows else None

    async def rows(self, columns, table, order="n"):
        return [tuple(row) for row in await self.database.fetch(f"SELECT {columns} FROM {table} ORDER BY {order}")]

    async def samples(self):
        names = await tables(self.database, self.database.dialect, "samples")
        return [row for name in names for row in await self.rows("room, boot, n, at", name, "at, n")]
