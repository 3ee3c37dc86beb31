"""What may be pressed in the room now, and if not, why. Pure: a button is a value that carries its command.

A button tells two things apart: its label is what a press will do, its detail is what is true. For microphone and
camera that truth is what media reports of its capture gate, never what was merely wished.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from appliance.state.clean import clean_text
from appliance.state.commands import CancelJoin, Command, JoinMeeting, Leave, SetCameraOff, SetMicMuted, SetVolume
from appliance.state.devices import DeviceKind
from appliance.state.room import AutoJoin, Meeting, MeetingKey, Phase, RoomState
from appliance.state.views import meeting_title, open_meetings, reason_text

VOLUME_STEP = 5
_EARLY = timedelta(minutes=10)


class Tone(StrEnum):
    """How a button looks; never the only sign, the words say it too."""

    NORMAL = "normal"
    GO = "go"
    STOP = "stop"
    MUTED = "muted"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Button:
    """One thing a hand may ask of the room."""

    label: str
    """What a press does."""
    enabled: bool
    why: str = ""
    """Why it is disabled."""
    detail: str = ""
    """What is true now."""
    command: Command | None = None
    tone: Tone = Tone.NORMAL
    live: bool = False
    """Whether microphone or camera captures and lets it through, by media's own report: the lamp on the key."""


@dataclass(frozen=True, slots=True)
class _GateWords:
    noun: str
    close: str
    open: str
    closing: str
    opening: str
    closed: str


_MIC = _GateWords("Mic", "Mute", "Unmute", "Muting…", "Unmuting…", "muted")
_CAMERA = _GateWords("Camera", "Stop camera", "Start camera", "Stopping…", "Starting…", "off")


def actions(state: RoomState, now: datetime, chosen: MeetingKey | None = None) -> tuple[Button, ...]:
    """Return the room's main buttons, one or two: join, cancel, leave."""
    if state.call.phase is not Phase.IDLE:
        return (leave_button(state),)
    if state.countdown is not None:
        return (join_button(state, now, chosen), leave_button(state))
    return (join_button(state, now, chosen),)


def join_button(state: RoomState, now: datetime, chosen: MeetingKey | None = None) -> Button:
    """Offer the chosen meeting, else the one being counted down, the one that is on, or the next."""
    if state.call.phase is not Phase.IDLE:
        return Button("Join", enabled=False, why="The room is in a call; leave it first.")
    meeting = target(state, now, chosen)
    if meeting is None:
        return Button("Join", enabled=False, why=_nothing_to_join(state))
    title = meeting_title(meeting)
    if meeting.auto_join is AutoJoin.NO:
        why = reason_text(meeting.why) or "It has no join link. Put one into the invitation."
        return Button("Join", enabled=False, why=why, detail=title)
    return Button(_join_label(state, meeting, now), True, detail=title, command=JoinMeeting(meeting.key), tone=Tone.GO)


def leave_button(state: RoomState) -> Button:
    """Offer to leave the call, or to cancel one that is not there yet."""
    match state.call.phase:
        case Phase.LIVE | Phase.RECONNECTING:
            return Button("Leave", True, detail=clean_text(state.call.title), command=Leave(), tone=Tone.STOP)
        case Phase.JOINING | Phase.LOBBY:
            return Button("Cancel", True, detail="Stop joining", command=Leave(), tone=Tone.STOP)
        case Phase.LEAVING:
            return Button("Leave", enabled=False, why="The room is leaving already.")
        case Phase.IDLE if state.countdown is not None:
            return Button("Cancel", True, detail="Stay out", command=CancelJoin(), tone=Tone.STOP)
        case Phase.IDLE:
            return Button("Leave", enabled=False, why="The room is in no call.")


def target(state: RoomState, now: datetime, chosen: MeetingKey | None = None) -> Meeting | None:
    """Return the meeting that Join means."""
    meetings: Sequence[Meeting] = open_meetings(state, now)
    counted = state.countdown.key if state.countdown else None
    for key in (chosen, counted):
        if (found := next((m for m in meetings if key is not None and m.key == key), None)) is not None:
            return found
    # an entry for the whole day is a note more often than a meeting
    meetings = sorted(meetings, key=lambda m: m.all_day)
    running = [m for m in meetings if m.start <= now and not m.all_day]
    return next(iter(_joinable(running) or running or _joinable(meetings) or meetings), None)


def mic_button(state: RoomState) -> Button:
    """Mute or unmute; the detail is what the capture gate reports."""
    wished, real = state.controls.mic_muted, state.senses.mic_muted
    shut, opened = SetMicMuted(muted=True), SetMicMuted(muted=False)
    if state.senses.mute_line:
        why = "The room's mute switch is on. Switch it off, then unmute."
        return Button(_MIC.open, enabled=False, why=why, detail="Mic off by switch", tone=Tone.MUTED)
    if between_calls(state):
        return _preset(state, _MIC, DeviceKind.MICROPHONE, (state.entry.mic_muted, real), (shut, opened))
    return _gate(state, _MIC, DeviceKind.MICROPHONE, (wished, real), (shut, opened))


def camera_button(state: RoomState) -> Button:
    """Stop or start the camera; the detail is what the capture gate reports."""
    wished, real = state.controls.camera_off, state.senses.camera_off
    shut, opened = SetCameraOff(off=True), SetCameraOff(off=False)
    if between_calls(state):
        return _preset(state, _CAMERA, DeviceKind.CAMERA, (state.entry.camera_off, real), (shut, opened))
    return _gate(state, _CAMERA, DeviceKind.CAMERA, (wished, real), (shut, opened))


def volume_buttons(state: RoomState) -> tuple[Button, Button]:
    """Return quieter and louder."""
    volume = state.controls.volume
    quieter = Button("Quieter", volume > 0, command=SetVolume(max(0, volume - VOLUME_STEP)))
    louder = Button("Louder", volume < 100, command=SetVolume(min(100, volume + VOLUME_STEP)))
    return (
        quieter if quieter.enabled else replace(quieter, why="The loudspeaker is silent already."),
        louder if louder.enabled else replace(louder, why="The loudspeaker is at its loudest already."),
    )


def out_of_reach(button: Button, why: str) -> Button:
    """Return the button as it is while nobody can hear its command: disabled, and claiming nothing."""
    return replace(button, enabled=False, why=why, detail="", command=None, tone=Tone.NORMAL, live=False)


def between_calls(state: RoomState) -> bool:
    """Whether no call is on or wished, so that microphone and camera are closed and set for the next one only."""
    return state.call.phase is Phase.IDLE and state.wanted is None


def _preset(
    state: RoomState,
    words: _GateWords,
    kind: DeviceKind,
    shut_next_and_now: tuple[bool, bool],
    commands: tuple[Command, Command],
) -> Button:
    shut_next, shut_now = shut_next_and_now
    shut, opened = commands
    captures = not shut_now and state.senses.connected and _works(state, kind)
    if shut_next:
        detail = f"Next call: {words.closed}"
        return Button(words.open, True, detail=detail, command=opened, tone=Tone.MUTED, live=captures)
    return Button(words.close, True, detail="Next call: on", command=shut, live=captures)


def _gate(
    state: RoomState,
    words: _GateWords,
    kind: DeviceKind,
    shut_wish_and_truth: tuple[bool, bool],
    commands: tuple[Command, Command],
) -> Button:
    wished_shut, really_shut = shut_wish_and_truth
    shut, opened = commands
    if not state.senses.connected:
        return _unheard(words, shut, wished_shut=wished_shut)
    captures = not really_shut and _works(state, kind)
    if wished_shut != really_shut:
        label = words.closing if wished_shut else words.opening
        detail = f"{words.noun} still {words.closed if really_shut else 'on'}"
        # until both agree, a second press asks for the safe side
        return Button(label, True, detail=detail, command=shut, tone=Tone.PENDING, live=captures)
    if really_shut:
        detail = f"{words.noun} {words.closed}"
        return Button(words.open, True, detail=detail, command=opened, tone=Tone.MUTED)
    detail = f"{words.noun} {'on' if captures else _silence(state, kind)}"
    return Button(words.close, True, detail=detail, command=shut, live=captures)


def _unheard(words: _GateWords, shut: Command, *, wished_shut: bool) -> Button:
    detail = f"{words.noun} restarting"
    if wished_shut:
        why = f"The {words.noun.lower()} is restarting; it comes back {words.closed}."
        return Button(words.open, enabled=False, why=why, detail=detail, tone=Tone.PENDING)
    return Button(words.close, True, detail=detail, command=shut, tone=Tone.PENDING)


def _joinable(meetings: Sequence[Meeting]) -> list[Meeting]:
    return [m for m in meetings if m.auto_join is not AutoJoin.NO]


def _works(state: RoomState, kind: DeviceKind) -> bool:
    return any(device.open and device.healthy for device in state.senses.devices if device.kind is kind)


def _silence(state: RoomState, kind: DeviceKind) -> str:
    if any(device.error or not device.healthy for device in state.senses.devices if device.kind is kind):
        return "fails"
    return "not open"


def _join_label(state: RoomState, meeting: Meeting, now: datetime) -> str:
    if state.countdown is not None and state.countdown.key == meeting.key:
        return "Join now"
    return "Join early" if meeting.start - now > _EARLY else "Join"


def _nothing_to_join(state: RoomState) -> str:
    if state.agenda.fetched_at is None:
        return "No meeting to join is known yet."
    return "There is no meeting in the room's calendar."
