"""What the ingest keeps in mind of each room, and what a message changes of it. Pure."""

from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from appliance.telemetry.protocol.payloads import Ending, Event, Health, Info, Reported, Stamp, State
from fleet.ingest.reading import Heard, plain, whole
from fleet.status import Presence, Summary, due_at, summary_of
from fleet.store.database import Row
from fleet.store.records import EventRow
from fleet.store.rooms import RoomChange
from fleet.store.samples import DAY

_LATEST = 20
"""Messages whose delay is looked at: the quickest of them tells how far off a clock is."""
_BOOTS = 4
_TROUBLE_MS = 10 * 60_000
_EVERY_S = 300
"""The interval of a room that has not said its own."""
DUPLICATE = (
    "Two machines use this room's identity in turn. Give one of them an identity of its own: stop it, delete "
    "identity.json in its state folder, and enrol it."
)

BEYOND = (
    "This room sends far more records than a room has to tell: until it stops, only its meetings and how its "
    "jobs ended are stored, the others are acknowledged and left. Look at what its newest events are; if it may be "
    "in foreign hands, revoke its certificate."
)


class Known(msgspec.Struct, frozen=True, gc=False):
    """A room as the database has it, and what only matters while messages flow.

    A struct rather than a dataclass: one is made for each message, and `replace` is fifteen times quicker.
    Nothing in it can point back at it, so the search for garbage in cycles may pass it over.
    """

    key: int
    id: str
    retired: bool = False
    enrolled: bool = False
    name: str = ""
    presence: Presence = Presence.UNKNOWN
    presence_at: int = 0
    bd: int = 0
    boot: str = ""
    seen_at: int = 0
    health_at: int = 0
    due_at: int = 0
    untold: bool = False
    trouble: str = ""
    sw: str = ""
    rev_applied: int = 0
    health: Health | None = None
    skew_ms: int | None = None
    # not in the database
    delays: tuple[int, ...] = ()
    boots_before: tuple[str, ...] = ()
    health_of: tuple[str, int] = ("", 0)
    """Boot and number of the newest health."""
    trouble_at: int = 0
    # documents that are new since they were last written
    state: str | None = None
    info: str | None = None
    reported: str | None = None
    health_is_new: bool = False

    @property
    def summary(self) -> Summary:
        return summary_of(self.presence, self.health, skew_ms=self.skew_ms, trouble=self.trouble)


_HEALTH = msgspec.json.Decoder(Health)


def known_of(row: Row, before: Known | None) -> Known:
    """Return a room as it stands in the database, with what only we remember."""
    known = before or Known(row["key"], row["id"])
    return replace(
        known,
        retired=row["retired_at"] is not None,
        enrolled=row["enrolled_at"] is not None,
        name=row["name"],
        presence=Presence(row["presence"]),
        presence_at=row["presence_at"],
        bd=row["bd"],
        boot=row["boot"],
        seen_at=row["seen_at"],
        health_at=row["health_at"],
        due_at=row["due_at"],
        untold=bool(row["untold"]),
        trouble=row["trouble"],
        # what another ingest has found lasts as long here
        trouble_at=known.trouble_at if known.trouble else row["seen_at"],
        sw=row["sw"],
        rev_applied=row["rev_applied"],
        skew_ms=row["skew_ms"],
        health=_HEALTH.decode(row["health"]) if row["health"] else None,
    )


def written(known: Known) -> Known:
    """Return what is remembered once all of it is in the database."""
    return replace(known, state=None, info=None, reported=None, health_is_new=False)


def told(known: Known, heard: Heard) -> Known:
    """Return a room as it is after a message."""
    if not heard.retained:
        known = _heard_now(known, heard)
    match heard.body:
        case State():
            return _with_state(known, heard, heard.body)
        case Info():
            name = plain(heard.body.name, 64)
            return replace(known, info=_text(heard.body), name=name or known.name, sw=plain(heard.body.sw, 32))
        case Health():
            return _with_health(known, heard, heard.body)
        case Reported():
            return replace(known, reported=_text(heard.body), rev_applied=max(0, heard.body.rev))
    return known


def _text(body: State | Info | Health | Reported) -> str:
    return msgspec.json.encode(body).decode()


def _heard_now(known: Known, heard: Heard) -> Known:
    """Take in that it spoke, and how its clock goes: the least delay of the latest messages is the network's own."""
    delays = (*known.delays, heard.at - heard.stamp.ts)[-_LATEST:]
    return replace(known, seen_at=max(known.seen_at, heard.at), delays=delays, skew_ms=min(delays))


def _with_state(known: Known, heard: Heard, state: State) -> Known:
    if state.online:
        return _online(known, heard, state)
    if not _speaks_of_now(known, heard.stamp, state):
        # the last will of an older session, late: the room is long back
        return known
    presence = Presence.OFFLINE if state.ended is Ending.STOPPED else Presence.LOST
    presence_at = known.presence_at if known.presence is presence else heard.at
    return replace(
        known, presence=presence, presence_at=presence_at, bd=state.bd, boot=heard.stamp.boot, state=_text(state)
    )


def _speaks_of_now(known: Known, stamp: Stamp, state: State) -> bool:
    if known.boot in {"", stamp.boot}:
        return state.bd >= known.bd
    return state.bd > known.bd and stamp.boot not in known.boots_before


def _online(known: Known, heard: Heard, state: State) -> Known:
    boot = heard.stamp.boot
    if heard.retained and state.bd < known.bd:
        return known
    if boot != known.boot:
        # a boot's name is random: one that comes back after another is a second machine
        if boot in known.boots_before and not heard.retained:
            known = replace(known, trouble=DUPLICATE, trouble_at=heard.at)
        before = tuple(name for name in known.boots_before if name != boot)
        known = replace(known, boot=boot, boots_before=(*before, known.boot)[-_BOOTS:] if known.boot else before)
    known = _is_there(known, heard.at)
    every_s = known.health.every_s if known.health else _EVERY_S
    # a room that began before we listened tells its health next when that is due, which may be minutes away
    untold = heard.retained and not known.health_at
    known = replace(known, bd=state.bd, state=_text(state), untold=untold)
    return replace(known, due_at=max(known.due_at, due_at(heard.at, every_s)))


def _is_there(known: Known, at: int) -> Known:
    if known.presence is Presence.ONLINE:
        return known
    return replace(known, presence=Presence.ONLINE, presence_at=at)


def _with_health(known: Known, heard: Heard, health: Health) -> Known:
    stamp = heard.stamp
    boot, seq = known.health_of
    if heard.retained or (stamp.boot == boot and stamp.seq <= seq):
        # what somebody has kept is not how the room is
        return known
    if known.trouble and heard.at - known.trouble_at > _TROUBLE_MS:
        known = replace(known, trouble="")
    return replace(
        _is_there(known, heard.at),
        health=health,
        health_is_new=True,
        # its state was lost on the way, or is of the boot before
        untold=stamp.boot != known.boot,
        health_at=heard.at,
        health_of=(stamp.boot, stamp.seq),
        due_at=due_at(heard.at, health.every_s),
    )


_FARTHEST_MS = 2**52


def change_of(known: Known) -> RoomChange:
    """Return what the database is to have of a room."""
    summary = known.summary
    skew = known.skew_ms
    return RoomChange(
        key=known.key,
        name=known.name,
        status=summary.status,
        presence=known.presence,
        presence_at=known.presence_at,
        bd=known.bd,
        boot=plain(known.boot, 64),
        seen_at=known.seen_at,
        health_at=known.health_at,
        due_at=known.due_at,
        untold=known.untold,
        skew_ms=None if skew is None else max(-_FARTHEST_MS, min(_FARTHEST_MS, skew)),
        phase=summary.phase,
        issue_count=whole(summary.issue_count),
        worst=plain(summary.worst, 200),
        trouble=known.trouble,
        sw=known.sw,
        rev_applied=known.rev_applied,
        state=known.state,
        info=known.info,
        health=_text(known.health) if known.health and known.health_is_new else None,
        reported=known.reported,
    )


def event_of(known: Known, heard: Heard, event: Event) -> EventRow:
    """Return the row of an answer to a call, or of what else a room says live; the same however often it is heard."""
    data = event.data
    name = f"{heard.stamp.boot}:{heard.stamp.seq}".encode()
    return EventRow(
        *(known.key, 0, number_of(name), heard.at, heard.stamp.ts, heard.at),
        type=f"call.{data.status}" if data else plain(event.type, 64),
        severity=event.sev,
        issue=plain(event.issue_key, 64) if event.issue_key else None,
        text=plain(data.reason) if data else "",
        data={"id": plain(data.id, 64), "cmd": plain(data.cmd, 64), "status": data.status} if data else None,
    )


def duplicate_event(known: Known, at: int) -> EventRow:
    """Return the row that tells of two machines with one identity; one a ten minutes."""
    n = number_of(f"duplicate:{at // _TROUBLE_MS}".encode())
    return EventRow(known.key, 0, n, at, at, at, "identity.duplicate", "error", text=DUPLICATE)


def beyond_budget(known: Known, at: int) -> Known:
    """Return a room whose records are left, whatever else is wrong; it is said of it until it was quiet for a while."""
    return replace(known, trouble=BEYOND, trouble_at=at)


def beyond_event(known: Known, at: int) -> EventRow:
    """Return the row that tells of it; one a day."""
    n = number_of(f"beyond:{at // DAY}".encode())
    return EventRow(known.key, 0, n, at, at, at, "records.beyond", "error", text=BEYOND)


def number_of(name: bytes) -> int:
    """Return a number for what has none of its own: two that hear the same give it the same."""
    return int.from_bytes(blake2b(name, digest_size=7).digest())
