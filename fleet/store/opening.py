"""A console's database by its address: the driver that goes with it, and no other, is imported."""

from fleet.store.database import Database, DatabaseTrouble


async def open_database(url: str) -> Database:
    """Open `sqlite:/path` or `postgresql://…`, or raise `DatabaseTrouble`. Does not bring the schema up to date."""
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite" and rest:
        from fleet.store.sqlite import open_sqlite  # noqa: PLC0415 - each console pays for one database

        return await open_sqlite(rest)
    if scheme in {"postgresql", "postgres"} and rest.startswith("//"):
        from fleet.store.postgres import open_postgres  # noqa: PLC0415

        return await open_postgres(url)
    raise DatabaseTrouble("A console's database is sqlite:/path/fleet.db or postgresql://USER@HOST/NAME.")
