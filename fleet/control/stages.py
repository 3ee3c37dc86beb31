"""Which revision of each scope's settings a room has, also while a newer one goes through the rooms in waves."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from fleet.control.merge import Layer
from fleet.control.scope import Place
from fleet.store.database import Reader

_FOR_ALL = (
    "SELECT max(o.rev) AS rev FROM layers o LEFT JOIN jobs p ON p.key = o.job AND p.state <> 'done' "
    "WHERE p.key IS NULL AND o.scope ="
)
_SINCE_FOR_ALL = (
    "SELECT l.scope AS scope, l.doc AS doc, l.locks AS locks, j.key AS job FROM layers l "
    "LEFT JOIN jobs j ON j.key = l.job AND j.state <> 'done' "
    f"WHERE l.rev >= COALESCE(({_FOR_ALL} l.scope), 0) ORDER BY l.scope, l.rev DESC"
)
"""Of each scope the newest revision that is for all its rooms, and those after it, which have come to some."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One revision of a scope's settings, and which rooms have come to have it."""

    layer: Layer
    rooms: frozenset[int] | None = None
    """None: all."""


@dataclass(frozen=True, slots=True)
class Stages:
    """All settings as they stand."""

    by_scope: Mapping[str, tuple[Stage, ...]]
    """The newest first. A room has the first that has come to it; the last may be for all."""

    def of(self, place: Place) -> tuple[Layer, ...]:
        """Return the layers that a room has, the general first."""
        found = (self._of(scope, place.key) for scope in place.order if scope in self.by_scope)
        return tuple(layer for layer in found if layer is not None)

    def newest(self) -> dict[str, Layer]:
        """Return what holds once every revision has come to all its rooms."""
        return {scope: stages[0].layer for scope, stages in self.by_scope.items()}

    def with_all(self, layer: Layer) -> "Stages":
        """Return how it would be with a layer in force for all rooms of its scope at once."""
        return Stages({**self.by_scope, layer.scope: (Stage(layer),)})

    @property
    def under_way(self) -> bool:
        """Whether some rooms have other revisions than others."""
        return any(stage.rooms is not None for stages in self.by_scope.values() for stage in stages)

    def _of(self, scope: str, room: int) -> Layer | None:
        has = (stage.layer for stage in self.by_scope[scope] if stage.rooms is None or room in stage.rooms)
        return next(has, None)


def for_all(layers: Iterable[Layer]) -> Stages:
    """Return stages of layers that are each in force for all rooms of their scopes."""
    return Stages({layer.scope: (Stage(layer),) for layer in layers})


async def stages(reader: Reader) -> Stages:
    """Read how all settings stand."""
    rows = await reader.fetch(_SINCE_FOR_ALL)
    told = await _told(reader, [row["job"] for row in rows if row["job"] is not None])
    found = [
        Stage(
            Layer(row["scope"], json.loads(row["doc"]), frozenset(json.loads(row["locks"]))),
            None if row["job"] is None else told.get(row["job"], frozenset()),
        )
        for row in rows
    ]
    return Stages({scope: tuple(of) for scope, of in groupby(found, key=lambda stage: stage.layer.scope)})


async def last_for_all(reader: Reader, scope: str) -> int:
    """Return a scope's newest revision that is for all its rooms; 0: none, they had nothing of it."""
    rows = await reader.fetch(f"{_FOR_ALL} $1", scope)
    return int(rows[0]["rev"] or 0)


async def _told(reader: Reader, rollouts: Iterable[int]) -> Mapping[int, frozenset[int]]:
    return {
        job: frozenset(
            row["room"]
            for row in await reader.fetch("SELECT room FROM executions WHERE job = $1 AND rev IS NOT NULL", job)
        )
        for job in rollouts
    }
