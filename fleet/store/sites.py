"""Sites as they are written; `browse` lists them."""

from collections.abc import Mapping

from fleet.store.browse import Site
from fleet.store.database import Transaction


async def put_site(tx: Transaction, site_id: str, values: Mapping[str, object]) -> Site:
    """Add a site, or change the one of that id; columns that are not among the values stay as they are."""
    await tx.execute("INSERT INTO sites (id, name) VALUES ($1, $1) ON CONFLICT (id) DO NOTHING", site_id)
    sets = ", ".join(f"{column} = ${place}" for place, column in enumerate(values, 2))
    await tx.execute(f"UPDATE sites SET {sets} WHERE id = $1", site_id, *values.values())
    rows = await tx.fetch(f"SELECT {', '.join(Site.__dataclass_fields__)} FROM sites WHERE id = $1", site_id)
    return Site(**dict(rows[0]))
