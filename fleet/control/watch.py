"""Watches all rooms by all rules: looks only at rooms that changed, and at those whose time has come. Pure.

Everything that matters is in the alerts, which whoever uses this stores; a watch that is made anew from the stored
alerts goes on where the other one ended.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from fleet.control.conditions import ALL_WELL, Look, Offline, look
from fleet.control.facts import Facts
from fleet.control.rules import Alert, Ident, Rule, Signal, State, begun, due, site_ident, step
from fleet.control.sites import Site, ended, grouped


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which nothing of a scope fires."""

    scope: str
    from_at: int
    until_at: int

    def holds(self, scopes: frozenset[str], now: int) -> bool:
        return self.from_at <= now < self.until_at and self.scope in scopes


@dataclass(frozen=True, slots=True)
class Change:
    """An alert before and after; `after` is None for one that came to nothing."""

    before: Alert | None
    after: Alert | None


@dataclass(slots=True)
class Watch:
    """All open alerts, and what is needed to know how they go on."""

    rules: tuple[Rule, ...]
    windows: tuple[Window, ...] = ()
    site_names: dict[int, str] = field(default_factory=dict)
    _open: dict[Ident, Alert] = field(default_factory=dict, init=False)
    _of_room: dict[int, set[Ident]] = field(default_factory=lambda: defaultdict(set), init=False)
    _of_site: dict[tuple[str, int], set[Ident]] = field(default_factory=lambda: defaultdict(set), init=False)
    _down_by: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set), init=False)
    """By which rules a site is down."""
    _facts: dict[int, Facts] = field(default_factory=dict, init=False)
    """Of rooms that have to be looked at again although they say nothing."""
    _site_of: dict[int, int] = field(default_factory=dict, init=False)
    _rooms_in: dict[int, int] = field(default_factory=lambda: defaultdict(int), init=False)
    _fresh: dict[int, Facts] = field(default_factory=dict, init=False)
    _gone: set[int] = field(default_factory=set, init=False)
    _heap: list[tuple[int, int]] = field(default_factory=list, init=False)
    _due: dict[int, int] = field(default_factory=dict, init=False)
    _changes: dict[Ident, Change] = field(default_factory=dict, init=False)
    _sites: set[int] = field(default_factory=set, init=False)

    def remember(self, alerts: Iterable[Alert]) -> None:
        """Take over the open alerts that are stored."""
        for alert in alerts:
            self._keep(alert)
            if alert.of_site and alert.ident.site is not None:
                # its rooms may be gone for ever meanwhile
                self._sites.add(alert.ident.site)

    def stored(self, ident: Ident, key: int, *, notified: bool) -> None:
        """Note what the database calls an alert, and whether people were told of it."""
        alert = self._open.get(ident)
        if alert is not None:
            self._open[ident] = replace(alert, key=key, notified=notified)

    def see(self, facts: Facts) -> None:
        """Take a room as it is now."""
        key = facts.place.key
        self._fresh[key] = facts
        self._gone.discard(key)
        self._move(key, facts.site)

    def forget(self, room: int) -> None:
        """Take note that a room is not listened to any more: what is open of it ends, and nobody is told."""
        self._fresh.pop(room, None)
        self._gone.add(room)
        self._move(room, None)

    def look(self, now: int) -> list[Change]:
        """Return what has changed, sites before their rooms."""
        self._changes = {}
        for room in self._gone:
            self._end_all(room, now)
        self._gone.clear()
        for facts in self._due_rooms(now):
            self._judge(facts, now)
        for site in sorted(self._sites):
            self._group(site, now)
        self._sites.clear()
        return sorted(self._changes.values(), key=_sites_first)

    def alert(self, ident: Ident) -> Alert | None:
        """Return an open alert."""
        return self._open.get(ident)

    @property
    def open(self) -> tuple[Alert, ...]:
        """All open alerts."""
        return tuple(self._open.values())

    def _due_rooms(self, now: int) -> list[Facts]:
        fresh, self._fresh = self._fresh, {}
        while self._heap and self._heap[0][0] <= now:
            at, room = heapq.heappop(self._heap)
            if self._due.get(room) == at and room in self._facts:
                fresh.setdefault(room, self._facts[room])
        return list(fresh.values())

    def _judge(self, facts: Facts, now: int) -> None:
        room, scopes = facts.place.key, facts.place.scopes
        held = [window.until_at for window in self.windows if window.holds(scopes, now)]
        next_at: list[int] = []
        rules = {rule.id: rule for rule in self.rules if rule.scope in scopes}
        for ident in [ident for ident in self._of_room.get(room, ()) if ident.rule not in rules]:
            self._end(self._open[ident], now)
        standing = bool(self._of_room.get(room))
        for rule in rules.values():
            found = look(rule.condition, facts, now)
            if found is ALL_WELL and not standing:
                # as nearly always
                continue
            if found.due:
                next_at.append(found.due)
            self._apply(rule, facts, found, now, bool(held))
        open_here = [self._open[ident] for ident in self._of_room.get(room, ())]
        next_at += [at for alert in open_here if (at := due(alert, rules[alert.ident.rule]))]
        # what is overdue waits for something else: for the end of maintenance, or for the room to come back
        self._look_again(facts, [at for at in (*next_at, *(held if open_here else ())) if at > now])

    def _apply(self, rule: Rule, facts: Facts, found: Look, now: int, held: bool) -> None:
        room = facts.place.key
        standing = {ident for ident in self._of_room.get(room, ()) if ident.rule == rule.id}
        if not standing and not found.bad:
            return
        known = {ident.about: ident for ident in standing}
        for about, words in found.bad.items():
            if about not in known:
                ident = Ident(rule.id, room, facts.site, about)
                self._put(None, begun(rule, ident, words, found.since or now, now, held=held))
        for about, ident in known.items():
            before = self._open[ident]
            words = found.bad.get(about) or before.words
            self._put(before, step(before, _signal(found, about), rule, now, words=words, held=held))

    def _group(self, site: int, now: int) -> None:
        named = Site(site, self.site_names.get(site, ""), self._rooms_in[site])
        rules = {rule.id: rule for rule in self.rules if isinstance(rule.condition, Offline)}
        for name in sorted(rules.keys() | self._down_by[site]):
            whole = self._open.get(site_ident(name, site))
            members = [self._open[ident] for ident in self._of_site.get((name, site), ())]
            rule = rules.get(name)
            # of a rule that is gone, or looks for something else now, no site speaks
            changed = (
                grouped(rule, named, whole, self._unheld(members, now), now) if rule else ended(whole, members, now)
            )
            for alert in changed:
                self._put(self._open.get(alert.ident), alert)

    def _unheld(self, members: Iterable[Alert], now: int) -> list[Alert]:
        """Leave out those that maintenance keeps from firing: that they are gone is no sign of a lost site."""
        return [one for one in members if one.state is not State.PENDING or one.parent or not self._is_held(one, now)]

    def _is_held(self, alert: Alert, now: int) -> bool:
        # who is pending is looked at again, so that its facts are here
        facts = self._facts.get(alert.ident.room or 0)
        return facts is not None and any(window.holds(facts.place.scopes, now) for window in self.windows)

    def _put(self, before: Alert | None, after: Alert | None) -> None:
        if after == before:
            return
        ident = (after or before).ident  # type: ignore[union-attr]  # one of the two is there, or they are equal
        first = self._changes[ident].before if ident in self._changes else before
        self._changes[ident] = Change(first, after)
        if ident.site is not None:
            self._sites.add(ident.site)
        if after is None or after.state is State.RESOLVED:
            self._drop(ident)
        else:
            self._keep(after)

    def _end_all(self, room: int, now: int) -> None:
        for ident in list(self._of_room.get(room, ())):
            self._end(self._open[ident], now)
        self._facts.pop(room, None)
        self._due.pop(room, None)
        self._of_room.pop(room, None)

    def _end(self, alert: Alert, now: int) -> None:
        """End what no rule asks for any more."""
        over = (
            None if alert.state is State.PENDING else replace(alert, state=State.RESOLVED, clear_at=now, ended_at=now)
        )
        self._put(alert, over)

    def _keep(self, alert: Alert) -> None:
        ident = alert.ident
        self._open[ident] = alert
        if ident.room is not None:
            self._of_room[ident.room].add(ident)
            if ident.site is not None:
                self._of_site[ident.rule, ident.site].add(ident)
        elif ident.site is not None:
            self._down_by[ident.site].add(ident.rule)

    def _drop(self, ident: Ident) -> None:
        self._open.pop(ident, None)
        if ident.room is not None:
            self._of_room[ident.room].discard(ident)
            if ident.site is not None:
                self._of_site[ident.rule, ident.site].discard(ident)
        elif ident.site is not None:
            self._down_by[ident.site].discard(ident.rule)

    def _look_again(self, facts: Facts, times: list[int]) -> None:
        room = facts.place.key
        if not times:
            self._facts.pop(room, None)
            self._due.pop(room, None)
            if not self._of_room.get(room):
                self._of_room.pop(room, None)
            return
        at = min(times)
        self._facts[room] = facts
        if self._due.get(room) != at:
            self._due[room] = at
            heapq.heappush(self._heap, (at, room))

    def _move(self, room: int, site: int | None) -> None:
        before = self._site_of.get(room)
        if before == site:
            return
        if before is not None:
            self._rooms_in[before] -= 1
            del self._site_of[room]
        if site is not None:
            self._rooms_in[site] += 1
            self._site_of[room] = site


def _signal(found: Look, about: str) -> Signal:
    if about in found.bad:
        return Signal.BAD
    if not found.known:
        return Signal.UNKNOWN
    return Signal.BETWEEN if found.between else Signal.GOOD


def _sites_first(change: Change) -> bool:
    return not (change.after or change.before).of_site  # type: ignore[union-attr]  # one of the two is there
