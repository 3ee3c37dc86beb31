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
    queue_s: float = 0.3
    """How much may wait before a limited link; what comes on top is lost."""
    clean_s: float = 0.0
    """So long after the first packet nothing is lost or limited."""


class Way:
    """One direction."""

    def __init__(self, network: Network, seed: str) -> None:
        self._network = network
        self._random = random.Random(seed)
        self._began: float | None = None
        self._free_at = 0.0
        """When all that waits before the link will have left it."""

    def arrival(self, size: int, now: float) -> float | None:
        """Return when a packet sent now arrives; None if it is lost."""
        if self._began is None:
            self._began = now
        network = self._network
        if now - self._began < network.clean_s:
            return now + network.delay_s
        if self._random.random() < network.loss:
            return None
        leaves = now
        if network.kbps:
            leaves = max(self._free_at, now)
            if leaves - now > network.queue_s:
                return None
            self._free_at = leaves = leaves + size * 8 / network.kbps / 1000
        return leaves + network.delay_s
