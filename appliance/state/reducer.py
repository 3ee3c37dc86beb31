"""What each fact does to the room: one pure function, the only place where `RoomState` changes."""

from dataclasses import replace
from datetime import datetime
from typing import Final, assert_never

from appliance.state.clean import clean_text
from appliance.state.devices import WireUse, device_table, wires_known
from appliance.state.events import (
    AgendaChanged,
    CallWanted,
    CameraAimed,
    ControlsWanted,
    CountdownChanged,
    DevicesSeen,
    DisplayLost,
    DisplayReported,
    Event,
    FixturesChanged,
    LayoutChanged,
    MediaLost,
    MediaReported,
    NoticeGiven,
    OccupancyChanged,
    PanelGone,
    PreflightEnded,
    RelaysChanged,
    ServiceChanged,
    TelevisionChanged,
)
from appliance.state.room import Call, Face, Phase, RoomState, Senses, ServiceHealth
from appliance.state.selftest import SelfTest
from appliance.state.television import Television
from appliance.state.wishes import DisplayReport, MediaReport

NEXT: Final = {
    Phase.IDLE: {Phase.IDLE, Phase.JOINING},
    Phase.JOINING: {Phase.JOINING, Phase.LOBBY, Phase.LIVE, Phase.RECONNECTING, Phase.LEAVING, Phase.IDLE},
    Phase.LOBBY: {Phase.LOBBY, Phase.LIVE, Phase.RECONNECTING, Phase.LEAVING, Phase.IDLE},
    Phase.LIVE: {Phase.LIVE, Phase.RECONNECTING, Phase.LEAVING, Phase.IDLE},
    Phase.RECONNECTING: {Phase.RECONNECTING, Phase.LIVE, Phase.LOBBY, Phase.LEAVING, Phase.IDLE},
    Phase.LEAVING: {Phase.LEAVING, Phase.IDLE, Phase.JOINING},
}
"""The phases a call may go to from each phase; a report that does not fit changes nothing."""


def reduce(state: RoomState, event: Event, now: datetime) -> RoomState:
    """Return the room after `event`; the same object when nothing changed."""
    after = _apply(state, event, now)
    if isinstance(event, DevicesSeen | MediaReported | MediaLost | TelevisionChanged | FixturesChanged):
        after = with_devices(after, now)
    return state if after == state else replace(after, rev=state.rev + 1, now=now)


def with_devices(state: RoomState, now: datetime) -> RoomState:
    """Return the room with its table of devices in step with all else."""
    table = device_table(
        state.expected,
        state.seen,
        state.senses.devices,
        state.devices,
        now,
        wires=wires_known(state.wired, state.senses.wires, state.fixtures),
        television=state.television,
    )
    return replace(state, devices=table)


def _apply(state: RoomState, event: Event, now: datetime) -> RoomState:  # noqa: C901, PLR0911, PLR0912 - one line a fact
    match event:
        case AgendaChanged(agenda):
            return replace(state, agenda=agenda)
        case CountdownChanged(countdown):
            return replace(state, countdown=countdown)
        case CallWanted(wanted):
            return _call_wanted(replace(state, wanted=wanted), now)
        case ControlsWanted(controls, entry):
            return replace(state, controls=controls, entry=entry)
        case CameraAimed(aim, presets):
            return replace(state, aim=aim, presets=presets)
        case MediaReported(report, current):
            return _media_reported(state, report, current=current)
        case MediaLost():
            return _media_lost(state, now)
        case DisplayReported(report):
            return replace(state, face=_face(report))
        case DisplayLost():
            return replace(state, face=replace(state.face, connected=False, lit=False))
        case PanelGone(since):
            return replace(state, panel_gone=since)
        case DevicesSeen(seen):
            return replace(state, seen=seen)
        case TelevisionChanged(television):
            return replace(state, television=_clean_television(television))
        case OccupancyChanged(occupied):
            return replace(state, occupied=occupied)
        case RelaysChanged(relays):
            cleaned = tuple(replace(relay, error=clean_text(relay.error, 200)) for relay in relays)
            return replace(state, relays=cleaned)
        case FixturesChanged(wires):
            return replace(state, fixtures=tuple(replace(wire, error=clean_text(wire.error, 200)) for wire in wires))
        case LayoutChanged(layout):
            return replace(state, layout=layout)
        case ServiceChanged(health):
            return _service_changed(state, health, now)
        case PreflightEnded(preflight):
            return replace(state, preflight=preflight)
        case NoticeGiven(text):
            return _noticed(state, clean_text(text, 200))
        case _:
            assert_never(event)


def _clean_television(television: Television) -> Television:
    return replace(television, name=clean_text(television.name), trouble=clean_text(television.trouble, 300))


def _noticed(state: RoomState, text: str) -> RoomState:
    """A notice that goes takes the reason of a call that is over with it."""
    over = not text and state.call.phase is Phase.IDLE
    return replace(state, notice=text, call=replace(state.call, reason="") if over else state.call)


def _call_wanted(state: RoomState, now: datetime) -> RoomState:
    """Show at once what was asked for; media's reports tell the rest."""
    wanted, call = state.wanted, state.call
    if wanted is None:
        if call.phase is Phase.IDLE:
            return state
        # without media there is nothing to wait for: its end would never be reported
        leaving = replace(call, phase=Phase.LEAVING, since=now) if state.senses.connected else Call()
        return replace(state, call=leaving)
    if call.key == wanted.key and call.phase not in {Phase.IDLE, Phase.LEAVING}:
        return state
    return replace(state, notice="", call=Call(Phase.JOINING, wanted.key, wanted.title, now))


def _media_reported(state: RoomState, report: MediaReport, *, current: bool) -> RoomState:
    limits = replace(report.limits, why=clean_text(report.limits.why, 100))
    senses = Senses(
        connected=True,
        mic_muted=report.controls.mic_muted,
        camera_off=report.controls.camera_off,
        devices=report.devices,
        limits=limits,
        sharing=report.sharing,
        mute_line=report.mute_line,
        wires=wires_known(_closed_wires(state.senses.wires), report.wires),
        hearing=report.hearing,
        sound_check=report.sound_check,
        probed=report.probed,
        self_test=_clean_test(report.self_test),
    )
    call = _call_after(state, report.call) if current else state.call
    return replace(state, senses=senses, call=call)


def _call_after(state: RoomState, reported: Call) -> Call:
    wanted, call = state.wanted, state.call
    if wanted is None:
        if reported.phase is Phase.IDLE:
            return Call(reason=call.reason)
        return call if call.phase is Phase.LEAVING else replace(reported, phase=Phase.LEAVING)
    if reported.key != wanted.key or reported.phase not in NEXT[call.phase]:
        return call
    return replace(reported, title=wanted.title)


def _media_lost(state: RoomState, now: datetime) -> RoomState:
    """With media dead nothing captures: the mute light is right to be red, and the call has to come back."""
    call = state.call
    if call.phase in {Phase.LIVE, Phase.LOBBY}:
        call = replace(call, phase=Phase.RECONNECTING, since=now, reason="The room's camera and sound are restarting.")
    elif call.phase is Phase.LEAVING:
        call = Call()
    closed = tuple(replace(device, open=False) for device in state.senses.devices)
    return replace(state, senses=Senses(devices=closed, wires=_closed_wires(state.senses.wires)), call=call)


def _clean_test(test: SelfTest) -> SelfTest:
    pictures = tuple(replace(picture, camera=clean_text(picture.camera)) for picture in test.pictures)
    return replace(test, pictures=pictures, why=clean_text(test.why, 200))


def _closed_wires(wires: tuple[WireUse, ...]) -> tuple[WireUse, ...]:
    """What was known of them holds until a media that has just begun tells something newer."""
    return tuple(replace(wire, open=False) for wire in wires)


def _face(report: DisplayReport) -> Face:
    return Face(
        connected=True,
        screen=report.screen,
        width=report.width,
        height=report.height,
        lit=report.lit,
        behind=report.behind,
        error=clean_text(report.error, 200),
        first_remote_frame_at=report.first_remote_frame_at,
    )


def _service_changed(state: RoomState, health: ServiceHealth, now: datetime) -> RoomState:
    known = {service.name: service for service in state.services}
    old = known.get(health.name)
    since = old.since if old is not None and old.ok == health.ok else now
    known[health.name] = replace(health, since=since)
    return replace(state, services=tuple(known.values()))
