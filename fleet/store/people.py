"""Users, what they are granted, and the secrets that stand for them: sessions, API tokens, one-time links.

Secrets come here as their SHA-256. Roles are words here; what they mean stands in `fleet.web.access.permissions`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fleet.store.database import Reader, Row, Transaction

GrantRow = tuple[str, int | None]
"""A role and a site's key, None for everywhere."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in."""

    key: int
    name: str
    full_name: str
    password: str | None
    """Its argon2id hash; None before a password was chosen, and for those who come by OIDC."""
    subject: str | None
    disabled: bool
    made_at: int
    seen_at: int | None
    grants: tuple[GrantRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in."""

    hash: str
    user: int
    csrf: str
    made_at: int
    used_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Token:
    """What a program signs in with."""

    key: int
    name: str
    user: int
    role: str
    site: int | None
    made_at: int
    used_at: int | None
    expires_at: int


async def users(reader: Reader) -> list[User]:
    """Return everybody, by name."""
    rows = await reader.fetch("SELECT * FROM users ORDER BY name")
    grants: dict[int, list[GrantRow]] = {}
    for grant in await reader.fetch("SELECT user_key, role, site FROM grants ORDER BY role, site"):
        grants.setdefault(grant["user_key"], []).append((grant["role"], grant["site"]))
    return [_user(row, grants.get(row["key"], ())) for row in rows]


async def user(reader: Reader, key: int) -> User | None:
    """Return somebody by key."""
    return await _found(reader, await reader.fetch("SELECT * FROM users WHERE key = $1", key))


async def user_called(reader: Reader, name: str) -> User | None:
    """Return somebody by sign-in name, in any case."""
    return await _found(reader, await reader.fetch("SELECT * FROM users WHERE name = $1", name.strip().lower()))


async def user_from(reader: Reader, subject: str) -> User | None:
    """Return somebody by who they are at the sign-in service."""
    return await _found(reader, await reader.fetch("SELECT * FROM users WHERE subject = $1", subject))


async def _found(reader: Reader, rows: Sequence[Row]) -> User | None:
    if not rows:
        return None
    grants = await reader.fetch("SELECT role, site FROM grants WHERE user_key = $1", rows[0]["key"])
    return _user(rows[0], [(grant["role"], grant["site"]) for grant in grants])


def _user(row: Row, grants: Iterable[GrantRow]) -> User:
    return User(
        row["key"],
        row["name"],
        row["full_name"],
        row["password"],
        row["subject"],
        bool(row["disabled"]),
        row["made_at"],
        row["seen_at"],
        tuple(grants),
    )


async def add_user(tx: Transaction, name: str, full_name: str, at: int, *, subject: str | None = None) -> int:
    """Add somebody and return their key."""
    rows = await tx.fetch(
        "INSERT INTO users (name, full_name, subject, made_at) VALUES ($1, $2, $3, $4) RETURNING key",
        name.strip().lower(),
        full_name,
        subject,
        at,
    )
    key: int = rows[0]["key"]
    return key


async def set_grants(tx: Transaction, user_key: int, grants: Iterable[GrantRow]) -> None:
    """Replace all of somebody's grants."""
    await tx.execute("DELETE FROM grants WHERE user_key = $1", user_key)
    for role, site in grants:
        await tx.execute("INSERT INTO grants (user_key, role, site) VALUES ($1, $2, $3)", user_key, role, site)


async def set_password(tx: Transaction, user_key: int, password: str) -> None:
    """Set a password's hash, and end every session that the old one began."""
    await tx.execute("UPDATE users SET password = $1 WHERE key = $2", password, user_key)
    await end_sessions(tx, user_key)


async def set_disabled(tx: Transaction, user_key: int, disabled: bool) -> None:
    """Shut somebody out, or let them in again; who is out has no session either."""
    await tx.execute("UPDATE users SET disabled = $1 WHERE key = $2", disabled, user_key)
    if disabled:
        await end_sessions(tx, user_key)


async def admins(reader: Reader) -> int:
    """Count those who can do everything everywhere, and sign in."""
    rows = await reader.fetch(
        "SELECT count(DISTINCT u.key) AS n FROM users u JOIN grants g ON g.user_key = u.key "
        "WHERE g.role = 'admin' AND g.site IS NULL AND NOT u.disabled"
    )
    found: int = rows[0]["n"]
    return found


async def begin_session(tx: Transaction, session: Session) -> None:
    """Keep a new session, and forget those that are over."""
    await tx.execute("DELETE FROM sessions WHERE expires_at < $1", session.made_at)
    await tx.execute(
        "INSERT INTO sessions (hash, user_key, csrf, made_at, used_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
        session.hash,
        session.user,
        session.csrf,
        session.made_at,
        session.used_at,
        session.expires_at,
    )
    await tx.execute("UPDATE users SET seen_at = $1 WHERE key = $2", session.made_at, session.user)


async def session(reader: Reader, secret_hash: str) -> Session | None:
    """Return a session by its secret's hash."""
    rows = await reader.fetch("SELECT * FROM sessions WHERE hash = $1", secret_hash)
    return next((Session(*(row[name] for name in _SESSION)) for row in rows), None)


_SESSION = ("hash", "user_key", "csrf", "made_at", "used_at", "expires_at")


async def use_session(tx: Transaction, secret_hash: str, at: int) -> None:
    """Note that a session is in use."""
    await tx.execute("UPDATE sessions SET used_at = $1 WHERE hash = $2", at, secret_hash)


async def end_session(tx: Transaction, secret_hash: str) -> None:
    """Forget a session."""
    await tx.execute("DELETE FROM sessions WHERE hash = $1", secret_hash)


async def end_sessions(tx: Transaction, user_key: int) -> None:
    """Forget all sessions of somebody."""
    await tx.execute("DELETE FROM sessions WHERE user_key = $1", user_key)


_TOKEN = ("key", "name", "user_key", "role", "site", "made_at", "used_at", "expires_at")


async def add_token(tx: Transaction, secret_hash: str, token: Token) -> int:
    """Keep a new token and return its key."""
    rows = await tx.fetch(
        "INSERT INTO api_tokens (hash, name, user_key, role, site, made_at, expires_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING key",
        secret_hash,
        token.name,
        token.user,
        token.role,
        token.site,
        token.made_at,
        token.expires_at,
    )
    key: int = rows[0]["key"]
    return key


async def token(reader: Reader, secret_hash: str) -> Token | None:
    """Return a token by its secret's hash."""
    rows = await reader.fetch("SELECT * FROM api_tokens WHERE hash = $1", secret_hash)
    return next((_token(row) for row in rows), None)


async def tokens_of(reader: Reader, user_key: int) -> list[Token]:
    """Return somebody's tokens."""
    rows = await reader.fetch("SELECT * FROM api_tokens WHERE user_key = $1 ORDER BY name, key", user_key)
    return [_token(row) for row in rows]


def _token(row: Row) -> Token:
    return Token(*(row[name] for name in _TOKEN))


async def use_token(tx: Transaction, key: int, at: int) -> None:
    """Note that a token is in use."""
    await tx.execute("UPDATE api_tokens SET used_at = $1 WHERE key = $2", at, key)


async def remove_token(tx: Transaction, key: int, user_key: int) -> bool:
    """Forget a token of somebody; False when there is none."""
    return await tx.execute("DELETE FROM api_tokens WHERE key = $1 AND user_key = $2", key, user_key) > 0


async def add_link(tx: Transaction, secret_hash: str, purpose: str, user_key: int | None, at: int, until: int) -> None:
    """Keep a link that works once. The older ones of the same purpose and user work no more."""
    await tx.execute(
        "DELETE FROM one_time_links WHERE expires_at < $1 "
        "OR (purpose = $2 AND COALESCE(user_key, 0) = COALESCE($3, 0))",
        at,
        purpose,
        user_key,
    )
    await tx.execute(
        "INSERT INTO one_time_links (hash, purpose, user_key, made_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        secret_hash,
        purpose,
        user_key,
        at,
        until,
    )


async def link(reader: Reader, secret_hash: str, at: int) -> tuple[str, int | None] | None:
    """Return the purpose and user of a link that still works."""
    rows = await reader.fetch(
        "SELECT purpose, user_key FROM one_time_links WHERE hash = $1 AND used_at IS NULL AND expires_at > $2",
        secret_hash,
        at,
    )
    return (rows[0]["purpose"], rows[0]["user_key"]) if rows else None


async def use_link(tx: Transaction, secret_hash: str, at: int) -> bool:
    """Use a link up; False when somebody was quicker."""
    sql = "UPDATE one_time_links SET used_at = $1 WHERE hash = $2 AND used_at IS NULL AND expires_at > $1"
    return await tx.execute(sql, at, secret_hash) == 1
