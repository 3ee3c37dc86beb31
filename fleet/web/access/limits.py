"""How often somebody may try: failures per address and per name within a window. In memory; a restart forgives."""

from collections import OrderedDict, deque

_MOST_KEYS = 20_000


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

    def forgive(self, key: str) -> None:
        """Forget a key's failures: it got in."""
        self._seen.pop(key, None)


class SignInLimits:
    """A name may fail 10 times in 5 minutes, an address 30 times."""

    def __init__(self) -> None:
        self._names = Limit(10, 300)
        self._addresses = Limit(30, 300)

    def wait_s(self, name: str, address: str, now: int) -> int:
        return max(self._names.wait_s(name, now), self._addresses.wait_s(address, now))

    def failed(self, name: str, address: str, now: int) -> None:
        self._names.failed(name, now)
        self._addresses.failed(address, now)

    def succeeded(self, name: str) -> None:
        """Forgive the name, but not the address: others may be tried from there."""
        self._names.forgive(name)
