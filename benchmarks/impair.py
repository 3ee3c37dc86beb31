"""What a bad network does to packets, by a seed: loses some, delays all, and lets no more than a rate through. Pure."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Network:
    """One way of a bad network, the other being the same."""

    loss: float = 0.0
    """0 to 1."""
    delay_s: float = 0.0
    kbps: float = 0.0
    """0 is without limit."""
    kbps_before: float = 0.0
    """The limit while it is still clean; 0 is without."""
    queue_s: float = 0.3
    """How much may wait before a limited link; what comes on top is lost."""
    clean_s: float = 0.0
    """So long after the first packet nothing is lost, and `kbps` is no limit."""
    clean_until_s: float = 0.0
    """Instead of `clean_s`: the moment (Unix time) that ends it, the same for all ways."""


class Way:
    """One direction."""

    def __init__(self, network: Network, seed: str, clean_until: float | None = None) -> None:
        """`clean_until` is `clean_until_s` on the clock of `arrival`."""
        self._network = network
        self._random = random.Random(seed)
        self._clean_until = clean_until
        self._free_at = 0.0
        """When all that waits before the link will have left it."""

    def arrival(self, size: int, now: float) -> float | None:
        """Return when a packet sent now arrives; None if it is lost."""
        network = self._network
        if self._clean_until is None:
            self._clean_until = now + network.clean_s
        clean = now < self._clean_until
        if not clean and self._random.random() < network.loss:
            return None
        leaves, kbps = now, network.kbps_before if clean else network.kbps
        if kbps:
            leaves = max(self._free_at, now)
            if leaves - now > network.queue_s:
                return None
            self._free_at = leaves = leaves + size * 8 / kbps / 1000
        return leaves + network.delay_s
