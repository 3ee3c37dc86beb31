"""The one door for commands. Whoever asks, the same rules answer, and every command gets an `Ack`.

Nobody remote can unmute or switch a camera on, also not by a detour: a join caused by anything but a touch in the room
or the room's own calendar enters with microphone and camera off.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import assert_never

from appliance.desired import Desired, Preset, deciding_mic, forget_stale
from appliance.lifecycle.rules import Decision
from appliance.state.camera import PRESETS, keep, recall
from appliance.state.commands import (
    Ack,
    AckStatus,
    CancelJoin,
    CheckDevices,
    CheckSound,
    Command,
    FrameCamera,
    JoinMeeting,
    JoinUrl,
    KeepPreset,
    Leave,
    MoveCamera,
    Origin,
    RecallPreset,
    SetCameraOff,
    SetMicMuted,
    SetView,
    SetVolume,
    SwitchRelay,
)
from appliance.state.fixtures import listed, named
from appliance.state.room import Entry, Meeting, MeetingKey, RoomState
from appliance.state.wishes import CallWish

logger = logging.getLogger(__name__)
_FAR = frozenset({Origin.CLI, Origin.REMOTE})
_ONLY_IN_THE_ROOM = "Only a touch on the room's own panel can {}. Ask somebody in the room."


@dataclass(frozen=True, slots=True)
class Context:
    """Everything a command is judged by."""

    state: RoomState
    desired: Desired
    links: Mapping[MeetingKey, str]
    """Join links of the agenda's meetings, where there are any."""
    entry: Entry
    """`[joining]` in the settings."""
    now: datetime


def judge(command: Command, origin: Origin, context: Context) -> tuple[Ack, Desired]:  # noqa: C901, PLR0911, PLR0912 - a line each
    """Decide what becomes of a command: the answer, and the room's will afterwards. Pure."""
    match command:
        case JoinMeeting(key):
            return _join_meeting(key, origin, context)
        case JoinUrl(url):
            return _join_url(url, origin, context)
        case CancelJoin():
            return _cancel(context)
        case Leave():
            return _leave(context)
        case SetMicMuted(muted):
            return _set_mic(origin, context, muted=muted)
        case SetCameraOff(off):
            return _set_camera(origin, context, off=off)
        case SetVolume(percent):
            return _set_volume(percent, context)
        case SetView(view):
            return Ack(), replace(context.desired, controls=replace(context.desired.controls, view=view))
        case MoveCamera() | FrameCamera() | KeepPreset() | RecallPreset():
            return _aim(command, origin, context)
        case SwitchRelay(name, on):
            return _switch(name, context, on=on)
        case CheckDevices():
            return _check_devices(context)
        case CheckSound():
            return _check_sound(origin, context)
        case _:
            assert_never(command)


def _join_meeting(key: MeetingKey | None, origin: Origin, context: Context) -> tuple[Ack, Desired]:
    desired = context.desired
    meeting = _find(key, context)
    if meeting is None:
        return Ack.refused("There is no such meeting in this room's calendar."), desired
    url = context.links.get(meeting.key)
    if url is None:
        return Ack.refused(meeting.why or "This meeting has no link that the room can join."), desired
    if desired.call is not None and desired.call.key != meeting.key:
        return Ack.refused(f"The room is in “{desired.call.title}”. Leave that first."), desired
    wish = CallWish(meeting.key, meeting.title, url, context.state.name, _attempt(context), meeting.end)
    return Ack(), _entering(wish, origin, context)


def _join_url(url: str, origin: Origin, context: Context) -> tuple[Ack, Desired]:
    desired = context.desired
    # JSON can hold half a surrogate pair, which nothing could write down
    if not url.startswith(("https://", "http://")) or len(url) > 4096 or not url.isprintable():
        return Ack.refused("A join link begins with https:// or http://."), desired
    if desired.call is not None:
        return Ack.refused(f"The room is in “{desired.call.title}”. Leave that first."), desired
    key = MeetingKey(f"link:{hashlib.sha256(url.encode()).hexdigest()[:16]}")
    return Ack(), _entering(CallWish(key, "Meeting", url, context.state.name, _attempt(context)), origin, context)


def _find(key: MeetingKey | None, context: Context) -> Meeting | None:
    meetings = context.state.agenda.meetings
    if key is not None:
        return next((meeting for meeting in meetings if meeting.key == key), None)
    return next((m for m in meetings if m.end > context.now and m.key in context.links), None)


def _attempt(context: Context) -> int:
    """Number attempts by the clock, so that pressing Join again after a restart is new too."""
    return int(context.now.timestamp() * 1000)


def _entering(wish: CallWish, origin: Origin, context: Context) -> Desired:
    desired = context.desired
    if desired.call is not None and desired.call.key == wish.key:
        return desired
    desired = forget_stale(desired, context.now)
    entry = Entry() if origin in _FAR else next_entry(desired, context.entry)
    controls = replace(desired.controls, camera_off=entry.camera_off)
    entered = replace(desired, call=wish, controls=controls, mic_preset=None, camera_preset=None)
    entered = deciding_mic(entered, muted=entry.mic_muted)
    return entered.deciding(wish.key, Decision.JOINED)


def next_entry(desired: Desired, entry: Entry) -> Entry:
    """Return what the next call begins with: as somebody set it before, else as the settings say."""
    return Entry(_begins(desired.mic_preset, entry.mic_muted), _begins(desired.camera_preset, entry.camera_off))


def _begins(preset: Preset | None, entry: bool) -> bool:
    return entry if preset is None else preset.closed


def _cancel(context: Context) -> tuple[Ack, Desired]:
    countdown = context.state.countdown
    if countdown is None:
        return Ack.refused("No meeting is about to be joined."), context.desired
    return Ack(), context.desired.deciding(countdown.key, Decision.CANCELLED)


def _leave(context: Context) -> tuple[Ack, Desired]:
    call = context.desired.call
    if call is None:
        return _leave_nothing(context)
    return Ack(), left(context.desired, Decision.LEFT)


def _leave_nothing(context: Context) -> tuple[Ack, Desired]:
    """Without a call, there may be a sound check to end or a countdown."""
    desired = context.desired
    if context.state.countdown:
        return _cancel(context)
    if context.state.senses.sound_check.running and desired.sound_check:
        return Ack(), replace(desired, sound_check=0)
    return Ack.refused("The room is in no call."), desired


def left(desired: Desired, decision: Decision) -> Desired:
    """Return the will of a room that is out of its call: closed gates, and not coming back by itself."""
    if desired.call is None:
        return desired
    closed = replace(desired, call=None, controls=replace(desired.controls, camera_off=True))
    return deciding_mic(closed, muted=True).deciding(desired.call.key, decision)


def rebooked(desired: Desired, key: MeetingKey, ends_at: datetime | None) -> Desired:
    """Return the will of a room whose call is booked until another time now."""
    call = desired.call
    if call is None or call.key != key:
        return desired
    return replace(desired, call=replace(call, ends_at=ends_at))


def _set_mic(origin: Origin, context: Context, *, muted: bool) -> tuple[Ack, Desired]:
    if not muted and origin is not Origin.TOUCH:
        return Ack.refused(_ONLY_IN_THE_ROOM.format("unmute the microphone")), context.desired
    if not muted and context.state.senses.mute_line:
        return Ack.refused("The room's mute switch is on. Switch it off, then unmute."), context.desired
    desired = deciding_mic(context.desired, muted=muted)
    return Ack(), desired if desired.call is not None else replace(desired, mic_preset=Preset(muted, context.now))


def _set_camera(origin: Origin, context: Context, *, off: bool) -> tuple[Ack, Desired]:
    if not off and origin is not Origin.TOUCH:
        return Ack.refused(_ONLY_IN_THE_ROOM.format("switch the camera on")), context.desired
    desired = replace(context.desired, controls=replace(context.desired.controls, camera_off=off))
    return Ack(), desired if desired.call is not None else replace(desired, camera_preset=Preset(off, context.now))


def _set_volume(percent: int, context: Context) -> tuple[Ack, Desired]:
    if not 0 <= percent <= 100:
        return Ack.refused("The volume goes from 0 to 100 percent."), context.desired
    return Ack(), replace(context.desired, controls=replace(context.desired.controls, volume=percent))


def _aim(
    command: MoveCamera | FrameCamera | KeepPreset | RecallPreset, origin: Origin, context: Context
) -> tuple[Ack, Desired]:
    desired = context.desired
    if origin is Origin.REMOTE:
        return Ack.refused("Nobody far away can turn the room's camera. Ask somebody in the room."), desired
    match command:
        case MoveCamera(pan, tilt, zoom):
            return Ack(), replace(desired, aim=desired.aim.moved(pan, tilt, zoom))
        case FrameCamera(framing):
            return Ack(), replace(desired, aim=desired.aim.by_itself(framing=framing))
        case KeepPreset(number):
            if not 1 <= number <= PRESETS:
                return Ack.refused(f"Presets go from 1 to {PRESETS}."), desired
            return Ack(), replace(desired, presets=keep(desired.presets, number, desired.aim))
        case RecallPreset(number):
            aim = recall(desired.presets, number)
            if aim is None:
                return Ack.refused(f"Nothing is kept as preset {number} yet."), desired
            return Ack(), replace(desired, aim=aim)


def _switch(name: str, context: Context, *, on: bool) -> tuple[Ack, Desired]:
    desired, relays = context.desired, context.state.relays
    relay = named(relays, name)
    if relay is None:
        remedy = "" if relays else " Name it under [[wires.relays]] in the settings."
        return Ack.refused(f"This room has no {name!r}; it has {listed(relays)}.{remedy}"), desired
    if relay.error:
        return Ack.refused(relay.error), desired
    return Ack(), replace(desired, switched=MappingProxyType({**desired.switched, relay.name: on}))


def _check_devices(context: Context) -> tuple[Ack, Desired]:
    if context.desired.call is not None:
        return Ack.refused("The check opens each of them; leave the call first."), context.desired
    return Ack(), replace(context.desired, device_check=_number(context, context.desired.device_check))


def _check_sound(origin: Origin, context: Context) -> tuple[Ack, Desired]:
    """It opens the microphone and is loud: nothing for somebody who does not see who is in the room."""
    desired, senses = context.desired, context.state.senses
    if origin is not Origin.TOUCH:
        return Ack.refused(_ONLY_IN_THE_ROOM.format("start a sound check: it opens the microphone")), desired
    if desired.call is not None:
        return Ack.refused("The check plays a loud sweep; leave the call first."), desired
    if senses.mute_line:
        return Ack.refused("The room's mute switch is on. Switch it off, then check the sound."), desired
    if senses.sound_check.running:
        return Ack.refused("The sound is being checked. Wait until that is done."), desired
    return Ack(), replace(desired, sound_check=_number(context, max(desired.sound_check, senses.sound_check.asked)))


def _number(context: Context, before: int) -> int:
    """Number a check by the clock, and higher than the last, also if the clock was set back."""
    return max(int(context.now.timestamp() * 1000), before + 1)


class Dispatcher:
    """Judges commands one after another; a changed will is on disk before anybody acts on it.

    A disk that refuses stops what opens a gate and nothing else: a full card neither keeps a microphone open nor the
    room out of its meeting.
    """

    def __init__(
        self,
        *,
        context: Callable[[], Context],
        save: Callable[[Desired], None],
        adopt: Callable[[Desired], None],
    ) -> None:
        self._context = context
        self._save = save
        self._adopt = adopt
        self._one_at_a_time = asyncio.Lock()

    async def dispatch(self, command: Command, origin: Origin) -> Ack:
        """Do what is asked, or say why not."""
        async with self._one_at_a_time:
            context = self._context()
            ack, desired = judge(command, origin, context)
            if ack.status is AckStatus.OK and desired is not context.desired:
                problem = await self._store(desired)
                if problem and _opens(command):
                    return Ack.failed(f"The room's disk refused to store that ({problem}). Check its free space.")
                self._adopt(desired)
        logger.info("%s by %s: %s", type(command).__name__, origin, ack.status)
        return ack

    async def change(self, decide: Callable[[Desired], Desired]) -> None:
        """Let one of the room's own rules change its will, in line with the commands, also on a disk that is full."""
        async with self._one_at_a_time:
            before = self._context().desired
            desired = decide(before)
            if desired is not before:
                await self._store(desired)
                self._adopt(desired)

    async def _store(self, desired: Desired) -> str:
        """Write the will to disk; return why that did not work, empty when it did."""
        try:
            await asyncio.to_thread(self._save, desired)
        except OSError as err:
            logger.error("the room's wishes cannot be stored: %s", err)  # noqa: TRY400 - the reason is enough
            return err.strerror or type(err).__name__
        return ""


def _opens(command: Command) -> bool:
    """Whether a command opens microphone or camera: only that must be remembered or not be done."""
    match command:
        case SetMicMuted(muted=closed) | SetCameraOff(off=closed):
            return not closed
    return False
