"""Saved views of the rooms: a name for a query, one's own or everybody's."""

from dataclasses import dataclass

from fleet.store.database import Reader, Transaction


@dataclass(frozen=True, slots=True)
class View:
    """A query with a name."""

    key: int
    name: str
    query: str
    shared: bool
    own: bool


async def views_of(reader: Reader, user: int) -> list[View]:
    """Return somebody's own views and those that others share."""
    rows = await reader.fetch(
        "SELECT key, user_key, name, query, shared FROM saved_views WHERE user_key = $1 OR shared ORDER BY name, key",
        user,
    )
    return [View(row["key"], row["name"], row["query"], bool(row["shared"]), row["user_key"] == user) for row in rows]


async def save_view(tx: Transaction, user: int, name: str, query: str, shared: bool) -> None:
    """Save a view; one of the same name is replaced."""
    await tx.execute("DELETE FROM saved_views WHERE user_key = $1 AND name = $2", user, name)
    await tx.execute(
        "INSERT INTO saved_views (user_key, name, query, shared) VALUES ($1, $2, $3, $4)", user, name, query, shared
    )


async def remove_view(tx: Transaction, user: int, key: int) -> bool:
    """Forget one's own view; False when there is none."""
    return await tx.execute("DELETE FROM saved_views WHERE key = $1 AND user_key = $2", key, user) > 0
