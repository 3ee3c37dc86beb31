"""What each role may do: the table itself, and what follows from it for sites and tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.web.access.permissions import MAY, Action, Grant, Role, may, may_somewhere, narrowed, sites_for

ROLES, ACTIONS = st.sampled_from(Role), st.sampled_from(Action)
SITES = st.one_of(st.none(), st.integers(1, 4))
GRANTS = st.lists(st.builds(Grant, ROLES, SITES), max_size=4).map(tuple)
CHANGES = frozenset(Action) - {Action.SEE, Action.SEE_AUDIT, Action.LOOK}


@pytest.mark.parametrize(
    ("role", "most"),
    [
        (Role.VIEWER, {Action.SEE}),
        (Role.OPERATOR, {Action.SEE, Action.ACKNOWLEDGE, Action.RUN_JOBS, Action.LOOK}),
        (Role.ADMIN, set(Action)),
        (Role.AUDITOR, {Action.SEE, Action.SEE_AUDIT}),
    ],
)
def test_each_role_may_this_and_nothing_else(role, most):
    assert MAY[role] == most


def test_an_auditor_changes_nothing_and_looks_into_no_room():
    assert not MAY[Role.AUDITOR] & (CHANGES | {Action.LOOK})


@given(GRANTS, ACTIONS, SITES)
def test_nobody_may_more_than_some_grant_says(grants, action, site):
    assert may(grants, action, site) == any(
        action in MAY[grant.role] and (grant.site is None or grant.site == site) for grant in grants
    )


@given(st.lists(st.builds(Grant, ROLES, st.integers(1, 4)), max_size=4), ACTIONS)
def test_a_role_for_sites_never_reaches_the_whole_organisation(grants, action):
    assert not may(grants, action, None)


@given(GRANTS, ACTIONS, SITES)
def test_the_sites_for_an_action_are_those_where_it_may_be_done(grants, action, site):
    sites = sites_for(grants, action)
    assert may(grants, action, site) == (sites is None or site in sites)
    assert may_somewhere(grants, action) == (sites is None or bool(sites))


@given(GRANTS, GRANTS, ACTIONS, SITES)
def test_more_grants_never_take_anything_away(grants, more, action, site):
    assert may((*grants, *more), action, site) or not may(grants, action, site)


@given(GRANTS, ROLES, SITES, ACTIONS, SITES)
def test_a_token_may_never_more_than_its_user_or_than_it_says(grants, role, at, action, site):
    token = Grant(role, at)
    if may(narrowed(grants, token), action, site):
        assert may(grants, action, site)
        assert may((token,), action, site)


@given(ROLES, SITES, ACTIONS, SITES)
def test_a_token_of_ones_own_role_loses_nothing(role, at, action, site):
    grant = Grant(role, at)
    assert may(narrowed((grant,), grant), action, site) == may((grant,), action, site)
