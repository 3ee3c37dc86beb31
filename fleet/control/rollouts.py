"""How a job goes through many rooms: in waves, each watched for a while, and stopped before it does harm. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from appliance.errors import SalonError
from appliance.state.counted import counted
from appliance.telemetry.protocol.records import JobState

HELD = "held"
"""The state of an execution whose wave has not come."""
FINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.REJECTED, JobState.EXPIRED, JobState.CANCELLED})
_BAD = frozenset({JobState.FAILED, JobState.REJECTED})


class BadPolicy(SalonError, ValueError):
    """Waves or thresholds that make no sense."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How careful a job is."""

    waves: tuple[float, ...] = (100,)
    """Shares of all rooms in percent, each including those before; each at least one room."""
    soak_s: int = 0
    """How long a wave is watched after its last room has answered."""
    stop_percent: float = 100
    """Stop when more than this share of the rooms that were told has failed or refused."""
    stop_lost: int = 0
    """Stop when so many rooms are gone after it; 0: never."""
    lost_after_s: int = 600
    """A room that was told and is offline for so long is gone; a reboot takes a while."""


AT_ONCE = Policy()
CAREFUL = Policy(waves=(0, 5, 25, 100), soak_s=600, stop_percent=5, stop_lost=2)
"""One room, 5 %, 25 %, all."""


def checked(policy: Policy) -> Policy:
    """Return the policy, or raise `BadPolicy` in words."""
    if not policy.waves or policy.waves[-1] != 100 or list(policy.waves) != sorted(set(policy.waves)):
        raise BadPolicy("Waves are rising shares in percent, and the last is 100, such as 0, 5, 25, 100.")
    if policy.waves[0] < 0 or not 0 <= policy.stop_percent <= 100:
        raise BadPolicy("A share is from 0 to 100 percent.")
    if min(policy.soak_s, policy.stop_lost, policy.lost_after_s) < 0:
        raise BadPolicy("Times and numbers of rooms are 0 or more.")
    return policy


def wave_ends(rooms: int, policy: Policy) -> tuple[int, ...]:
    """Return how many rooms have been told after each wave; waves that would add no room are left out."""
    ends = [min(rooms, max(1, ceil(rooms * share / 100))) for share in policy.waves]
    return tuple(sorted(set(ends)))


def waves_of(rooms: int, policy: Policy) -> list[int]:
    """Return the wave of each of so many rooms, in their order."""
    ends = wave_ends(rooms, policy) if rooms else ()
    return [sum(number >= end for end in ends) for number in range(rooms)]


@dataclass(frozen=True, slots=True)
class Group:
    """How many rooms of a wave stand alike."""

    wave: int
    state: str
    rooms: int
    away: bool = False
    """They are not there to answer."""
    lost: int = 0
    """Of these, how many went away after they had been told, and have been for too long."""
    changed_at: int = 0
    """When the last of them changed."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before that time; None: until something changes."""

    until: int | None = None


@dataclass(frozen=True, slots=True)
class Advance:
    """Tell the rooms of this wave."""

    wave: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Go no further, and take back what has not begun."""

    why: str


@dataclass(frozen=True, slots=True)
class Done:
    """All rooms have answered."""


Decision = Wait | Advance | Stop | Done


def next_wave(policy: Policy, wave: int, groups: Iterable[Group], now: int) -> Decision:
    """Return what comes next for a job whose waves up to `wave` have been told."""
    everybody = tuple(groups)
    told = [group for group in everybody if group.wave <= wave and group.state != HELD]
    if stop := _too_bad(policy, told):
        return stop
    last = max((group.wave for group in everybody), default=wave)
    if wave >= last:
        return Wait() if any(group.state not in FINAL for group in told) else Done()
    here = [group for group in told if group.wave == wave]
    if all(group.state == JobState.CANCELLED for group in here):
        # its rooms have retired meanwhile: others must have shown that it works
        shown = any(group.state == JobState.SUCCEEDED for group in told)
        return Advance(wave + 1) if shown else Stop(f"no room of wave {wave + 1} is left")
    return _after(policy, wave, here, now)


def _too_bad(policy: Policy, told: list[Group]) -> Stop | None:
    rooms = sum(group.rooms for group in told)
    bad = sum(group.rooms for group in told if group.state in _BAD)
    lost = sum(group.lost for group in told)
    if policy.stop_lost and lost >= policy.stop_lost:
        return Stop(f"{counted(lost, 'room')} went offline after it and did not come back")
    # not as a quotient, which may come out above a share that is only just reached
    if bad * 100 > policy.stop_percent * rooms:
        return Stop(f"it failed in {bad} of {rooms} rooms")
    return None


def _after(policy: Policy, wave: int, here: list[Group], now: int) -> Decision:
    open_here = [group for group in here if group.state not in FINAL]
    if any(not group.away for group in open_here):
        return Wait()
    if not any(group.state == JobState.SUCCEEDED for group in here):
        # rooms that are away hold nobody up, but someone has to show that it works
        return Wait() if open_here else Stop(f"no room of wave {wave + 1} has done it")
    calm_at = max(group.changed_at for group in here) + policy.soak_s * 1000
    return Advance(wave + 1) if now >= calm_at else Wait(calm_at)
