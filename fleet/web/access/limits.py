"""How often somebody may try: failures per address and per name within a window. In memory; a restart forgives."""

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
