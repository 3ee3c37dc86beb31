"""What is wrong with the room right now, read off its state: pure, with ids that last as long as the trouble does."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from appliance.state.devices import Device, Fault
from appliance.state.devices import Severity as Consequence
from appliance.state.room import Limits, RoomState, ServiceHealth
from appliance.state.sound import Hearing, SoundHint
from appliance.telemetry.protocol.payloads import Issue, Severity
from appliance.telemetry.report import said, said_of

STALE_AFTER = timedelta(hours=1)
"""An agenda older than this is an issue even when no error was told."""
_LOGS = "Look at the room's logs, or run `salon doctor`."


def issues_of(room: RoomState, before: tuple[Issue, ...] = ()) -> tuple[Issue, ...]:
    """Return all open issues, sorted by id; one that was open before keeps the moment it began."""
    began = {issue.id: issue.since for issue in before}
    now = _ms(room.now)
    found = {issue.id: issue for issue in _found(room)}
    return tuple(
        issue if issue.since is not None else replace(issue, since=began.get(name, now))
        for name, issue in sorted(found.items())
    )


def _found(room: RoomState) -> Iterator[Issue]:
    yield from _programs(room)
    yield from _calendar(room)
    if room.senses.limits.why:
        yield _held_back(room.senses.limits)
    yield from _sound(room.senses.hearing)
    for device in room.devices:
        if device.fault is not Fault.NONE:
            yield _device(device)
    for trouble in room.preflight.troubles if room.preflight else ():
        severity = Severity.ERROR if trouble.serious else Severity.WARNING
        yield Issue(trouble.id, severity, said(trouble.text), said(trouble.remedy))
    for service in room.services:
        if not service.ok:
            yield _service(service)


def _programs(room: RoomState) -> Iterator[Issue]:
    if not room.senses.connected:
        yield Issue("media.lost", Severity.ERROR, "The media program is not there.", _LOGS)
    if room.panel_gone is not None:
        yield _no_panel(room.panel_gone)
    if not room.face.connected:
        yield Issue("display.lost", Severity.ERROR, "The display program is not there.", _LOGS)
    elif room.face.error or not room.face.lit:
        text = said(room.face.error) or "The TV shows no picture."
        yield Issue(
            "display.dark", Severity.ERROR, text, "Check that the TV is switched on and its cable is plugged in."
        )


def _no_panel(since: datetime) -> Issue:
    remedy = "Look whether it has power and its cable; `systemctl restart salon-panel` starts its program anew."
    return Issue("panel.lost", Severity.WARNING, "The touch panel is not there.", remedy, _ms(since))


def _held_back(limits: Limits) -> Issue:
    text = f"At most {limits.fps} pictures a second, {limits.height} lines, {limits.tiles} tiles: {said(limits.why)}."
    remedy = "Sound is not affected and it recovers by itself. If it stays, cool the machine or use a faster one."
    return Issue("media.held_back", Severity.WARNING, text, remedy)


_HEARD = {
    SoundHint.CLIPPING: ("sound.clipping", "The microphone is overdriven.", "Turn its gain down."),
    SoundHint.HEARS_NOTHING: (
        "sound.hears_nothing",
        "The room hears nothing.",
        "Look at the microphone's cable and its own mute switch, and whether the loudspeaker is on.",
    ),
}
"""Somebody who talks while muted is told in the room alone."""


def _sound(hearing: Hearing) -> Iterator[Issue]:
    for hint in hearing.hints:
        if hint in _HEARD:
            name, text, remedy = _HEARD[hint]
            yield Issue(name, Severity.WARNING, text, remedy)
    if hearing.why:
        text = f"The room's sound is not cleaned: {said(hearing.why)}."
        yield Issue("sound.not_cleaned", Severity.WARNING, text, _LOGS)


def _calendar(room: RoomState) -> Iterator[Issue]:
    agenda = room.agenda
    old = agenda.fetched_at is not None and room.now is not None and room.now - agenda.fetched_at > STALE_AFTER
    if agenda.error or old:
        text = said(agenda.error) or "The calendar has not been read for a while."
        remedy = "Check the calendar's address and the network; the last known meetings are still followed."
        yield Issue("calendar.stale", Severity.WARNING, text, remedy, _ms(agenda.fetched_at))


def _device(device: Device) -> Issue:
    severity = Severity.ERROR if device.severity is Consequence.IMPORTANT else Severity.WARNING
    text = f"{device.title} is {'not there' if device.fault is Fault.MISSING else 'not working'}."
    remedy = said_of(device, device.remedy)
    return Issue(f"device.{said(device.diagnostic)}", severity, said(text), remedy, _ms(device.since))


def _service(service: ServiceHealth) -> Issue:
    text = said(service.detail) or f"{said(service.name)} is not well."
    return Issue(f"service.{said(service.name)[:60]}", Severity.WARNING, text, _LOGS, _ms(service.since))


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
