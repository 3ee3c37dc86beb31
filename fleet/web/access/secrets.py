"""Secrets that stand for somebody: made here, handed out once, kept as a hash only."""

import hashlib
import secrets

TOKEN_PREFIX = "salon_"  # noqa: S105 - lets people and scanners of repositories see what it is


def new_secret() -> str:
    """Return 256 random bits, fit for an address and a cookie."""
    return secrets.token_urlsafe(32)


def new_token() -> str:
    """Return a new API token."""
    return TOKEN_PREFIX + new_secret()


def hashed(secret: str) -> str:
    """Return what the database keeps. Nobody guesses 256 bits, so a quick hash will do."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare without telling by the time it took how much was right."""
    return secrets.compare_digest(one.encode(), other.encode())
