"""Who is in a LiveKit room and what each of them sends, kept from the server's updates."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from livekit.protocol import models

from appliance.meetings.provider import Slot
from appliance.state.clean import clean_text
from appliance.state.layout import PersonId
from appliance.state.room import Participant

_SLOTS = {
    models.TrackSource.MICROPHONE: Slot.MICROPHONE,
    models.TrackSource.CAMERA: Slot.CAMERA,
    models.TrackSource.SCREEN_SHARE: Slot.SCREEN,
    models.TrackSource.SCREEN_SHARE_AUDIO: Slot.SCREEN_AUDIO,
}
_BY_KIND = {models.TrackType.AUDIO: Slot.MICROPHONE, models.TrackType.VIDEO: Slot.CAMERA}
_MOST_PEOPLE = 1000
_LONGEST_IDENTITY = 256
"""LiveKit's own limit. Who is beyond either is not shown: a roster without end would stop the room's programs."""
VIDEO = frozenset({Slot.CAMERA, Slot.SCREEN})


@dataclass(frozen=True, slots=True)
class Track:
    """One stream somebody sends."""

    sid: str
    person: PersonId
    slot: Slot
    muted: bool


class Roster:
    """Everybody else. A person is known by identity, which survives a re-join."""

    def __init__(self, own_sid: str) -> None:
        self._own_sid = own_sid
        self._people: dict[str, models.ParticipantInfo] = {}
        self._tracks: dict[str, Track] = {}
        self._levels: dict[str, float] = {}

    def update(self, people: Iterable[models.ParticipantInfo]) -> None:
        """Take what the server says about some people."""
        for info in people:
            if info.sid == self._own_sid:
                continue
            if info.state == models.ParticipantInfo.DISCONNECTED or info.permission.hidden:
                self._people.pop(info.sid, None)
                self._levels.pop(info.sid, None)
            elif self._bearable(info):
                self._people[info.sid] = info
        self._tracks = {track.sid: track for info in self._people.values() for track in _tracks(info)}

    def _bearable(self, info: models.ParticipantInfo) -> bool:
        known = info.sid in self._people
        return len(info.identity) <= _LONGEST_IDENTITY and (known or len(self._people) < _MOST_PEOPLE)

    def speaking(self, speakers: Iterable[models.SpeakerInfo]) -> tuple[PersonId, ...]:
        """Take who began or stopped speaking; return all who speak, loudest first."""
        for speaker in speakers:
            if speaker.active and speaker.sid in self._people:
                self._levels[speaker.sid] = speaker.level
            else:
                self._levels.pop(speaker.sid, None)
        loudest = sorted(self._levels, key=lambda sid: -self._levels[sid])
        return tuple(PersonId(self._people[sid].identity) for sid in loudest)

    def participants(self) -> tuple[Participant, ...]:
        """Return everybody else, in the order they came."""
        return tuple(_participant(info, list(_tracks(info))) for info in self._people.values())

    def track(self, sid: str) -> Track | None:
        """Return the track of that sid, None for one the server has not told of (yet)."""
        return self._tracks.get(sid)

    def videos(self) -> tuple[Track, ...]:
        """Return all cameras and screens."""
        return tuple(track for track in self._tracks.values() if track.slot in VIDEO)

    @property
    def sending(self) -> frozenset[str]:
        """The sids of the tracks that should carry media now."""
        return frozenset(track.sid for track in self._tracks.values() if not track.muted)


def _tracks(info: models.ParticipantInfo) -> Iterator[Track]:
    for track in info.tracks:
        slot = _SLOTS.get(track.source) or _BY_KIND.get(track.type)
        if slot is not None:
            yield Track(track.sid, PersonId(info.identity), slot, track.muted)


def _participant(info: models.ParticipantInfo, tracks: list[Track]) -> Participant:
    on = {track.slot for track in tracks if not track.muted}
    return Participant(
        PersonId(info.identity),
        clean_text(info.name) or clean_text(info.identity) or "Guest",
        mic_muted=Slot.MICROPHONE not in on,
        camera_on=Slot.CAMERA in on,
        screen_on=Slot.SCREEN in on,
    )
