"""Alerts against a model that looks at everything each second: whatever happens in whatever order."""

from collections import Counter
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fleet.control.conditions import Beyond, Issues, Offline
from fleet.control.facts import Facts, Problem
from fleet.control.rules import Rule, State
from fleet.control.scope import Place
from fleet.control.watch import Watch, Window

S = 1000
T0 = 1_795_338_000_000
ROOMS = range(1, 9)
RULES = {
    "offline": Rule("offline", "Offline", Offline(), "error", 3, 2),
    "device": Rule("device", "Device", Issues(("device.*",), "error"), "error", 2, 3),
    "hot": Rule("hot", "Hot", Beyond("temp_c", above=80, clear=75), "warning", 4, 1),
}
SCOPES = ("org", "site:s1", "room:r1")


class Model:
    """One alert at a time, from the words of docs/alerts.md: since when it is bad, told, and good again."""

    def __init__(self):
        self.open = {}

    def look(self, now, rooms, rules, windows):
        for key in [key for key in self.open if key[0] not in rules or key[1] not in rooms]:
            del self.open[key]
        for room in rooms.values():
            held = any(w.scope in room.place.scopes and w.from_at <= now < w.until_at for w in windows)
            for name in rules:
                self._rule(now, room, RULES[name], held=held)

    def _rule(self, now, room, one, *, held):
        bad, known, between = self._found(room, one.id)
        mine = {key for key in self.open if key[:2] == (one.id, room.place.key)}
        for key in mine | {(one.id, room.place.key, about) for about in bad}:
            since, fired, good = self.open.get(key, (room.offline_since or now, False, None))
            if key[2] in bad:
                fired = fired or (not held and now - since >= one.for_s * S)
                self.open[key] = since, fired, None
            elif not known:
                continue
            elif between and fired:
                self.open[key] = since, fired, None
            elif not fired:
                del self.open[key]
            else:
                good = now if good is None else good
                self.open[key] = since, fired, good
                if now - good >= one.clear_s * S:
                    del self.open[key]

    def _found(self, room, name):
        if name == "offline":
            return ({""} if room.offline_since else set()), True, False
        known = room.offline_since is None
        if name == "device":
            return ({one.id for one in room.problems} if known else set()), known, False
        temp = room.numbers["temp_c"]
        return ({""} if known and temp > 80 else set()), known, known and 75 < temp <= 80


class Alerts(RuleBasedStateMachine):
    """Rooms, rules, maintenance and restarts by lot."""

    @initialize()
    def begin(self):
        self.now, self.rules, self.windows = T0, set(RULES), []
        self.rooms = {key: Facts(Place(key, f"r{key}", "s1"), f"R{key}", 1, numbers={"temp_c": 50}) for key in ROOMS}
        self.model, self.told = Model(), Counter()
        self.watch = Watch(())
        self._anew()
        self._look()

    def _anew(self):
        """What is stored is all that the next one knows."""
        kept = self.watch.open
        self.watch = Watch(tuple(RULES[name] for name in sorted(self.rules)), tuple(self.windows), {1: "A", 2: "B"})
        self.watch.remember(kept)
        for room in self.rooms.values():
            self.watch.see(room)

    def _look(self):
        for change in self.watch.look(self.now):
            self._tell(change)
        self.model.look(self.now, self.rooms, self.rules, self.windows)

    def _tell(self, change):
        """As the desk does: who fires is told once, unless a site speaks for it; and its end."""
        alert = change.after
        if alert is None:
            assert change.before.state is State.PENDING
        elif alert.state is State.RESOLVED:
            self.told.pop(alert.ident, None)
        elif alert.state is State.FIRING and alert.parent is None and not alert.notified:
            self.told[alert.ident] += 1
            self.watch.stored(alert.ident, alert.key or 1, notified=True)
            assert self.told[alert.ident] == 1

    @rule(seconds=st.integers(1, 6))
    def wait(self, seconds):
        for _ in range(seconds):
            self.now += S
            self._look()

    def _see(self, key, **more):
        if key in self.rooms:
            self.rooms[key] = replace(self.rooms[key], **more)
            self.watch.see(self.rooms[key])

    @rule(keys=st.sets(st.sampled_from(ROOMS), min_size=1))
    def lose(self, keys):
        for key in keys & self.rooms.keys():
            self._see(key, offline_since=self.rooms[key].offline_since or self.now)

    @rule(keys=st.sets(st.sampled_from(ROOMS), min_size=1))
    def find(self, keys):
        for key in keys:
            self._see(key, offline_since=None)

    @rule(key=st.sampled_from(ROOMS), issues=st.sets(st.sampled_from(["device.a", "device.b"])))
    def ail(self, key, issues):
        self._see(key, problems=tuple(Problem(one, "error", one, "") for one in sorted(issues)))

    @rule(key=st.sampled_from(ROOMS), temp=st.sampled_from([50, 78, 90]))
    def warm(self, key, temp):
        self._see(key, numbers={"temp_c": temp})

    @rule(key=st.sampled_from(ROOMS), site=st.sampled_from([None, 1, 2]))
    def move(self, key, site):
        if key in self.rooms:
            place = replace(self.rooms[key].place, site=site and f"s{site}")
            self._see(key, place=place, site=site)

    @rule(key=st.sampled_from(ROOMS))
    def retire(self, key):
        if self.rooms.pop(key, None):
            self.watch.forget(key)
            self._look()

    @rule(names=st.sets(st.sampled_from(sorted(RULES))))
    def change_rules(self, names):
        self.rules = names
        self._anew()
        self._look()

    @rule(scope=st.sampled_from(SCOPES), seconds=st.integers(1, 20), ahead=st.integers(0, 3))
    def maintain(self, scope, seconds, ahead):
        begins = self.now + ahead * S
        self.windows = [Window(scope, begins, begins + seconds * S), *self.windows[:2]]
        self._anew()
        self._look()

    @rule()
    def die(self):
        self._anew()
        self._look()

    @invariant()
    def as_the_model_says(self):
        if not hasattr(self, "watch"):
            return
        self._look()
        found = {
            (one.ident.rule, one.ident.room, one.ident.about): one.state is State.FIRING
            for one in self.watch.open
            if not one.of_site
        }
        assert found == {key: fired for key, (_, fired, _) in self.model.open.items()}

    @invariant()
    def a_site_speaks_for_three_rooms_or_more(self):
        if not hasattr(self, "watch"):
            return
        sites = {one.ident for one in self.watch.open if one.of_site}
        spoken_for = Counter(one.parent for one in self.watch.open if one.parent)
        assert spoken_for.keys() == sites
        assert all(rooms >= 3 for rooms in spoken_for.values())

    def teardown(self):
        if not hasattr(self, "watch"):
            return
        self.find(set(ROOMS))
        for key in ROOMS:
            self.ail(key, set())
            self.warm(key, 50)
        self.wait(30)
        assert self.watch.open == ()


TestAlerts = Alerts.TestCase
TestAlerts.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
