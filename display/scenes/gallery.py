"""The call: everybody's picture in their tile, and the truth about the room's own microphone and camera."""

from datetime import datetime

from appliance.state.clean import clean_text
from appliance.state.layout import OURS, Layout, Source, Tile
from appliance.state.room import Participant, Phase, RoomState
from appliance.state.sound import SoundHint
from display import theme
from display.geometry import Rect
from display.icons import Icon
from display.scenes import words
from display.scenes.banners import Reconnecting, Status, TitleLabel
from display.scenes.message import Mark, Words
from display.scenes.scene import Overlay, Patch, Scene, TileView


def gallery_scene(room: RoomState, now: datetime) -> Scene:
    """Build the scene of a live call, dimmed while it reconnects."""
    dimmed = room.call.phase is Phase.RECONNECTING
    people = {person.id: person for person in room.call.participants}
    tiles = tuple(
        _view(tile, people.get(tile.person), speaking=tile.person in room.call.speakers and not dimmed, dimmed=dimmed)
        for tile in room.layout.tiles
        if _fits(tile, room.layout)
    )
    patches = () if tiles else _nobody(room)
    overlays = (*_own_status(room, now), *((Reconnecting(clean_text(room.call.reason, 100)),) if dimmed else ()))
    return Scene("reconnecting" if dimmed else "gallery", patches, tiles, overlays, room.layout.rev)


def _view(tile: Tile, person: Participant | None, *, speaking: bool, dimmed: bool) -> TileView:
    place = Rect(tile.x, tile.y, tile.w, tile.h)
    if tile.person == OURS:
        return TileView(tile.person, tile.source, place, name="Shared from this room", camera_on=True, dimmed=dimmed)
    if person is None:
        return TileView(tile.person, tile.source, place, remote=False, dimmed=dimmed)
    name, sharing = clean_text(person.name) or "Guest", tile.source is Source.SCREEN
    return TileView(
        tile.person,
        tile.source,
        place,
        name=clean_text(f"{name}’s screen", 80) if sharing else name,
        speaking=speaking and not sharing,
        mic_muted=person.mic_muted and not sharing,
        camera_on=person.screen_on if sharing else person.camera_on,
        dimmed=dimmed,
    )


def _fits(tile: Tile, layout: Layout) -> bool:
    """Whether the tile lies on the canvas and on even numbers; a broken layout must not end the display."""
    across, down = tile.x >= 0 and tile.x + tile.w <= layout.width, tile.y >= 0 and tile.y + tile.h <= layout.height
    return across and down and tile.w >= 32 and tile.h >= 32 and not (tile.x | tile.y | tile.w | tile.h) & 1


def _nobody(room: RoomState) -> tuple[Patch, ...]:
    others = len(room.call.participants)
    words_ = "Nobody else is here yet" if not others else "Waiting for the first picture"
    return (
        Mark(Icon.PEOPLE, theme.ACCENT),
        Words(words_, theme.HERO, theme.TEXT, 540),
        Words(clean_text(room.call.title, 100), theme.BODY, theme.QUIET, 630),
    )


def _own_status(room: RoomState, now: datetime) -> tuple[Overlay, ...]:
    title = clean_text(room.call.title, 100)
    # with media gone nothing captures, whatever was wished
    muted = room.senses.mic_muted or not room.senses.connected
    off = room.senses.camera_off or not room.senses.connected
    status = Status(words.clock(now), muted, off, SoundHint.MUTED_SPEECH in room.senses.hearing.hints)
    return (TitleLabel(title), status) if title else (status,)
