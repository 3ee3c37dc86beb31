"""Passwords: argon2id, a few at a time, and what counts as one."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST, LONGEST = 12, 256
_AT_ONCE = 2
_COMMON = ("password", "passwort", "123456", "qwerty", "letmein", "salon", "admin")


def objection(password: str, name: str) -> str:
    """Say why a password is none; empty when it is fine."""
    if len(password) < SHORTEST:
        return f"A password needs at least {SHORTEST} characters: a few words in a row are easy to remember."
    if len(password) > LONGEST:
        return f"A password has at most {LONGEST} characters."
    plain = password.lower()
    for word in (*_COMMON, name.lower()):
        if word:
            plain = plain.replace(word, "")
    if len(set(plain)) < 5:
        return "That password is easily guessed: take a few unrelated words."
    return ""


class Passwords:
    """Hashes and checks on threads. Each check takes 64 MB for a moment, so only two are done at once."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._nobody = ""

    async def hash(self, password: str) -> str:
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def fits(self, password: str, stored: str | None) -> bool:
        """Tell whether it is the password. Without one the work is done all the same, so that names stay unknown."""
        if not stored:
            self._nobody = self._nobody or await self.hash("nobody has this password")
        async with self._turn:
            right = await asyncio.to_thread(self._verify, stored or self._nobody, password[: LONGEST + 1])
        return right and bool(stored)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
