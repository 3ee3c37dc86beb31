"""The room's state as MQTT payloads: pure, and the one place that decides what leaves the building.

Left out on purpose: names of people, titles of meetings, links. Texts made by the room's own programs are stripped of
links and paths too, because an error may quote one.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import unquote

from appliance.state.clean import clean_text
from appliance.state.devices import Device, DeviceUse, Fault, Seen
from appliance.state.room import RoomState
from appliance.state.wishes import StreamStats
from appliance.telemetry.protocol.payloads import (
    Attached,
    CallPhase,
    DeviceHealth,
    DeviceInfo,
    Ending,
    Gauges,
    Health,
    Info,
    Issue,
    ScreenInfo,
    State,
    StreamSum,
    TvPower,
)

_LINK = re.compile(r"\b([a-zA-Z][a-zA-Z0-9+.-]*)://\S*")
_PATH = re.compile(r"""(?<![\w./…])/(?!dev/)[^\s'",;:()]+""")
"""Of a file, which may tell who lives here; a device's node tells nothing and is what a remedy is about."""
_TEXT = 200
"""Graphemes of one text; with at most a handful of bytes each it stays within the protocol's limit."""
_MOST = 32
"""Entries of one list."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the room runs on."""

    sw: str = ""
    model: str | None = None
    os: str | None = None
    serial: str | None = None
    kernel: str | None = None
    timezone: str = ""


def state_of(room: RoomState, *, bd: int, machine: Machine, ip: str | None = None) -> State:
    """Return the birth message: the room is there."""
    return State(True, bd, machine.sw, machine.model, ip, CallPhase(room.call.phase.value))


def ended(bd: int, why: Ending) -> State:
    """Return the last will, or the goodbye."""
    return State(online=False, bd=bd, ended=why)


def info_of(room: RoomState, *, machine: Machine, commands: tuple[str, ...], addresses: tuple[str, ...] = ()) -> Info:
    """Return the inventory."""
    face = room.face
    screen = ScreenInfo(_driver(face.screen), face.width, face.height) if face.connected else None
    devices = tuple(_device_info(device) for device in room.senses.devices[:_MOST])
    return Info(
        said(room.name),
        machine.sw,
        machine.model,
        machine.os,
        devices,
        screen,
        commands,
        attached_of(room.seen),
        machine.serial,
        machine.kernel,
        machine.timezone,
        addresses,
    )


def attached_of(seen: Iterable[Seen]) -> tuple[Attached, ...]:
    """Return what is plugged in, each once; a device with several parts once for each kind."""
    there = {(one.kind, one.id): one for one in seen if one.id and one.present is not False}
    return tuple(Attached(one.kind, said(one.name), said(one.id)) for one in there.values())[:_MOST]


def health_of(
    room: RoomState,
    gauges: Gauges,
    issues: tuple[Issue, ...],
    *,
    streams: Iterable[StreamStats] = (),
    calls_refused: int = 0,
) -> Health:
    """Return how the room does; `issues` come from `issues.issues_of`."""
    return Health(
        phase=CallPhase(room.call.phase.value),
        participants=len(room.call.participants),
        mic_muted=room.senses.mic_muted,
        camera_off=room.senses.camera_off,
        gauges=gauges,
        devices=_device_healths(room),
        streams=_sums(streams),
        issues=issues[:_MOST],
        calls_refused=calls_refused,
        occupied=room.occupied,
        mute_line=room.senses.mute_line,
        tv=TvPower(room.television.power.value),
        echo_reduction_db=room.senses.hearing.echo_reduction_db,
    )


def said(text: str) -> str:
    """Return a text of our own fit for strangers: one line, bounded, links reduced to their scheme, without paths."""
    return _within(clean_text(_PATH.sub("…", _LINK.sub(r"\1:…", text)), _TEXT))


def said_of(device: Device, text: str) -> str:
    """Return what is said of a device, without where its URI says that it is: a path may have blanks."""
    place = unquote(device.uri.partition(":")[2].partition("?")[0])
    return said(text.replace(place, "…") if place.startswith("/") and not place.startswith("/dev/") else text)


def _within(text: str) -> str:
    # graphemes may be long; the protocol counts bytes
    return text.encode()[:1000].decode(errors="ignore")


def _device_info(device: DeviceUse) -> DeviceInfo:
    return DeviceInfo(device.kind.value, said(device.name), _driver(device.uri), device.simulated)


def _device_healths(room: RoomState) -> tuple[DeviceHealth, ...]:
    in_use = room.in_use
    return tuple(
        DeviceHealth(
            device.kind,
            (device.kind, device.uri) in in_use,
            device.fault is Fault.NONE,
            said(device.id),
            device.expected,
            device.present,
            device.chosen,
        )
        for device in room.devices[:_MOST]
    )


def _driver(uri: str) -> str:
    """Return the URI's scheme: its path may name a home directory, its query a password."""
    scheme, colon, _ = uri.partition(":")
    return said(scheme) if colon else ""


def _sums(streams: Iterable[StreamStats]) -> tuple[StreamSum, ...]:
    def kind(stream: StreamStats) -> tuple[str, str]:
        return said(stream.kind), said(stream.direction)

    groups = ((key, list(members)) for key, members in groupby(sorted(streams, key=kind), key=kind))
    return tuple(_sum(*key, members) for key, members in groups)[:_MOST]


def _sum(kind: str, direction: str, members: list[StreamStats]) -> StreamSum:
    count = len(members)
    return StreamSum(
        kind,
        direction,
        count=count,
        kbps=round(sum(stream.kbps for stream in members), 1),
        lost=sum(stream.lost for stream in members),
        dropped=sum(stream.dropped for stream in members),
        fps=round(sum(stream.fps for stream in members) / count, 1),
        loss=max(stream.loss for stream in members),
        freezes=sum(stream.freezes for stream in members),
        longest_gap_ms=max(stream.longest_gap_ms for stream in members),
        jitter_ms=max(stream.jitter_ms for stream in members),
        rtt_ms=max((stream.rtt_ms for stream in members if stream.rtt_ms is not None), default=None),
        decode_ms=round(sum(stream.decode_ms for stream in members) / count, 2),
    )
