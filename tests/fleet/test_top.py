"""The fleet in a terminal: what stands on it, and that it follows the database."""

from fleet_builders import NOW, add_room, add_site, change_room
from textual.widgets import DataTable, Static

from fleet.top import TopApp, ago

MIN = 60_000


async def fleet(database):
    berlin = await add_site(database, "berlin")
    await add_room(database, "b1", site=berlin, name="Blue", status_at=NOW - 5 * MIN)
    room = await add_room(
        database, "b2", site=berlin, name="[red]Red[/red]", status="broken", issue_count=2,
        worst="Camera\x1b[31m is gone.", status_at=NOW - 90 * MIN,
    )  # fmt: skip
    await add_room(database, "b3", status="offline", status_at=NOW - 3000)
    await add_room(database, "old", status="offline", retired_at=NOW)
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO alerts (rule, room, severity, text, state, began_at, fired_at) "
            "VALUES ('device', $1, 'error', 'Camera is gone.', 'firing', $2, $2)",
            room,
            NOW - 60 * MIN,
        )
    return room


def text_of(app):
    table = app.query_one(DataTable)
    rows = [" | ".join(str(cell) for cell in table.get_row_at(number)) for number in range(table.row_count)]
    return [str(app.query_one("#counts", Static).content), *rows, str(app.query_one("#alerts", Static).content)]


async def test_what_stands_on_it(database):
    await fleet(database)
    app = TopApp(database, lambda: NOW)
    # a terminal as everybody has one
    async with app.run_test(size=(80, 20)) as pilot:
        await pilot.pause()
        assert text_of(app) == [
            "3 rooms   1 offline   1 broken   0 warning   0 meeting   1 ready   0 new   ",
            "offline | 3 s | B3 |  | - |  | b3",
            "broken | 1 h | [red]Red[/red] | Camera[31m is gone. | 2 | Berlin | b2",
            "ready | 5 min | Blue |  | - | Berlin | b1",
            "1 h [red]Red[/red]: Camera is gone.",
        ]
        shot = app.export_screenshot()
        for words in ("WHAT IS WRONG", "is gone.", "offline", "[red]Red[/red]", "Trouble"):
            assert words in shot.replace("&#160;", " ")


async def test_it_follows_the_database_and_shows_trouble_alone(database):
    room = await fleet(database)
    app = TopApp(database, lambda: NOW)
    async with app.run_test(size=(110, 20)) as pilot:
        await pilot.press("t")
        await pilot.pause()
        assert app.query_one(DataTable).row_count == 2
        await change_room(database, room, status="ready")
        await app.refresh_all()
        assert app.query_one(DataTable).row_count == 1
        assert "2 ready" in text_of(app)[0]


async def test_an_empty_fleet_is_no_trouble(database):
    app = TopApp(database, lambda: NOW)
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
        assert text_of(app)[-1] == "No alert that nobody takes care of."


def test_times_are_short():
    assert [ago(ms) for ms in (-5, 59_000, 60_000, 3_600_000, 90_000_000)] == ["0 s", "59 s", "1 min", "1 h", "1 d"]
