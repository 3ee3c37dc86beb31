"""Which samples a spool gives up when it is over its budget or they are too old: pure.

Of each stretch of time one sample stays, the newest, and stands for the whole stretch. Nothing but samples is given up.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from appliance.telemetry.protocol.codec import dump
from appliance.telemetry.protocol.payloads import ClockSync
from appliance.telemetry.protocol.records import Thinned

STEPS_S = (300, 3600, 0)
"""Of each so many seconds one sample stays; 0 for none."""
_DAY_MS = 86_400_000
KEPT_DAYS = 14
_AT_ONCE = 20_000
"""Samples in one step; the next one comes when the disk has done this one."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A sample in the spool."""

    place: tuple[int, int]
    ts: int
    sync: ClockSync
    content: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do to the samples, and what to tell of it."""

    dropped: tuple[tuple[int, int], ...]
    changed: tuple[Kept, ...]
    """They stand for those that are gone, too."""
    told: Thinned


def too_old(samples: Iterable[Kept], now_ms: int) -> Plan | None:
    """Give up what is older than the spool keeps samples. A time that is not to be believed makes nothing old."""
    oldest = kept_since(now_ms)
    return _plan([kept for kept in samples if kept.sync is not ClockSync.NO and kept.ts < oldest][:_AT_ONCE], 0)


def kept_since(now_ms: int) -> int:
    """Return from when on samples are kept."""
    return now_ms - KEPT_DAYS * _DAY_MS


def thinner(samples: Sequence[Kept]) -> Plan | None:
    """Give up what can be spared most easily: the first step that changes anything; None when nothing is left."""
    for every_s in STEPS_S:
        plan = _plan(samples[:_AT_ONCE], every_s)
        if plan is not None:
            return plan
    return None


def _plan(samples: Sequence[Kept], every_s: int) -> Plan | None:
    dropped, changed = [], []
    for stretch in _stretches(samples, every_s):
        gone = stretch if every_s == 0 else stretch[:-1]
        dropped += [kept.place for kept in gone]
        if every_s and gone:
            changed.append(_standing_for(stretch))
    if not dropped:
        return None
    times = [kept.ts for kept in samples]
    return Plan(tuple(dropped), tuple(changed), Thinned(min(times), max(times), len(dropped), every_s))


def _stretches(samples: Sequence[Kept], every_s: int) -> Iterable[list[Kept]]:
    def slot(kept: Kept) -> tuple[int, int]:
        return kept.place[0], kept.ts // (every_s * 1000) if every_s else 0

    return (list(members) for _, members in groupby(samples, key=slot))


def _standing_for(stretch: Sequence[Kept]) -> Kept:
    """Return the newest sample, with the time and the freezes of all."""
    newest = stretch[-1]
    contents: list[dict[str, Any]] = [json.loads(kept.content) for kept in stretch]
    sums = {key: sum(content.get(key, 0) for content in contents) for key in ("span_s", "freezes")}
    content = {**contents[-1], **{key: value for key, value in sums.items() if value}}
    return Kept(newest.place, newest.ts, newest.sync, dump(content))
