"""What is wrong with the room right now, read off its state: pure, with ids that last as long as the trouble does."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from appliance.state.room import DeviceKind, DeviceUse, Limits, RoomState, ServiceHealth
from appliance.telemetry.protocol.payloads import Issue, Severity
from appliance.telemetry.report import said

STALE_AFTER = timedelta(hours=1)
"""An agenda older than this is an issue even when no error was told."""
_LOGS = "Look at the room's logs, or run `salon doctor`."
_DEVICE_REMEDY = {
    DeviceKind.CAMERA: "Check that the camera is plugged in and no other program uses it.",
    DeviceKind.MICROPHONE: "Check that the microphone is plugged in and no other program uses it.",
    DeviceKind.SPEAKER: "Check that the loudspeaker or the TV's sound is plugged in and switched on.",
}


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
    for device in room.senses.devices:
        if not device.healthy:
            yield _device(device)
    for service in room.services:
        if not service.ok:
            yield _service(service)


def _programs(room: RoomState) -> Iterator[Issue]:
    if not room.senses.connected:
        yield Issue("media.lost", Severity.ERROR, "The media program is not there.", _LOGS)
    if not room.face.connected:
        yield Issue("display.lost", Severity.ERROR, "The display program is not there.", _LOGS)
    elif room.face.error or not room.face.lit:
        text = said(room.face.error) or "The TV shows no picture."
        yield Issue(
            "display.dark", Severity.ERROR, text, "Check that the TV is switched on and its cable is plugged in."
        )


def _held_back(limits: Limits) -> Issue:
    text = f"At most {limits.fps} pictures a second, {limits.height} lines, {limits.tiles} tiles: {said(limits.why)}."
    remedy = "Sound is not affected and it recovers by itself. If it stays, cool the machine or use a faster one."
    return Issue("media.held_back", Severity.WARNING, text, remedy)


def _calendar(room: RoomState) -> Iterator[Issue]:
    agenda = room.agenda
    old = agenda.fetched_at is not None and room.now is not None and room.now - agenda.fetched_at > STALE_AFTER
    if agenda.error or old:
        text = said(agenda.error) or "The calendar has not been read for a while."
        remedy = "Check the calendar's address and the network; the last known meetings are still followed."
        yield Issue("calendar.stale", Severity.WARNING, text, remedy, _ms(agenda.fetched_at))


def _device(device: DeviceUse) -> Issue:
    text = said(device.error) or f"The {device.kind.value} does not work."
    return Issue(f"device.{device.kind.value}", Severity.ERROR, text, _DEVICE_REMEDY[device.kind])


def _service(service: ServiceHealth) -> Issue:
    text = said(service.detail) or f"{said(service.name)} is not well."
    return Issue(f"service.{said(service.name)[:60]}", Severity.WARNING, text, _LOGS, _ms(service.since))


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
