"""Places people on the TV: follows the roster and the speakers, and changes the layout at most twice a second."""

import asyncio
import time
from collections.abc import Collection, Sequence
from contextlib import suppress

from appliance.state.events import LayoutChanged
from appliance.state.layout import GRID_SIZES, OURS, Layout, PersonId, Showing, Source, Tile, View, gallery, stage
from appliance.state.room import Phase, RoomState
from appliance.state.store import RoomStore

_SHORTEST_S = 0.5
_HOLDS_S = 2.0
"""Whoever spoke holds the floor for this long: a cough moves nobody."""


class Floor:
    """Who has the floor, and who had it a moment ago."""

    def __init__(self) -> None:
        self.main: PersonId | None = None
        """Whoever is shown large while the speaker is."""
        self._heard: dict[PersonId, float] = {}

    @property
    def recent(self) -> Collection[PersonId]:
        """Who spoke lately."""
        return self._heard.keys()

    def hear(self, speakers: Sequence[PersonId], now: float) -> None:
        """Take note of who speaks, loudest first."""
        self._heard = {person: at for person, at in self._heard.items() if now - at < _HOLDS_S}
        self._heard.update(dict.fromkeys(speakers, now))
        if speakers and self.main not in self._heard:
            self.main = speakers[0]


class Director:
    """Keeps `RoomState.layout` in step with who is there."""

    def __init__(self, store: RoomStore) -> None:
        self._store = store

    async def run(self) -> None:
        """Re-place until cancelled."""
        changed, floor = asyncio.Event(), Floor()
        watching = asyncio.create_task(self._watch(changed), name="director watch")
        try:
            while True:
                changed.clear()
                floor.hear(self._store.state.call.speakers, time.monotonic())
                layout = next_layout(self._store.state, floor)
                if layout is not None:
                    self._store.apply(LayoutChanged(layout))
                    await asyncio.sleep(_SHORTEST_S)
                with suppress(TimeoutError):
                    # who falls silent loses the floor a while later, which nobody will announce
                    async with asyncio.timeout(_SHORTEST_S if floor.recent else None):
                        await changed.wait()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self, changed: asyncio.Event) -> None:
        async for _ in self._store.watch():
            changed.set()


def next_layout(state: RoomState, floor: Floor) -> Layout | None:
    """Return the layout that should follow, None while the present one is right."""
    width, height = state.face.width or 1920, state.face.height or 1080
    old = state.layout
    tiles = _tiles(state, floor, width, height)
    if (tiles, width, height) == (old.tiles, old.width, old.height):
        return None
    return Layout(old.rev + 1, width, height, tiles)


def _tiles(state: RoomState, floor: Floor, width: int, height: int) -> tuple[Tile, ...]:
    """A shared screen is large, the others beside it; so is who speaks, if that is wished; else all are equal."""
    people = state.call.participants
    screens = [(person.id, Source.SCREEN) for person in people if person.screen_on]
    if state.senses.sharing and state.call.phase is not Phase.IDLE:
        screens.insert(0, (OURS, Source.SCREEN))
    cameras = [(person.id, Source.CAMERA) for person in people]
    before = [(tile.person, tile.source) for tile in state.layout.tiles]
    most = min(GRID_SIZES[-1], max(state.senses.limits.tiles, 1))
    if screens:
        main = next((screen for screen in before[:1] if screen in screens), screens[0])
        rest = [screen for screen in screens if screen != main]
        beside = min(len(stage(main, [*rest, *cameras], width, height)), most) - 1 - len(rest)
        return stage(main, [*rest, *_pick(cameras, beside, before, floor)], width, height)
    if state.controls.view is View.SPEAKER and len(cameras) > 1:
        main = next((camera for camera in cameras if camera[0] == floor.main), cameras[0])
        rest = [camera for camera in cameras if camera != main]
        beside = min(len(stage(main, rest, width, height)), most) - 1
        return stage(main, _pick(rest, beside, before, floor), width, height)
    return gallery(_pick(cameras, most, before, floor), width, height)


def _pick(cameras: Sequence[Showing], places: int, before: Sequence[Showing], floor: Floor) -> list[Showing]:
    """Return who is shown, in the order they came. Who spoke lately comes before who did not; who is shown stays."""
    ranked = sorted(cameras, key=lambda it: (it[0] not in floor.recent, it not in before))
    chosen = set(ranked[: max(places, 0)])
    return [camera for camera in cameras if camera in chosen]
