"""What the room wants, on disk: written before it is acted on, so that a restart changes no mind.

Holds the join link of the wanted call, so it is private to the daemon (mode 0600) and never part of `RoomState`.
"""

import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from appliance.files import replace_file
from appliance.lifecycle.rules import Decision
from appliance.state.camera import CameraAim, CameraPreset
from appliance.state.room import Controls, MeetingKey
from appliance.state.touch import Mark, Touch, Word, adopted, heard, said
from appliance.state.wire import from_json, to_json
from appliance.state.wishes import CallWish, MediaReport

logger = logging.getLogger(__name__)
OPENING_LASTS = timedelta(minutes=10)
"""How long a microphone or camera that was opened before a call stays meant so: whoever did it may be gone."""
_REMEMBERED = 200
"""Decisions kept; a room has far fewer meetings in the two days its agenda spans."""


def _no_decisions() -> Mapping[MeetingKey, Decision]:
    return MappingProxyType({})


def _nothing_switched() -> Mapping[str, bool]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Preset:
    """What somebody set microphone or camera to while no call was on: the next call begins so."""

    closed: bool
    at: datetime

    def stale(self, now: datetime) -> bool:
        """Whether it means nothing any more. Closing never ends by itself; opening does, also if the clock was set."""
        return not self.closed and not timedelta(0) <= now - self.at < OPENING_LASTS


@dataclass(frozen=True, slots=True)
class Desired:
    """The room's whole will."""

    call: CallWish | None = None
    controls: Controls = Controls()
    mic_preset: Preset | None = None
    camera_preset: Preset | None = None
    decided: Mapping[MeetingKey, Decision] = field(default_factory=_no_decisions)
    aim: CameraAim = CameraAim()
    """Where the camera looks."""
    presets: tuple[CameraPreset, ...] = ()
    mark: Mark = Mark("", 0)
    """Counts what was decided about the microphone."""
    knew: Mark | None = None
    """The newest touch of the room's own button that was known then."""
    switched: Mapping[str, bool] = field(default_factory=_nothing_switched)
    """Lights and blinds as somebody switched them in this life of the daemon; never stored."""
    device_check: int = 0
    """When all devices were to be tried the last time, in milliseconds; never stored."""
    sound_check: int = 0
    """The same for the sound check."""

    @property
    def word(self) -> Word:
        """What was last decided about the microphone, and what was known then."""
        return Word(self.mark, self.controls.mic_muted, self.knew)

    def deciding(self, key: MeetingKey, decision: Decision) -> "Desired":
        """Return the same will with one more decision, the oldest forgotten when there are too many."""
        kept = {k: v for k, v in self.decided.items() if k != key}
        newest = [*kept.items(), (key, decision)][-_REMEMBERED:]
        return replace(self, decided=MappingProxyType(dict(newest)))


def deciding_mic(desired: Desired, *, muted: bool) -> Desired:
    """Return the will after somebody decided about the microphone, also if that changes nothing."""
    return _agreeing(desired, said(desired.word, mic_muted=muted))


def hearing(desired: Desired, touch: Touch, now: datetime) -> Desired:
    """Return the will after the room's own button or mute line was touched; the same one if that was known.

    What was muted between calls is so in the next one.
    """
    word = heard(desired.word, touch)
    if word == desired.word:
        return desired
    by_hand = touch.mark.count > 0 and touch.mic_muted and desired.call is None
    preset = Preset(closed=True, at=now) if by_hand else desired.mic_preset
    return _agreeing(replace(desired, mic_preset=preset), word)


def begun(desired: Desired) -> Desired:
    """Return the will a daemon starts with: one that was never stored counts anew, unlike any before."""
    return desired if desired.mark.series else replace(desired, mark=Mark(secrets.token_hex(8), 0))


def _agreeing(desired: Desired, word: Word) -> Desired:
    controls = replace(desired.controls, mic_muted=word.mic_muted)
    return replace(desired, mark=word.mark, knew=word.knew, controls=controls)


def forget_stale(desired: Desired, now: datetime) -> Desired:
    """Return the will without what was opened too long ago for a call that never came: closed again."""
    if desired.call is not None:
        return desired
    if desired.mic_preset is not None and desired.mic_preset.stale(now):
        desired = deciding_mic(replace(desired, mic_preset=None), muted=True)
    if desired.camera_preset is not None and desired.camera_preset.stale(now):
        desired = replace(desired, camera_preset=None, controls=replace(desired.controls, camera_off=True))
    return desired


def adopt(stored: Desired, report: MediaReport | None, now: datetime) -> Desired:
    """Return the will a (re)starting daemon begins with, given what media says it is doing.

    The stricter of both holds for microphone and camera; but a touch of the room's own button that knew what was stored
    is the newest word about the microphone, and mutes the next call if it muted between calls. A call that media is in
    goes on, unless the room had decided to leave it; a call that was wanted and that media is not in is wanted still.
    """
    if report is None:
        return stored
    will = hearing(replace(stored, call=_call(stored, report.wanted)), report.touch, now)
    # a gate that is shut by the mute line says nothing about what anybody decided
    word = adopted(will.word, report.touch, really_muted=report.controls.mic_muted and not report.mute_line)
    return _agreeing(replace(will, controls=stricter(stored.controls, report.controls)), word)


def _call(stored: Desired, running: CallWish | None) -> CallWish | None:
    if running is None:
        return stored.call
    if stored.call is not None:
        return running if running.key == stored.call.key else stored.call
    return running if stored.decided.get(running.key) in {None, Decision.JOINED} else None


def stricter(wished: Controls, real: Controls) -> Controls:
    """Return controls that capture only what both sides allow."""
    return replace(
        wished,
        mic_muted=wished.mic_muted or real.mic_muted,
        camera_off=wished.camera_off or real.camera_off,
    )


class DesiredFile:
    """The will on disk. Without a valid file the room is muted, its camera off, and in no call."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Desired:
        """Read the will; a broken or missing file gives the safe one."""
        try:
            return _desired(json.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return Desired()
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as err:
            logger.warning("the stored wishes cannot be read (%s); starting muted and in no call", type(err).__name__)
            return Desired()

    def save(self, desired: Desired) -> None:
        """Write the will so that it survives a power cut."""
        replace_file(self._path, json.dumps(_json(desired)).encode())


def _json(desired: Desired) -> dict[str, Any]:
    return {
        "call": to_json(desired.call),
        "controls": to_json(desired.controls),
        "mic_preset": to_json(desired.mic_preset),
        "camera_preset": to_json(desired.camera_preset),
        "mark": to_json(desired.mark),
        "knew": to_json(desired.knew),
        "aim": to_json(desired.aim),
        "presets": to_json(desired.presets),
        "decided": {key: decision.value for key, decision in desired.decided.items()},
    }


def _desired(data: Any) -> Desired:
    return Desired(
        call=None if data["call"] is None else from_json(CallWish, data["call"]),
        controls=from_json(Controls, data["controls"]),
        mic_preset=_preset(data["mic_preset"]),
        camera_preset=_preset(data["camera_preset"]),
        decided=MappingProxyType({MeetingKey(k): Decision(v) for k, v in data["decided"].items()}),
        # an older room's file knows nothing of these
        mark=from_json(Mark, data.get("mark", {"series": "", "count": 0})),
        knew=None if data.get("knew") is None else from_json(Mark, data["knew"]),
        aim=from_json(CameraAim, data.get("aim", {})),
        presets=tuple(from_json(CameraPreset, preset) for preset in data.get("presets", ())),
    )


def _preset(data: Any) -> Preset | None:
    return None if data is None else from_json(Preset, data)
