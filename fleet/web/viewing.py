"""Saved views of the rooms, from the page and by the API: one's own, and those that operators share."""

from fleet.store import views
from fleet.web.access.accounts import NotPossible
from fleet.web.access.permissions import Action
from fleet.web.access.visitor import Visitor
from fleet.web.console import Console
from fleet.web.gate import NotThere


async def save_view(console: Console, visitor: Visitor, name: str, query: str, *, shared: bool) -> None:
    """Save a view; one's own of the same name is replaced."""
    name = " ".join(name.split())
    if not name:
        raise NotPossible("Give the view a name.")
    if shared and not visitor.may_somewhere(Action.ACKNOWLEDGE):
        raise NotPossible("Only operators and admins share views.")
    async with console.database.transaction() as tx:
        await views.save_view(tx, visitor.user, name, query.lstrip("?"), shared)
        await console.audit.note(tx, console.now(), visitor.actor, "view saved", name, shared=shared)


async def remove_view(console: Console, visitor: Visitor, key: int) -> None:
    """Forget one of one's own."""
    async with console.database.transaction() as tx:
        if not await views.remove_view(tx, visitor.user, key):
            raise NotThere("You have no such view.")
        await console.audit.note(tx, console.now(), visitor.actor, "view removed", f"view:{key}")
