"""What became of a command that was accepted: judged from the states that follow it, in words for a terminal. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from appliance.state.device_views import aim_words
from appliance.state.devices import Fault
from appliance.state.fixtures import named
from appliance.state.layout import View
from appliance.state.room import Phase, RoomState
from appliance.state.sound import SoundCheck
from appliance.state.views import call_title, reason_text


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far it has come."""

    words: str
    settled: bool = False
    """There is nothing more to wait for."""
    ok: bool = False
    """It is as it was asked for."""


Judge = Callable[[Outcome, RoomState], Outcome]
"""Says from what was known and the next state what is known now. The first states may be older than the command."""

NOT_BEGUN = Outcome("The room has not begun.")


def joined(known: Outcome, state: RoomState) -> Outcome:
    """Wait until the room is in the call it was asked for, or has given up."""
    call, begun = state.call, known is not NOT_BEGUN
    if state.wanted is not None:
        if call.phase is Phase.LIVE:
            return Outcome(f"The room is in “{call_title(state)}”.", settled=True, ok=True)
        if call.phase is Phase.LOBBY:
            return Outcome("It waits to be let in. `salon leave` gives up.")
        reason = _sentence(call.reason) or "The server has not answered yet."
        return Outcome(f"{reason} It goes on trying; `salon leave` gives up.")
    if begun and call.phase is Phase.IDLE:
        reason = _sentence(call.reason or state.notice) or "Somebody in the room stopped it."
        return Outcome(reason, settled=True)
    return replace(known, settled=False)


def left(known: Outcome, state: RoomState) -> Outcome:
    """Wait until the room is in no call and counts down to none."""
    if state.wanted is None and state.countdown is None and state.call.phase is Phase.IDLE:
        return Outcome("The room is in no call.", settled=True, ok=True)
    return replace(known, words="The room is leaving still.")


def muted(known: Outcome, state: RoomState) -> Outcome:
    """Wait until the microphone's gate is closed, by media's own report."""
    if state.controls.mic_muted and state.senses.mic_muted:
        return Outcome("The microphone is muted.", settled=True, ok=True)
    return replace(known, words="The microphone is open still.")


def viewed(known: Outcome, state: RoomState, view: View) -> Outcome:
    """Wait until the room shows people that way, or would if it were in a call."""
    if state.controls.view is view:
        return Outcome(f"The TV shows the {view}.", settled=True, ok=True)
    return replace(known, words="The TV has not changed yet.")


NO_MEDIA = "Camera and sound are not there (salon media): `salon doctor` and the log of salon media say why."


class DevicesChecked:
    """Wait until all devices have been tried once more. Remembers how often that was done before."""

    def __init__(self) -> None:
        self._before: int | None = None

    def __call__(self, known: Outcome, state: RoomState) -> Outcome:
        """Judge the next state."""
        if not state.senses.connected:
            return Outcome(NO_MEDIA, settled=True)
        if self._before is None:
            self._before = state.senses.probed
        if state.senses.probed == self._before:
            return replace(known, words="The devices have not all been tried yet.")
        if state.senses.mute_line:
            words = "All devices were tried but the microphones: the room's mute switch is on."
            return Outcome(words, settled=True, ok=True)
        return Outcome("All devices were tried.", settled=True, ok=True)


class SoundChecked:
    """Wait until the sound check that was asked for has ended. Remembers which one was there before."""

    def __init__(self) -> None:
        self._before: int | None = None

    def __call__(self, known: Outcome, state: RoomState) -> Outcome:
        """Judge the next state."""
        if not state.senses.connected:
            return Outcome(NO_MEDIA, settled=True)
        check = state.senses.sound_check
        if self._before is None:
            self._before = check.asked - 1 if check.running else check.asked
        if check.asked <= self._before or check.at is None:
            return replace(known, words="The sound check has not ended yet.")
        return Outcome("\n".join(sound_words(check)), settled=True, ok=check.ok)


def sound_words(check: SoundCheck) -> list[str]:
    """Say what a sound check found, a line each."""
    figures = (
        ("echo return loss", check.echo_return_loss_db, "{:.1f} dB"),
        ("delay", check.delay_ms, "{:.0f} ms"),
        ("reverberation (RT60)", check.rt60_s, "{:.2f} s"),
    )
    told = (f"  {name}: {pattern.format(value)}" for name, value, pattern in figures if value is not None)
    lines = [*check.words, *told]
    for number, one in enumerate(check.microphones, 1):
        state = f", {one.state}" if one.state else ""
        lines.append(f"  microphone {number}: {one.level_dbfs:.0f} dBFS, noise {one.noise_dbfs:.0f} dBFS{state}")
    return [*lines, f"  picture: {check.picture}"] if check.picture else lines


_STILL = "The camera has no motors: it pans and zooms within its picture"


def aimed(known: Outcome, state: RoomState) -> Outcome:
    """Say where the camera looks now, and what keeps it from looking there."""
    aim, words = state.aim, aim_words(state.aim)
    head = next((row for row in state.devices if row.id == "camera-head"), None)
    if head is not None and head.fault is not Fault.NONE:
        return Outcome(f"The camera's head does not work: {reason_text(head.remedy)}", settled=True)
    if head is None and not aim.framing:
        whole = not aim.zoom and bool(aim.pan or aim.tilt)
        words += f" {_STILL}{', and shows all of it until it is zoomed in' * whole}."
    return replace(known, words=words, settled=True, ok=True)


def switched(known: Outcome, state: RoomState, name: str, *, on: bool) -> Outcome:
    """Wait until lights or blinds are as they were asked to be."""
    relay = named(state.relays, name)
    if relay is None or relay.error:
        return Outcome(relay.error if relay else f"This room has no {name}.", settled=True)
    if relay.on is on:
        return Outcome(f"{relay.name}: {'on' if on else 'off'}.", settled=True, ok=True)
    return replace(known, words=f"{relay.name} has not changed yet.")


def _sentence(reason: str) -> str:
    text = reason_text(reason).rstrip(".")
    return f"{text[:1].upper()}{text[1:]}." if text else ""
