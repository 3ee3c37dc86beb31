"""How a console's configuration comes into force: checked whole, applied while the room is idle, on trial, then good.

A document with one wrong key is refused whole. One that is in force and with which the room is not well, or keeps
restarting, is given up for the last good one, so that no document can make a room useless. Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from appliance.overlay import SETTABLE, Overlay, Revision
from appliance.state.room import Phase, RoomState
from appliance.telemetry.protocol.orders import Desired
from appliance.telemetry.protocol.payloads import IN_A_MEETING, KeyTrouble, Reported
from appliance.telemetry.report import said

MOST_STARTS = 3
"""Of the daemon with a configuration on trial."""
_MOST_TROUBLES = 64
WRONG = "refused: keys are unknown or wrong"
KEPT_RESTARTING = "given up: the room kept restarting with it"
NOT_WELL = "given up: the room was not well with it"
UNFIT = "given up: it does not fit this room's release and its own settings any more"


def arrived(overlay: Overlay, desired: Desired, mistakes: tuple[KeyTrouble, ...]) -> Overlay:
    """Return the overlay after a document came; an older one, or the same again, changes nothing."""
    if desired.rev <= overlay.seen:
        return overlay
    heard = replace(overlay, seen=desired.rev, waiting=None, refused="", troubles=mistakes)
    if mistakes:
        return replace(heard, refused=WRONG)
    return replace(heard, waiting=Revision(desired.rev, desired.doc))


def tried(overlay: Overlay, needs: tuple[str, ...]) -> Overlay:
    """Return the overlay with what waited in force, on trial."""
    return replace(overlay, trial=overlay.waiting, waiting=None, starts=0, needs=needs)


def agreed(overlay: Overlay) -> Overlay:
    """Return the overlay with what waited in force, which changes nothing of what was."""
    if overlay.trial is not None:
        return replace(overlay, trial=overlay.waiting, waiting=None)
    return replace(overlay, good=overlay.waiting or overlay.good, waiting=None)


def started(overlay: Overlay) -> Overlay:
    """Return the overlay of a daemon that starts."""
    if overlay.trial is None:
        return overlay
    counted = replace(overlay, starts=overlay.starts + 1)
    return given_up(counted, KEPT_RESTARTING) if counted.starts > MOST_STARTS else counted


def proved(overlay: Overlay) -> Overlay:
    """Return the overlay of a room that has been well with the trial."""
    return replace(overlay, good=overlay.in_force, trial=None, starts=0)


def given_up(overlay: Overlay, why: str) -> Overlay:
    """Return the overlay with the last good configuration in force again."""
    newest = overlay.trial is not None and overlay.trial.rev == overlay.seen
    return replace(overlay, trial=None, starts=0, refused=why if newest else overlay.refused)


def fitting(overlay: Overlay, fits: Callable[[Mapping[str, Any]], bool]) -> Overlay:
    """Return the overlay without what a newer release, or other settings of the room's own, find wrong."""
    if overlay.trial is not None and not fits(overlay.trial.doc):
        overlay = given_up(overlay, UNFIT)
    if not fits(overlay.good.doc):
        overlay = replace(overlay, good=Revision(), refused=overlay.refused or UNFIT)
    return overlay


def idle(room: RoomState) -> bool:
    """Whether the room is in no call, begins none, and is not being checked."""
    return (
        room.wanted is None
        and room.countdown is None
        and room.call.phase is Phase.IDLE
        and not room.senses.sound_check.running
    )


def present(room: RoomState) -> tuple[str, ...]:
    """Return which of the programs are there that a configuration could break."""
    return ("media",) * room.senses.connected + ("display",) * room.face.connected


def well(room: RoomState, needs: tuple[str, ...]) -> bool:
    """Whether all is there that was there before the trial, and no program has been given up."""
    dead = {service.name for service in room.services if not service.ok}
    return set(needs) <= set(present(room)) and not dead & {"media", "display", "panel", "daemon"}


def reported(overlay: Overlay, tree: Mapping[str, Mapping[str, Any]], held: tuple[KeyTrouble, ...]) -> Reported:
    """Return what the room says of its configuration; `tree` is all that is in force."""
    waits = overlay.refused or (IN_A_MEETING if overlay.waiting else "")
    troubles = (*overlay.troubles, *held)[:_MOST_TROUBLES]
    return Reported(
        rev=overlay.in_force.rev,
        seen=overlay.seen,
        waits=waits,
        doc={section: {key: _bounded(tree[section][key]) for key in keys} for section, keys in SETTABLE.items()},
        troubles=tuple(KeyTrouble(said(trouble.key), said(trouble.reason)) for trouble in troubles),
    )


def _bounded(value: Any) -> Any:
    """Keep what the room's owner wrote within the protocol's limits."""
    if isinstance(value, str):
        return value.encode()[:1000].decode(errors="ignore")
    return [_bounded(item) for item in value[:100]] if isinstance(value, list | tuple) else value
