"""What does not work in the room, with what would help: the list that panel and TV show. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from appliance.state.clean import clean_text
from appliance.state.devices import Fault, Severity
from appliance.state.room import Agenda, Limits, RoomState
from appliance.state.sound import SoundHint
from appliance.state.views import duration_text, reason_text

STALE = timedelta(minutes=15)
"""A calendar that was not read for this long is told as old, even when no reading failed."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in the room that does not work."""

    what: str
    help: str
    """Why, and what would help."""


def problems(state: RoomState, now: datetime) -> tuple[Problem, ...]:
    """List what does not work; what hurts a meeting most comes first."""
    return tuple(_problems(state, now))


def _problems(state: RoomState, now: datetime) -> Iterator[Problem]:
    if not state.senses.connected:
        yield Problem("Sound and picture are restarting", "They come back by themselves, as muted as they were.")
    yield from _device_problems(state)
    if state.senses.limits.why:
        yield Problem("Pictures are held back", limits_text(state.senses.limits))
    yield from _sound_problems(state)
    yield from _tv_problems(state)
    yield from _calendar_problems(state.agenda, now)
    for trouble in state.preflight.troubles if state.preflight else ():
        yield Problem(trouble.text.removesuffix("."), trouble.remedy)
    for service in state.services:
        if not service.ok and not (service.name == "calendar" and state.agenda.error):
            yield Problem(_capital(clean_text(service.name)), reason_text(service.detail) or "It does not work.")


def _device_problems(state: RoomState) -> Iterator[Problem]:
    """What a meeting suffers from comes before what something else makes up for."""
    faulty = [device for device in state.devices if device.fault is not Fault.NONE]
    for device in sorted(faulty, key=lambda it: it.severity is not Severity.IMPORTANT):
        yield Problem(device.title, reason_text(device.remedy))


_HINTS = {
    SoundHint.CLIPPING: ("The microphone is overdriven", "Turn its gain down, or move it away from who talks."),
    SoundHint.HEARS_NOTHING: (
        "The room hears nothing",
        "Look at the microphone's cable and its own mute switch, and whether the loudspeaker is on.",
    ),
}
"""What the microphones make out, in words; that somebody talks while muted is said beside the level."""


def _sound_problems(state: RoomState) -> Iterator[Problem]:
    hearing = state.senses.hearing
    for hint in hearing.hints:
        if hint in _HINTS:
            yield Problem(*_HINTS[hint])
    if hearing.why:
        yield Problem("The room's sound is not cleaned", reason_text(hearing.why))


def limits_text(limits: Limits) -> str:
    """Say what is held back, and why."""
    full = Limits()
    held = [
        f"{limits.fps} a second" if limits.fps < full.fps else "",
        f"{limits.height} lines high" if limits.height < full.height else "",
        f"{limits.tiles} on the TV" if limits.tiles < full.tiles else "",
    ]
    why = reason_text(limits.why)
    return f"At most {', '.join(filter(None, held))}, because {why}. Sound is not affected, and it recovers by itself."


def _tv_problems(state: RoomState) -> Iterator[Problem]:
    if not state.face.connected:
        yield Problem("The TV program is restarting", "It comes back by itself; the call goes on.")
    elif not state.face.lit:
        help_text = reason_text(state.face.error) or "Check its power, its cable and its input."
        yield Problem("The TV shows no picture", help_text)


def _calendar_problems(agenda: Agenda, now: datetime) -> Iterator[Problem]:
    error = reason_text(agenda.error)
    age = now - agenda.fetched_at if agenda.fetched_at else None
    if age is not None and (error or age >= STALE):
        why = error or "Nothing new came from its server since."
        yield Problem(f"The calendar is {duration_text(age)} old", why)
    elif error:
        yield Problem("The calendar could not be read", error)
    if agenda.warning:
        yield Problem("Some events were left out", reason_text(agenda.warning))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
