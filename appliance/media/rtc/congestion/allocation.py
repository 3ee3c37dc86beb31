"""One transport's target shared among its streams: sound first, whole; what is left goes to the pictures."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
SOUND = 48_000
"""Opus at 32 kb/s, and `SOUND_HEADERS`."""
SOUND_HEADERS = 16_000
"""What RTP, SRTP, UDP and IP add to 50 packets a second."""


@dataclass(frozen=True, slots=True)
class Claim(Generic[Key]):
    """A picture that wants to be sent."""

    key: Key
    most: int
    """It has no use for more."""


def share(target: int, *, sounds: int, pictures: Sequence[Claim[Key]]) -> dict[Key, int]:
    """Return each picture's part in bits per second; nobody gets less than somebody else unless it wants less."""
    left = max(target - sounds * SOUND, 0)
    parts: dict[Key, int] = {}
    waiting = sorted(pictures, key=lambda claim: claim.most)
    for index, claim in enumerate(waiting):
        parts[claim.key] = min(claim.most, left // (len(waiting) - index))
        left -= parts[claim.key]
    return parts
