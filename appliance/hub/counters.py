"""What the hub refused, counted: hostile input leaves a number, never a traceback."""

from collections import Counter
from enum import StrEnum


class Refusal(StrEnum):
    """Why something was refused."""

    TOKEN = "token"  # noqa: S105 - a reason, not a secret
    LINK = "link"
    RATE = "rate"
    ORIGIN = "origin"
    FULL = "full"
    MESSAGE = "message"
    DESCRIPTION = "description"
    DATA = "data"


class Counters:
    """Refusals by reason since the hub began."""

    def __init__(self) -> None:
        self._counts: Counter[Refusal] = Counter()

    def refuse(self, why: Refusal) -> None:
        """Count one."""
        self._counts[why] += 1

    def as_json(self) -> dict[str, int]:
        """Return the counts for /healthz."""
        return {why.value: count for why, count in sorted(self._counts.items())}
