"""`salon console top`: the fleet in a terminal, for admins by SSH. Reads the database and changes nothing."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.widgets import DataTable, Footer, Static

from appliance.state.clean import clean_text
from fleet.store.database import DatabaseTrouble, Reader
from fleet.store.opening import open_database
from fleet.store.schema import bring_up_to_date

MOST = 500
"""Rooms in the table, those with trouble first; more are only counted."""
_REFRESH_S = 1.0
COLOURS: Mapping[str, str] = {
    "offline": "bold red",
    "broken": "red",
    "warning": "yellow",
    "meeting": "cyan",
    "ready": "green",
    "new": "dim",
}
# what a terminal of 80 columns cuts off comes last
_COLUMNS = ("STATUS", "FOR", "NAME", "WHAT IS WRONG", "ISSUES", "SITE", "ROOM")
_ROOMS = (
    "SELECT r.id AS id, r.name AS name, s.name AS site, r.status AS status, r.status_at AS status_at, "
    "r.issue_count AS issues, r.worst AS worst FROM rooms r LEFT JOIN sites s ON s.key = r.site "
    "WHERE r.retired_at IS NULL AND ($1 = 0 OR r.status IN ('offline', 'broken', 'warning')) ORDER BY "
    "CASE r.status WHEN 'offline' THEN 0 WHEN 'broken' THEN 1 WHEN 'warning' THEN 2 WHEN 'meeting' THEN 3 ELSE 4 END, "
    "r.id LIMIT $2"
)


@dataclass(frozen=True, slots=True)
class RoomLine:
    """One room of the table."""

    room: str
    name: str
    site: str
    status: str
    since: int
    issues: int
    worst: str


@dataclass(frozen=True, slots=True)
class Picture:
    """What is shown."""

    now: int
    counts: Mapping[str, int]
    rooms: tuple[RoomLine, ...]
    alerts: tuple[str, ...]
    alert_count: int


async def picture(reader: Reader, now: int, *, trouble_only: bool) -> Picture:
    """Read what is shown."""
    counts = await reader.fetch("SELECT status, count(*) AS n FROM rooms WHERE retired_at IS NULL GROUP BY status")
    rooms = await reader.fetch(_ROOMS, 1 if trouble_only else 0, MOST)
    alerts = await reader.fetch(
        "SELECT a.text AS text, a.began_at AS began_at, r.name AS name, r.id AS id FROM alerts a "
        "LEFT JOIN rooms r ON r.key = a.room WHERE a.state = 'firing' AND a.parent IS NULL "
        "AND a.acknowledged_at IS NULL ORDER BY a.fired_at DESC, a.key DESC LIMIT 4"
    )
    total = await reader.fetch(
        "SELECT count(*) AS n FROM alerts WHERE state = 'firing' AND parent IS NULL AND acknowledged_at IS NULL"
    )
    return Picture(
        now,
        {row["status"]: row["n"] for row in counts},
        tuple(
            RoomLine(
                row["id"], row["name"], row["site"] or "", row["status"], row["status_at"], row["issues"], row["worst"]
            )
            for row in rooms
        ),
        tuple(
            f"{ago(now - row['began_at'])} {_where(row['name'], row['id'])}{clean_text(row['text'], 120)}"
            for row in alerts
        ),
        total[0]["n"],
    )


def ago(ms: int) -> str:
    """Return how long, short enough for a column."""
    seconds = max(0, ms // 1000)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def headline(shown: Picture) -> Text:
    """Return how many rooms are how."""
    total = sum(shown.counts.values())
    text = Text(f"{total} room{'s' * (total != 1)}   ")
    for status, style in COLOURS.items():
        text.append(f"{shown.counts.get(status, 0)} {status}   ", style)
    return text


def alert_lines(shown: Picture) -> Text:
    """Return the newest alerts that nobody takes care of."""
    if not shown.alert_count:
        return Text("No alert that nobody takes care of.", "green")
    more = shown.alert_count - len(shown.alerts)
    lines = [*shown.alerts, *([f"and {more} more"] if more else [])]
    return Text("\n".join(lines), "red")


def cells(room: RoomLine, now: int) -> Sequence[Text]:
    """Return a room's line; what a room calls itself is text and nothing else."""
    return (
        Text(room.status, COLOURS.get(room.status, "")),
        Text(ago(now - room.since) if room.since else "-"),
        Text(clean_text(room.name, 24)),
        Text(clean_text(room.worst, 60)),
        Text(str(room.issues or "-")),
        Text(clean_text(room.site, 16)),
        Text(room.room),
    )


def _where(name: str | None, room: str | None) -> str:
    return f"{clean_text(name or room or '', 40)}: " if room else ""


class TopApp(App[None]):
    """The whole screen."""

    CSS = """
    #rooms { height: 1fr; }
    #alerts { height: auto; max-height: 6; padding: 0 1; border-top: solid $primary; }
    #counts { height: 1; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [("q", "quit", "Quit"), ("t", "trouble", "Trouble only / all rooms")]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, reader: Reader, now: Callable[[], int]) -> None:
        super().__init__()
        self._reader = reader
        self._now = now
        self._trouble_only = False

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield Static(id="counts")
        yield DataTable[Text](id="rooms", cursor_type="row", zebra_stripes=True)
        yield Static(id="alerts")
        yield Footer()

    async def on_mount(self) -> None:
        self.query_one(DataTable).add_columns(*_COLUMNS)
        await self.refresh_all()
        self.set_interval(_REFRESH_S, self.refresh_all)

    async def action_trouble(self) -> None:
        """Show all rooms, or those with trouble."""
        self._trouble_only = not self._trouble_only
        await self.refresh_all()

    async def refresh_all(self) -> None:
        """Read and show."""
        try:
            shown = await picture(self._reader, self._now(), trouble_only=self._trouble_only)
        except DatabaseTrouble as err:
            self.query_one("#counts", Static).update(Text(str(err), "red"))
            return
        self.query_one("#counts", Static).update(headline(shown))
        self.query_one("#alerts", Static).update(alert_lines(shown))
        table = self.query_one(DataTable)
        place = table.cursor_row, table.scroll_y
        table.clear()
        for room in shown.rooms:
            table.add_row(*cells(room, shown.now), key=room.room)
        table.move_cursor(row=place[0], scroll=False)
        table.scroll_to(y=place[1], animate=False)


async def run_top(url: str) -> None:
    """Show the fleet of a database until somebody quits."""
    database = await open_database(url)
    try:
        await bring_up_to_date(database)
        await TopApp(database, lambda: time.time_ns() // 1_000_000).run_async()
    finally:
        await database.close()
