"""Places people on the TV: follows the roster and the speakers, and changes the layout at most twice a second."""

import asyncio
from collections.abc import Sequence

from appliance.state.events import LayoutChanged
from appliance.state.layout import GRID_SIZES, Layout, PersonId, Source, gallery
from appliance.state.room import Call, RoomState
from appliance.state.store import RoomStore

_SHORTEST_S = 0.5


class Director:
    """Keeps `RoomState.layout` in step with who is there."""

    def __init__(self, store: RoomStore) -> None:
        self._store = store

    async def run(self) -> None:
        """Re-place until cancelled."""
        async for state in self._store.watch():
            layout = next_layout(state)
            if layout is not None:
                self._store.apply(LayoutChanged(layout))
                await asyncio.sleep(_SHORTEST_S)


def next_layout(state: RoomState) -> Layout | None:
    """Return the layout that should follow, None while the present one is right."""
    width, height = state.face.width or 1920, state.face.height or 1080
    old = state.layout
    shown = [(tile.person, tile.source) for tile in old.tiles]
    tiles = gallery(choose(state.call, shown), width, height)
    if (tiles, width, height) == (old.tiles, old.width, old.height):
        return None
    return Layout(old.rev + 1, width, height, tiles)


def choose(call: Call, shown: Sequence[tuple[PersonId, Source]]) -> list[tuple[PersonId, Source]]:
    """Return what to show, at most 49 pictures: screens first, then people in the order they came.

    When there are more, those who speak take the places of the last who do not; whoever is shown stays put.
    """
    screens = [(p.id, Source.SCREEN) for p in call.participants if p.screen_on]
    cameras = [(p.id, Source.CAMERA) for p in call.participants]
    places = max(GRID_SIZES[-1] - len(screens), 0)
    if len(cameras) > places:
        speakers = set(call.speakers)
        before = set(shown)
        ranked = sorted(cameras, key=lambda it: (it[0] not in speakers, it not in before))
        chosen = set(ranked[:places])
        cameras = [it for it in cameras if it in chosen]
    return [*screens[: GRID_SIZES[-1]], *cameras]
