"""How often somebody may try, and how much may be asked for: in memory, so that a restart forgives.

Failures count per address and per name within a window, requests per session and per API token.
"""

import math
from collections import OrderedDict, deque
from ipaddress import IPv6Address, ip_address

_MOST_KEYS = 20_000
_ONE_HOUSE = 64
"""Bits of an IPv6 address that a provider gives out; the rest is the customer's to choose, anew for each try."""


def origin(address: str) -> str:
    """Return what counts as one place to come from: an IPv4 address, or a network of IPv6."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(IPv6Address(int(found) >> _ONE_HOUSE << _ONE_HOUSE))


class Limit:
    """At most so many failures within so many seconds for each key."""

    def __init__(self, failures: int, window_s: int) -> None:
        self._failures = failures
        self._window_ms = window_s * 1000
        self._seen: OrderedDict[str, deque[int]] = OrderedDict()

    def wait_s(self, key: str, now: int) -> int:
        """Return how many seconds a key has to wait; 0 for none."""
        failures = self._seen.get(key)
        if failures is None:
            return 0
        while failures and failures[0] <= now - self._window_ms:
            failures.popleft()
        if len(failures) < self._failures:
            return 0
        return max(1, -(-(failures[0] + self._window_ms - now) // 1000))

    def failed(self, key: str, now: int) -> None:
        """Count a failure."""
        self._seen.setdefault(key, deque(maxlen=self._failures)).append(now)
        self._seen.move_to_end(key)
        while len(self._seen) > _MOST_KEYS:
            # whoever invents names or addresses pushes out what is oldest, never all memory
            self._seen.popitem(last=False)

    def undo(self, key: str) -> None:
        """Take the newest failure back: it was none."""
        if failures := self._seen.get(key):
            failures.pop()

    def forgive(self, key: str) -> None:
        """Forget a key's failures: it got in."""
        self._seen.pop(key, None)


class Budget:
    """So many requests at once for each key; what was spent comes back evenly within the window.

    One number for each key, the moment at which all has come back (GCRA): nothing to count or to clear away.
    """

    def __init__(self, requests: int, window_s: int) -> None:
        self._window_ms = window_s * 1000
        self._each_ms = self._window_ms / requests
        self._whole_at: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, key: str, now: int) -> int:
        """Return in how many seconds there is something left to spend; 0 for now."""
        over = self._spent(key, now) + self._each_ms - self._window_ms
        # a hair more is what fractions add up to
        return math.ceil(over / 1000) if over > self._each_ms / 1000 else 0

    def spend(self, key: str, now: int) -> None:
        """Count a request; of somebody who is known, so that nobody invents keys."""
        self._whole_at[key] = now + self._spent(key, now) + self._each_ms
        self._whole_at.move_to_end(key)
        while len(self._whole_at) > _MOST_KEYS:
            self._whole_at.popitem(last=False)

    def knows(self, key: str) -> bool:
        """Tell whether a key has spent something lately."""
        return key in self._whole_at

    def _spent(self, key: str, now: int) -> float:
        # at most all, should a clock have been set back
        return min(max(self._whole_at.get(key, now) - now, 0.0), self._window_ms)


class SignInLimits:
    """A name may fail 10 times in 5 minutes, an address 30 times.

    A try counts as failed from its beginning, so that many at once are as many as one after another.
    """

    def __init__(self) -> None:
        self._names = Limit(10, 300)
        self._addresses = Limit(30, 300)

    def wait_s(self, name: str, address: str, now: int) -> int:
        return max(self._names.wait_s(name, now), self._addresses.wait_s(origin(address), now))

    def tried(self, name: str, address: str, now: int) -> None:
        self._names.failed(name, now)
        self._addresses.failed(origin(address), now)

    def succeeded(self, name: str, address: str) -> None:
        """Forgive the name, but to the address only this try: others may be tried from there."""
        self._names.forgive(name)
        self._addresses.undo(origin(address))
