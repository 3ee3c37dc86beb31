"""The one table of the room's devices: what is expected, what is there, what is used, what is wrong and what to do.

Panel, TV, MQTT and `salon doctor` show it. Pure; `since` comes from the table before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from appliance.state.clean import clean_text
from appliance.state.television import Television


class DeviceKind(StrEnum):
    """The devices media opens."""

    CAMERA = "camera"
    MICROPHONE = "microphone"
    SPEAKER = "speaker"
    SHARE = "share"
    """An HDMI input: whoever plugs a computer in shares its screen."""


@dataclass(frozen=True, slots=True)
class DeviceTry:
    """What came of the newest attempt with one device of a preference list."""

    uri: str
    name: str = ""
    ok: bool = True
    error: str = ""
    """What is wrong and what would help."""


@dataclass(frozen=True, slots=True)
class DeviceUse:
    """Which device of the preference list is used, and how it does."""

    kind: DeviceKind
    uri: str = ""
    name: str = ""
    open: bool = False
    """Capturing or playing right now."""
    healthy: bool = True
    simulated: bool = False
    error: str = ""
    """What is wrong and what would help."""
    tries: tuple[DeviceTry, ...] = ()
    """Of the whole list, those that were tried lately, in its order."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A device that the settings name."""

    kind: str
    uri: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What enumeration says of an expected device, or of one that is there and nobody expects."""

    kind: str
    uri: str = ""
    """The expected URI that means it; empty for one that none means."""
    present: bool | None = True
    """None where enumeration cannot tell."""
    id: str = ""
    """Stays the same whatever the system calls the device."""
    name: str = ""


@dataclass(frozen=True, slots=True)
class WireUse:
    """How one of the room's wires does."""

    role: str
    """mute button, mute line, mute light, call light, camera head, motion sensor or relay."""
    uri: str
    """As in the settings; those of a lamp, with blanks between."""
    open: bool = False
    simulated: bool = False
    error: str = ""
    """What is wrong and what would help; also of one that is open and hangs."""
    name: str = ""
    """What people call what it switches."""
    place: int = 0
    """Among those of its role, from 1; 0 where a room has but one."""


class Severity(StrEnum):
    """How much a fault matters, by its consequence."""

    FINE = "fine"
    WARNING = "warning"
    """The room works without it: another one does."""
    IMPORTANT = "important"
    """A meeting suffers."""


class Fault(StrEnum):
    """What is wrong with a device."""

    NONE = "none"
    MISSING = "missing"
    """It is not plugged in."""
    FAILING = "failing"
    """It is there and does not work."""


@dataclass(frozen=True, slots=True)
class Device:
    """One row of the table."""

    id: str
    """Of the row: the kind and the place in its list, camera-1; for one nobody asked for, what it is."""
    kind: str
    uri: str = ""
    """As the settings name it; empty for one they do not name and that is not used."""
    name: str = ""
    expected: bool = True
    present: bool | None = None
    """None where nobody can tell without opening it."""
    chosen: bool = False
    """In use, or the one that will be."""
    healthy: bool | None = None
    """None before it was tried."""
    fault: Fault = Fault.NONE
    severity: Severity = Severity.FINE
    since: datetime | None = None
    """When the fault began."""
    remedy: str = ""
    """What is wrong and what would help, in a sentence or two."""

    @property
    def diagnostic(self) -> str:
        """The fault's stable id, empty without one."""
        return "" if self.fault is Fault.NONE else f"{self.id}.{self.fault}"

    @property
    def title(self) -> str:
        """What to call it."""
        words = _noun(self.kind)
        name = clean_text(self.name)
        return words[:1].upper() + words[1:] + (f" ({name})" if name else "")


_NO_TV = Television()


def device_table(
    expected: Sequence[Expected],
    seen: Sequence[Seen],
    uses: Sequence[DeviceUse],
    before: Sequence[Device],
    now: datetime,
    *,
    wires: Sequence[WireUse] = (),
    television: Television = _NO_TV,
) -> tuple[Device, ...]:
    """Return the rows: those expected in the order of preference, the TV, the wires, then others that are there."""
    use_of = {use.kind.value: use for use in uses}
    seen_as = {(device.kind, device.uri): device for device in seen if device.uri}
    rows: list[Device] = []
    for kind in dict.fromkeys(wanted.kind for wanted in expected):
        uris = [wanted.uri for wanted in expected if wanted.kind == kind]
        tries = {tried.uri: tried for tried in use_of[kind].tries} if kind in use_of else {}
        alike = [_row(kind, n, uri, seen_as.get((kind, uri)), tries.get(uri)) for n, uri in enumerate(uris, 1)]
        rows += _judged(_chosen(alike, use_of.get(kind)))
    rows += [*_tv(television), *(_wire(wire) for wire in wires)]
    spare = [_spare(device) for device in seen if not device.uri]
    if not any(wanted.kind == DeviceKind.SHARE for wanted in expected):
        spare = _watched(spare, use_of.get(DeviceKind.SHARE))
    began = {row.diagnostic: row.since for row in before if row.fault is not Fault.NONE}
    return tuple(_dated(row, began, now) for row in (*rows, *spare))


def wires_known(*told: Sequence[WireUse]) -> tuple[WireUse, ...]:
    """Return each wire once, in the order of the first list, as the last list that tells of it has it."""
    return tuple({(wire.role, wire.place): wire for wires in told for wire in wires}.values())


def _row(kind: str, place: int, uri: str, seen: Seen | None, tried: DeviceTry | None) -> Device:
    present = seen.present if seen else None
    name = (seen.name if seen else "") or (tried.name if tried else "")
    row = Device(f"{kind}-{place}", kind, uri, name, present=present)
    if present is False:
        noun = "HDMI input" if kind == DeviceKind.SHARE else _noun(kind)
        return replace(row, fault=Fault.MISSING, remedy=f"It is not there. Plug the {noun} in, or check its cable.")
    return _as_tried(row, tried)


def _as_tried(row: Device, tried: DeviceTry | None) -> Device:
    if tried is None:
        return row
    if tried.ok:
        return replace(row, healthy=True)
    remedy = tried.error or "It does not work. Plug it in again."
    return replace(row, healthy=False, fault=Fault.FAILING, remedy=remedy)


def _chosen(rows: Sequence[Device], use: DeviceUse | None) -> list[Device]:
    """Mark the one in use, or while none is, the first that may work."""
    in_use = use.uri if use is not None and use.open else None
    usable = (row.uri for row in rows if row.fault is Fault.NONE)
    chosen = in_use if in_use is not None else next(usable, None)
    return [replace(row, chosen=row.uri == chosen) for row in rows]


def _judged(rows: Sequence[Device]) -> list[Device]:
    """Say how much each fault matters: less while another device does the work."""
    works = any(row.fault is Fault.NONE for row in rows)
    severity = Severity.WARNING if works else Severity.IMPORTANT
    return [row if row.fault is Fault.NONE else replace(row, severity=severity) for row in rows]


def _tv(television: Television) -> list[Device]:
    """The TV is a row where there is a connector for one, or one is missed."""
    if not television.connector and not television.trouble:
        return []
    there = television.connected
    row = Device("tv", "TV", television.connector, television.name, present=there, chosen=there, healthy=there)
    if not television.trouble:
        return [row]
    # one that is there and does not obey has a remote
    fault, severity = (Fault.FAILING, Severity.WARNING) if there else (Fault.MISSING, Severity.IMPORTANT)
    return [replace(row, fault=fault, severity=severity, remedy=television.trouble, healthy=False)]


_SPARED = frozenset({"camera head", "motion sensor", "relay"})
"""Wires that no meeting suffers without: it is seen, heard and muted all the same."""


def _wire(wire: WireUse) -> Device:
    name = wire.role.replace(" ", "-") + (f"-{wire.place}" if wire.place else "")
    row = Device(name, wire.role, wire.uri, wire.name, chosen=wire.open, healthy=True if wire.open else None)
    if not wire.error:
        return row
    severity = Severity.WARNING if wire.role in _SPARED else Severity.IMPORTANT
    return replace(row, healthy=False, fault=Fault.FAILING, severity=severity, remedy=wire.error)


def _spare(device: Seen) -> Device:
    return Device(device.id, device.kind, name=device.name, expected=False, present=device.present)


def _watched(rows: Sequence[Device], use: DeviceUse | None) -> list[Device]:
    """Say how the HDMI inputs do that are used because none is named."""
    inputs = [row for row in rows if row.kind == DeviceKind.SHARE]
    tries = {tried.uri: tried for tried in use.tries} if use is not None else {}
    taken = [replace(row, uri=f"v4l2:{row.id}") for row in inputs]
    told = _judged(_chosen([_as_tried(row, tries.get(row.uri)) for row in taken], use))
    return [*told, *(row for row in rows if row.kind != DeviceKind.SHARE)]


def _dated(row: Device, began: Mapping[str, datetime | None], now: datetime) -> Device:
    if row.fault is Fault.NONE:
        return row
    return replace(row, since=began.get(row.diagnostic) or now)


def _noun(kind: str) -> str:
    return kind.replace("_", " ")
