"""Which scene the TV shows: a pure function of what is known and the time."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, assert_never

from appliance.link.faults import FATAL, Fault
from appliance.state.clean import clean_text
from appliance.state.room import Phase, RoomState
from display import theme
from display.icons import Icon
from display.scenes import notices, words
from display.scenes.banners import Badge, Banner
from display.scenes.gallery import gallery_scene
from display.scenes.idle import idle_scene
from display.scenes.joining import countdown_scene, joining_scene
from display.scenes.scene import Corner, Overlay, Scene

_ENDED_FOR: Final = timedelta(seconds=8)
_BANNER_PLACES: Final = {"idle": Corner.LOWER_LEFT, "gallery": Corner.UPPER, "reconnecting": Corner.UPPER}
"""Where a banner covers the least of the scene, and never whether the room is muted."""
_BADGE_PLACES: Final = {"gallery": Corner.UPPER_RIGHT, "reconnecting": Corner.UPPER_RIGHT}
"""Where the badge lies on nobody's frame."""


@dataclass(frozen=True, slots=True)
class View:
    """All that the display knows."""

    room: RoomState | None = None
    faults: tuple[Fault, ...] = ()
    daemon_lost: bool = False
    """The room may have changed since it was last heard of."""


def choose_scene(view: View, now: datetime) -> Scene:
    """Return what to show. `now` is aware and in the room's time zone."""
    if view.faults and view.faults[0].program in FATAL and not _call_goes_on(view):
        return notices.safe_scene(view.faults[0], now, view.room)
    scene = _room_scene(view.room, now) if view.room else notices.starting_scene(now)
    overlays = (_simulated(view, scene.name), _banner(view, now, _BANNER_PLACES.get(scene.name, Corner.BOTTOM)))
    return replace(scene, overlays=(*scene.overlays, *filter(None, overlays)))


def _call_goes_on(view: View) -> bool:
    """Media keeps a call without the daemon: people go on seeing each other, and whether they are heard and seen."""
    in_call = view.room is not None and view.room.call.phase in {Phase.LIVE, Phase.RECONNECTING}
    return in_call and all(fault.program != "media" for fault in view.faults)


def _room_scene(room: RoomState, now: datetime) -> Scene:
    match room.call.phase:
        case Phase.IDLE:
            if room.countdown:
                return countdown_scene(room, room.countdown, now)
            if room.wanted:
                return joining_scene(room, now)
            return notices.ended_scene(room, now) if _just_ended(room, now) else idle_scene(room, now)
        case Phase.JOINING | Phase.LOBBY:
            return joining_scene(room, now)
        case Phase.LIVE | Phase.RECONNECTING:
            return gallery_scene(room, now)
        case Phase.LEAVING:
            return notices.leaving_scene(room, now)
        case _:
            assert_never(room.call.phase)


def _just_ended(room: RoomState, now: datetime) -> bool:
    call = room.call
    return bool(call.reason and call.since and timedelta(0) <= now - call.since < _ENDED_FOR)


def _simulated(view: View, scene: str) -> Overlay | None:
    """Say so when any device is not a real one."""
    if view.room is None or not view.room.simulated:
        return None
    return Badge("Simulated devices", _BADGE_PLACES.get(scene, Corner.BOTTOM_RIGHT))


def _banner(view: View, now: datetime, corner: Corner) -> Overlay | None:
    """Return at most one banner, the most important: several would hide the people."""
    room = view.room
    if view.daemon_lost and not any(fault.program == "daemon" for fault in view.faults):
        return Banner("The room’s control program is restarting", Icon.REFRESH, theme.CAUTION, corner)
    if view.faults:
        fault = view.faults[0]
        text = f"{notices.program_name(fault.program)} stopped. {clean_text(fault.reason, 100)}"
        return Banner(text, Icon.WARNING, theme.CAUTION, corner)
    if room and room.call.phase is not Phase.IDLE:
        if room.countdown:
            left, title = words.remaining(room.countdown.joins_at, now), clean_text(room.countdown.title, 48)
            return Banner(f"Next meeting in {left}: {title}", Icon.CLOCK, theme.ACCENT, corner)
        if not room.senses.connected:
            return Banner("Sound and camera are restarting", Icon.REFRESH, theme.CAUTION, corner)
    return Banner(clean_text(room.notice, 120), Icon.WARNING, theme.CAUTION, corner) if room and room.notice else None
