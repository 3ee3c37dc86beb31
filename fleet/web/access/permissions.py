"""What each role may do, as a table. Everything a page or the API does asks here; nothing else decides.

A role is given everywhere or for one site. What concerns the whole organisation (users, the audit log, the settings of
all) has no site, so a role for one site never reaches it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody is, everywhere or at a site."""

    VIEWER = "viewer"
    """Sees rooms, alerts, jobs and use."""
    OPERATOR = "operator"
    """Also acknowledges alerts, runs jobs and looks at screenshots."""
    ADMIN = "admin"
    """Also changes settings, rules, rooms and users."""
    AUDITOR = "auditor"
    """Sees everything, the audit log too, and changes nothing."""


class Action(StrEnum):
    """What can be done."""

    SEE = "see"
    """Rooms, alerts, jobs, settings, use."""
    ACKNOWLEDGE = "acknowledge"
    """Acknowledge and snooze alerts, plan maintenance."""
    RUN_JOBS = "run jobs"
    APPROVE_JOBS = "approve jobs"
    """Of somebody else."""
    LOOK = "look"
    """At a screenshot or the logs of a room."""
    EDIT_SETTINGS = "edit settings"
    EDIT_RULES = "edit rules"
    """Of alerts, and where they go."""
    EDIT_ROOMS = "edit rooms"
    """Their site, floor and tags."""
    ENROL = "enrol"
    """Make a code with which a room comes in; retire a room."""
    EDIT_SITES = "edit sites"
    MANAGE_USERS = "manage users"
    SEE_AUDIT = "see the audit log"


_SEES = frozenset({Action.SEE})
_OPERATES = _SEES | {Action.ACKNOWLEDGE, Action.RUN_JOBS, Action.LOOK}
MAY: Mapping[Role, frozenset[Action]] = {
    Role.VIEWER: _SEES,
    Role.OPERATOR: _OPERATES,
    Role.ADMIN: frozenset(Action),
    Role.AUDITOR: _SEES | {Action.SEE_AUDIT},
}


@dataclass(frozen=True, slots=True)
class Grant:
    """A role, and where it holds."""

    role: Role
    site: int | None = None
    """A site's key; None for everywhere."""


Grants = Collection[Grant]


def may(grants: Iterable[Grant], action: Action, site: int | None = None) -> bool:
    """Tell whether this may be done at a site; None is the whole organisation, and rooms that have no site."""
    return any(action in MAY[grant.role] and grant.site in {None, site} for grant in grants)


def may_somewhere(grants: Iterable[Grant], action: Action) -> bool:
    """Tell whether this may be done anywhere at all."""
    return any(action in MAY[grant.role] for grant in grants)


def sites_for(grants: Iterable[Grant], action: Action) -> frozenset[int] | None:
    """Return the sites where this may be done; None for everywhere."""
    places = [grant.site for grant in grants if action in MAY[grant.role]]
    return None if None in places else frozenset(site for site in places if site is not None)


def narrowed(grants: Iterable[Grant], to: Grant) -> tuple[Grant, ...]:
    """Return what is left of somebody's rights for a token: never more than the token says, nor than they have."""
    left = []
    for grant in grants:
        role = _lesser(grant.role, to.role)
        if role is None or (grant.site is not None and to.site is not None and grant.site != to.site):
            continue
        left.append(Grant(role, to.site if grant.site is None else grant.site))
    return tuple(left)


def _lesser(one: Role, other: Role) -> Role | None:
    """Return the greatest role that may nothing which either of them may not."""
    both = MAY[one] & MAY[other]
    fitting = [role for role in Role if MAY[role] <= both]
    return max(fitting, key=lambda role: len(MAY[role]), default=None)
