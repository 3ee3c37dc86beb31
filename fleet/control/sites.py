"""When most of a site is gone at once, that is one alert and not one for each room. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from fleet.control.conditions import Words
from fleet.control.rules import Alert, Rule, State, site_ident

AT_LEAST = 3
SHARE = 0.5
WITHIN_MS = 2 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Site:
    """A site as rules see it."""

    key: int
    name: str
    rooms: int
    """How many rooms of it have been heard."""


def is_down(began: Iterable[int], rooms: int) -> bool:
    """Tell whether so many rooms of a site were lost within so short a time that it is the site that is lost."""
    times = sorted(began)
    needed = max(AT_LEAST, -(-rooms * SHARE // 1))
    first = 0
    for last, time in enumerate(times):
        while time - times[first] > WITHIN_MS:
            first += 1
        if last - first + 1 >= needed:
            return True
    return False


def grouped(rule: Rule, site: Site, whole: Alert | None, members: Iterable[Alert], now: int) -> list[Alert]:
    """Return what changes among a site's alert and those of its rooms; all of them are of a rule for lost rooms.

    The site's alert begins when one of its rooms would fire, so that nobody is told of a room first. It speaks for all
    rooms of the site that are lost while it stands. It ends when fewer than three are left; these speak for themselves.
    """
    rooms = [alert for alert in members if alert.state is not State.RESOLVED]
    ident = site_ident(rule.id, site.key)
    if whole is not None:
        if len(rooms) >= AT_LEAST:
            return [replace(alert, parent=ident) for alert in rooms if alert.parent != ident]
        return ended(whole, rooms, now)
    if not any(alert.state is State.FIRING for alert in rooms) or not is_down(
        (alert.began_at for alert in rooms), site.rooms
    ):
        return []
    began = min(alert.began_at for alert in rooms)
    text = f"{len(rooms)} of {site.rooms} rooms went offline together."
    words = Words(f"{site.name}: {text}", "Look at the site's power and network before its rooms.")
    down = Alert(ident, rule.severity, words, State.FIRING, began, now)
    return [down, *(replace(alert, parent=ident) for alert in rooms)]


def ended(whole: Alert | None, members: Iterable[Alert], now: int) -> list[Alert]:
    """Return the end of a site's alert, and its rooms, which speak for themselves from now on."""
    over = [] if whole is None else [replace(whole, state=State.RESOLVED, ended_at=now, clear_at=now)]
    return [*over, *(replace(alert, parent=None) for alert in members if alert.parent is not None)]
