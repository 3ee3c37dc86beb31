"""Who speaks: loudness of sound packets to a list that does not flicker. Pure; time comes in."""

from dataclasses import dataclass

_BEGIN = 0.02
_GO_ON = 0.008
"""Loudness, 1 is full scale: what it takes to begin to be a speaker, and to stay one."""
_HOLD_S = 1.2
_NOTEWORTHY = 0.1


@dataclass(frozen=True, slots=True)
class Speaking:
    """How somebody speaks now."""

    sid: str
    level: float
    active: bool


@dataclass(slots=True)
class _Voice:
    loudness: float = 0.0
    loud_at: float = float("-inf")
    active: bool = False
    told: float = 0.0


class Speakers:
    """The voices of one room."""

    def __init__(self) -> None:
        self._voices: dict[str, _Voice] = {}
        self._gone: set[str] = set()

    def hear(self, sid: str, level: int, now: float) -> None:
        """Take the level of one packet, in dB below full scale (RFC 6464)."""
        voice = self._voices.setdefault(sid, _Voice())
        amplitude = 0.0 if level >= 127 else 10.0 ** (-level / 20)
        # rises at once, falls slowly, as an eye on a meter expects
        rate = 0.5 if amplitude > voice.loudness else 0.05
        voice.loudness += (amplitude - voice.loudness) * rate
        if voice.loudness > (_GO_ON if voice.active else _BEGIN):
            voice.loud_at = now

    def silence(self, sid: str) -> None:
        """Somebody muted the microphone: no packets will say so."""
        if sid in self._voices:
            voice = self._voices[sid]
            voice.loudness, voice.loud_at = 0.0, float("-inf")

    def remove(self, sid: str) -> None:
        """Somebody left; clients that heard of a speaker want to hear of the end."""
        self.silence(sid)
        self._gone.add(sid)

    def changes(self, now: float) -> list[Speaking]:
        """Return everybody who speaks or just ceased to, loudest first; nothing when nothing noteworthy happened."""
        speaking, noteworthy = [], False
        for sid, voice in self._voices.items():
            was, voice.active = voice.active, now - voice.loud_at < _HOLD_S
            # a level for the eye: ordinary speech is near -30 dB and should fill a good part of the bar
            level = min(voice.loudness * 8, 1.0) if voice.active else 0.0
            noteworthy |= was != voice.active or (voice.active and abs(level - voice.told) > _NOTEWORTHY)
            if was or voice.active:
                speaking.append(Speaking(sid, level, voice.active))
        for sid in self._gone:
            self._voices.pop(sid, None)
        self._gone.clear()
        if not noteworthy:
            return []
        for change in speaking:
            if change.sid in self._voices:
                self._voices[change.sid].told = change.level
        return sorted(speaking, key=lambda change: -change.level)
