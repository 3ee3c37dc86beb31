"""What admins set up for alerts: rules, channels and maintenance; done by `fleet.control.rulebook`, noted with it."""

import re
from dataclasses import dataclass

from fleet.control import rulebook
from fleet.control.rules import Rule
from fleet.control.watch import Window
from fleet.store import worklists
from fleet.web.access.accounts import NotPossible
from fleet.web.access.permissions import Action
from fleet.web.access.visitor import Visitor
from fleet.web.acting import in_words, noting, site_of
from fleet.web.console import Console
from fleet.web.gate import NotThere, require

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,35}")
_NO_RULE = "There is no such rule, or it is for a site that you may not see."


async def rules(console: Console, visitor: Visitor) -> list[Rule]:
    """Return the rules for what somebody sees."""
    seen = await worklists.seen_scopes(console.database, visitor.sites())
    return [rule for rule in await rulebook.rules(console.database) if seen(rule.scope)]


async def rule(console: Console, visitor: Visitor, rule_id: str) -> Rule:
    """Return one of them."""
    found = next((one for one in await rules(console, visitor) if one.id == rule_id), None)
    if found is None:
        raise NotThere(_NO_RULE)
    return found


async def save_rule(console: Console, visitor: Visitor, wanted: Rule) -> None:
    """Add or change a rule: it needs the right for what it was for, and for what it is for from now on."""
    _check_id(wanted.id)
    before = await rulebook.rule(console.database, wanted.id)
    for one in (before, wanted):
        if one is not None:
            require(visitor, Action.EDIT_RULES, await site_of(console, visitor, one.scope))
    known = {channel.id for channel in await rulebook.channels(console.database)}
    if strange := sorted(set(wanted.channels) - known):
        raise NotPossible(f"There is no channel {strange[0]!r}.")
    action = "rule changed" if before else "rule made"
    await in_words(rulebook.save_rule(console.database, wanted, also=noting(console, visitor, action)))


async def delete_rule(console: Console, visitor: Visitor, rule_id: str) -> None:
    """Delete a rule."""
    found = await rule(console, visitor, rule_id)
    require(visitor, Action.EDIT_RULES, await site_of(console, visitor, found.scope))
    also = noting(console, visitor, "rule deleted", name=found.name)
    if not await rulebook.delete_rule(console.database, rule_id, also=also):
        raise NotThere(_NO_RULE)


@dataclass(frozen=True, slots=True)
class ChannelWish:
    """A channel as somebody asks for it."""

    id: str
    name: str
    url: str
    """Its address; empty keeps the one it has."""
    least: str = "warning"
    enabled: bool = True


async def save_channel(console: Console, visitor: Visitor, wish: ChannelWish) -> None:
    """Add or change a channel."""
    require(visitor, Action.EDIT_RULES, None)
    _check_id(wish.id)
    saving = rulebook.save_channel(
        console.database,
        wish.id,
        " ".join(wish.name.split())[:60],
        wish.url.strip() or None,
        least=wish.least,
        enabled=wish.enabled,
        also=noting(console, visitor, "channel saved"),
    )
    await in_words(saving)


async def delete_channel(console: Console, visitor: Visitor, channel: str) -> None:
    """Forget a channel; not one that a rule relies on, which would tell nobody then."""
    require(visitor, Action.EDIT_RULES, None)
    for one in await rulebook.rules(console.database):
        if channel in one.channels:
            raise NotPossible(f"The rule {one.name!r} tells this channel: change that first.")
    if not await rulebook.delete_channel(console.database, channel, also=noting(console, visitor, "channel deleted")):
        raise NotThere("There is no such channel.")


async def try_channel(console: Console, visitor: Visitor, channel: str) -> None:
    """Have a test notice sent."""
    require(visitor, Action.EDIT_RULES, None)
    also = noting(console, visitor, "channel tried")
    if not await rulebook.send_test(console.database, channel, console.now(), also=also):
        raise NotThere("There is no such channel.")


async def maintenance(console: Console, visitor: Visitor) -> list[rulebook.Maintenance]:
    """Return the windows for what somebody sees."""
    seen = await worklists.seen_scopes(console.database, visitor.sites())
    return [one for one in await rulebook.maintenance(console.database, console.now()) if seen(one.scope)]


async def begin_maintenance(console: Console, visitor: Visitor, window: Window, reason: str) -> int:
    """Keep a scope's alerts from firing for a time."""
    require(visitor, Action.ACKNOWLEDGE, await site_of(console, visitor, window.scope))
    also = noting(console, visitor, "maintenance planned")
    beginning = rulebook.begin_maintenance(console.database, window, reason, visitor.name, console.now(), also=also)
    return await in_words(beginning)


async def end_maintenance(console: Console, visitor: Visitor, key: int) -> None:
    """End a window now, or take one back that has not begun."""
    found = next((one for one in await maintenance(console, visitor) if one.key == key), None)
    if found is None:
        raise NotThere("There is no such maintenance, or it is over.")
    require(visitor, Action.ACKNOWLEDGE, await site_of(console, visitor, found.scope))
    also = noting(console, visitor, "maintenance ended", scope=found.scope)
    await rulebook.end_maintenance(console.database, key, console.now(), also=also)


def _check_id(one: str) -> None:
    if not _ID.fullmatch(one):
        raise NotPossible("An id is 1 to 36 small letters, digits and -, such as hot-rooms.")
