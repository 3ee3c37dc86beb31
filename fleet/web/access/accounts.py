"""What can be done with accounts: first admin, invitations, sign-in, tokens. The audit log notes each change."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from appliance.errors import SalonError
from appliance.state.counted import counted
from fleet.store import people
from fleet.store.audit import AuditLog
from fleet.store.database import Database, Transaction
from fleet.web.access.limits import SignInLimits
from fleet.web.access.passwords import Passwords, objection
from fleet.web.access.permissions import Role
from fleet.web.access.secrets import hashed, new_secret, new_token
from fleet.web.access.sessions import expires_at
from fleet.web.access.visitor import Visitor

_DAY_MS = 86_400_000
FIRST_ADMIN, INVITATION = "admin", "invite"
_LINK_LIFE_MS = {FIRST_ADMIN: _DAY_MS, INVITATION: 7 * _DAY_MS}
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
RESERVED = frozenset({"console"})
"""By these names the audit log calls what is nobody's."""
LONGEST_TOKEN_DAYS = 365


class NotPossible(SalonError, ValueError):
    """What was asked for cannot be done as it is; says why."""


class NotNow(NotPossible):
    """Too many failures: wait."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that has begun: the secret goes into the cookie."""

    secret: str
    user: int


class Accounts:
    """The console's accounts."""

    def __init__(
        self,
        database: Database,
        *,
        passwords: Passwords,
        limits: SignInLimits,
        now: Callable[[], int],
        session_days: int,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._limits = limits
        self._now = now
        self._session_days = session_days
        self._audit = AuditLog(database.dialect)

    async def sign_in(self, name: str, password: str, address: str) -> SignedIn | None:
        """Begin a session; None when name or password is wrong."""
        name, now = name.strip().lower()[:64], self._now()
        if wait := self._limits.wait_s(name, address, now):
            raise NotNow(f"Too many attempts. Try again in {_words(wait)}.")
        self._limits.tried(name, address, now)
        user = await people.user_called(self._database, name)
        right = await self._passwords.fits(password, user.password if user else None)
        if user is None or user.disabled or not right:
            async with self._database.transaction() as tx:
                await self._audit.note(tx, now, name, "sign-in refused", address=address)
            return None
        self._limits.succeeded(name, address)
        return await self.begin(user, address=address)

    async def begin(self, user: people.User, *, address: str, by: str = "password") -> SignedIn:
        """Begin a session of somebody whose identity is proved."""
        secret, now = new_secret(), self._now()
        session = people.Session(hashed(secret), user.key, new_secret(), now, now, expires_at(now, self._session_days))
        async with self._database.transaction() as tx:
            await people.begin_session(tx, session)
            await self._audit.note(tx, now, user.name, "signed in", by=by, address=address)
        return SignedIn(secret, user.key)

    async def sign_out(self, visitor: Visitor) -> None:
        if visitor.session is None:
            return
        async with self._database.transaction() as tx:
            await people.end_session(tx, visitor.session.hash)
            await self._audit.note(tx, self._now(), visitor.name, "signed out")

    async def first_admin_link(self, url: str, *, by: str) -> str:
        """Return a link with which somebody becomes an admin; it works once, within a day."""
        return await self._link(url, FIRST_ADMIN, None, by)

    async def needs_first_admin(self) -> bool:
        return await people.admins(self._database) == 0

    async def _link(self, url: str, purpose: str, user: int | None, by: str) -> str:
        secret, now = new_secret(), self._now()
        async with self._database.transaction() as tx:
            await people.add_link(tx, hashed(secret), purpose, user, now, now + _LINK_LIFE_MS[purpose])
            await self._audit.note(tx, now, by, f"{purpose} link made", _target(user))
        return f"{url}/welcome/{secret}"

    async def welcomed(self, secret: str) -> people.User | str | None:
        """Return whom a link is for: a user who chooses a password, "" for a new admin, None when it works no more."""
        found = await people.link(self._database, hashed(secret), self._now())
        if found is None:
            return None
        purpose, user = found
        if purpose == FIRST_ADMIN:
            return ""
        return await people.user(self._database, user or 0)

    async def accept(self, secret: str, name: str, password: str, address: str) -> SignedIn:
        """Use a link: choose a password, for a new admin a name too, and sign in."""
        guest = await self.welcomed(secret)
        if guest is None:
            raise NotPossible("This link has been used, or is too old. Ask for a new one.")
        name = _checked_name(name) if isinstance(guest, str) else guest.name
        if wrong := objection(password, name):
            raise NotPossible(wrong)
        if isinstance(guest, str) and await people.user_called(self._database, name):
            raise NotPossible(f"There is already somebody called {name}. Choose another name.")
        password_hash, now = await self._passwords.hash(password), self._now()
        async with self._database.transaction() as tx:
            if not await people.use_link(tx, hashed(secret), now):
                raise NotPossible("This link has just been used.")
            key = guest.key if isinstance(guest, people.User) else await self._new_admin(tx, name, now)
            await people.set_password(tx, key, password_hash)
            await self._audit.note(tx, now, name, "password chosen", _target(key))
        user = await people.user(self._database, key)
        if user is None or user.disabled:
            raise NotPossible("This account has been disabled. Ask an admin.")
        return await self.begin(user, address=address, by="one-time link")

    async def _new_admin(self, tx: Transaction, name: str, now: int) -> int:
        key = await people.add_user(tx, name, "", now)
        await people.set_grants(tx, key, [(Role.ADMIN, None)])
        await self._audit.note(tx, now, name, "admin made", _target(key))
        return key

    async def invite(
        self, by: Visitor, name: str, full_name: str, grants: Sequence[people.GrantRow], url: str
    ) -> tuple[int, str]:
        """Add somebody and return their key and the link by which they choose a password."""
        name, now = _checked_name(name), self._now()
        if not grants:
            raise NotPossible("Choose at least one role.")
        if await people.user_called(self._database, name):
            raise NotPossible(f"There is already somebody called {name}.")
        async with self._database.transaction() as tx:
            key = await people.add_user(tx, name, full_name.strip()[:100], now)
            await people.set_grants(tx, key, grants)
            await self._audit.note(tx, now, by.actor, "user added", _target(key), name=name, grants=list(grants))
        return key, await self._link(url, INVITATION, key, by.actor)

    async def password_link(self, by: Visitor, key: int, url: str) -> str:
        """Return a link by which somebody chooses a new password."""
        user = await self._somebody(key)
        if user.subject is not None:
            # it would let them in for good, also when the service would not any more
            raise NotPossible(f"{user.name} comes by the sign-in service: a password is changed there.")
        return await self._link(url, INVITATION, key, by.actor)

    async def change_user(
        self, by: Visitor, key: int, *, grants: Sequence[people.GrantRow] | None = None, disabled: bool | None = None
    ) -> None:
        """Change what somebody may do, or shut them out. The last admin stays one."""
        user = await self._somebody(key)
        async with self._database.transaction() as tx:
            if grants is not None:
                await people.set_grants(tx, key, grants)
                await self._audit.note(tx, self._now(), by.actor, "roles changed", _target(key), grants=list(grants))
            if disabled is not None and disabled != user.disabled:
                await people.set_disabled(tx, key, disabled)
                word = "user disabled" if disabled else "user enabled"
                await self._audit.note(tx, self._now(), by.actor, word, _target(key))
            if await people.admins(tx) == 0:
                raise NotPossible("This is the last admin. Make somebody else an admin first.")

    async def _somebody(self, key: int) -> people.User:
        user = await people.user(self._database, key)
        if user is None:
            raise NotPossible("There is no such user.")
        return user

    async def make_token(self, by: Visitor, name: str, role: Role, site: int | None, days: int) -> tuple[int, str]:
        """Make a token for a program of this user and return its key and, this once, its secret."""
        name = " ".join(name.split())[:60]
        if not name:
            raise NotPossible("Give the token a name that says which program uses it.")
        if not 1 <= days <= LONGEST_TOKEN_DAYS:
            raise NotPossible(f"A token lives 1 to {LONGEST_TOKEN_DAYS} days.")
        secret, now = new_token(), self._now()
        token = people.Token(0, name, by.user, role, site, now, None, now + days * _DAY_MS)
        async with self._database.transaction() as tx:
            key = await people.add_token(tx, hashed(secret), token)
            await self._audit.note(tx, now, by.actor, "token made", f"token:{key}", name=name, role=role, days=days)
        return key, secret

    async def remove_token(self, by: Visitor, key: int) -> None:
        async with self._database.transaction() as tx:
            if not await people.remove_token(tx, key, by.user):
                raise NotPossible("You have no such token.")
            await self._audit.note(tx, self._now(), by.actor, "token removed", f"token:{key}")


def _checked_name(name: str) -> str:
    name = name.strip().lower()
    if name in RESERVED:
        raise NotPossible(f"The console calls itself {name} in its log. Choose another name.")
    if not _NAME.fullmatch(name):
        raise NotPossible("A name is 1 to 64 letters, digits and . _ @ + -, such as an e-mail address.")
    return name


def _target(user: int | None) -> str:
    return "" if user is None else f"user:{user}"


def _words(seconds: int) -> str:
    return counted(seconds, "second") if seconds < 90 else counted(-(-seconds // 60), "minute")
