"""Bringing a TV to a wished power: which way to try when, and when to let it be. Pure; time is an argument.

TVs take up to twenty seconds, ignore a message now and then, answer the question with "refused", or are switched by
somebody's remote meanwhile. So: try a way, give it time, try the next, then all of them again after a longer and longer
pause, and after some minutes no more. Once it is done it is done: a TV that a person switches afterwards is that
person's.
"""

from dataclasses import dataclass, replace

from hardware.tv.power import Method, Power

SETTLE_S = 12.0
"""How long a TV may take to be on or off after it was told."""
MOVING_S = 30.0
"""How much longer one may take that says it is on its way."""
FIRST_PAUSE_S = 15.0
LONGEST_PAUSE_S = 240.0
MOST_ROUNDS = 6
"""How often all methods are tried: a TV that lies about its power must not be told the same for a whole meeting."""


@dataclass(frozen=True, slots=True)
class Pursuit:
    """How far a TV is on its way to `want`. Times are monotonic seconds."""

    want: Power
    methods: tuple[Method, ...]
    """In the order in which they are tried."""
    due: float = 0.0
    """When something may be tried next."""
    index: int = 0
    rounds: int = 0
    """How often all methods were tried in vain."""
    trying: Method | None = None
    """What was done last, and not yet known to have worked."""
    heard: bool = False
    """The TV acknowledged that."""
    patience: float = 0.0
    """Until when one that says it is moving is left to it."""
    done: bool = False
    confirmed: bool = False
    """The TV says itself that it is as wished, rather than only having heard it."""
    worked: Method = Method.NONE
    """What is to be thanked for it; none when nothing had to be done."""

    @property
    def failing(self) -> bool:
        """Whether every method was tried at least once in vain."""
        return not self.done and self.rounds > 0


def look(pursuit: Pursuit, power: Power, now: float) -> Pursuit:
    """Take in what the TV says of its power."""
    if pursuit.done:
        return replace(pursuit, confirmed=True) if power is pursuit.want else pursuit
    if power is pursuit.want:
        return replace(pursuit, done=True, confirmed=True, worked=pursuit.trying or Method.NONE)
    if power.moving and now < pursuit.patience:
        return replace(pursuit, due=max(pursuit.due, now + 1.0))
    if power is Power.UNKNOWN and pursuit.heard and now >= pursuit.due:
        # it does not say; what it heard it may well have done, and hearing it again helps nobody
        return replace(pursuit, done=True, worked=pursuit.trying or Method.NONE)
    return pursuit


def vanished(pursuit: Pursuit) -> Pursuit:
    """Take in that nothing is at the connector any more: many TVs look so when they are off."""
    if pursuit.done or pursuit.want is not Power.OFF or not pursuit.heard:
        return pursuit
    return replace(pursuit, done=True, confirmed=True, worked=pursuit.trying or Method.NONE)


def next_method(pursuit: Pursuit, now: float) -> Method | None:
    """Return what to try now, or None to wait."""
    if pursuit.done or now < pursuit.due or not pursuit.methods or pursuit.rounds >= MOST_ROUNDS:
        return None
    return pursuit.methods[pursuit.index]


def tried(pursuit: Pursuit, method: Method, now: float, *, heard: bool) -> Pursuit:
    """Take in that a method was tried, and whether the TV heard it."""
    index, rounds = pursuit.index + 1, pursuit.rounds
    # what nobody heard needs no time to work
    wait_s = SETTLE_S if heard else 1.0
    if index >= len(pursuit.methods):
        wait_s += min(FIRST_PAUSE_S * 2 ** min(rounds, 10), LONGEST_PAUSE_S)
        index, rounds = 0, rounds + 1
    return replace(
        pursuit,
        due=now + wait_s,
        patience=now + MOVING_S,
        index=index,
        rounds=rounds,
        trying=method if heard else pursuit.trying,
        heard=heard or pursuit.heard,
    )
