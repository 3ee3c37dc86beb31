"""One meeting: who is in it, what each publishes, and who hears of what."""

import asyncio
import time
from collections.abc import Iterable

from google.protobuf.message import DecodeError
from livekit.protocol import models, rtc

from appliance.hub.counters import Counters, Refusal
from appliance.hub.session import PING_INTERVAL_S, PING_TIMEOUT_S, TICK_S, Session
from appliance.hub.speakers import Speakers
from appliance.hub.tracks import new_sid

_VERSION = "1.9.0"
"""The LiveKit server whose signalling this hub speaks; clients choose features by it."""
_PROTOCOL = 16
_CODECS = ("video/VP8", "video/H264", "audio/opus")
_Reason = models.DisconnectReason


class Room:
    """A meeting that exists while somebody is in it."""

    def __init__(self, name: str, *, places: int, counters: Counters) -> None:
        """`places` is how many people fit in."""
        self.name = name
        self._places = places
        self.sid = new_sid("RM")
        self.sessions: dict[str, Session] = {}
        """By identity."""
        self._counters = counters
        self._speakers = Speakers()
        self._created = time.time_ns()

    @property
    def full(self) -> bool:
        """Whether nobody else fits in."""
        return len(self.sessions) >= self._places

    def enter(self, session: Session) -> None:
        """Let somebody in; who was here under the same identity goes."""
        older = self.sessions.pop(session.identity, None)
        if older is not None:
            self._tell_gone(older)
            older.end(_Reason.DUPLICATE_IDENTITY)
        others = list(self.sessions.values())
        self.sessions[session.identity] = session
        session.send(rtc.SignalResponse(join=self._welcome(session, others)))
        self._tell(others, session.info())
        self._offer(session)

    def exit(self, session: Session) -> None:
        """Let somebody go; safe for who is gone already."""
        if self._has(session):
            del self.sessions[session.identity]
            self._tell_gone(session)

    def changed(self, session: Session) -> None:
        """Tell everybody about this participant's tracks or name, then offer them what is new."""
        if not self._has(session):
            return
        for track in session.publisher.tracks.values():
            if track.kind == "audio" and track.info.muted:
                self._speakers.silence(session.sid)
        # the update goes first: a stream of somebody unknown would be thrown away
        self._tell(self.sessions.values(), session.info())
        for other in self.sessions.values():
            if other is not session:
                self._offer(other)

    def heard(self, session: Session, level: int) -> None:
        """Note how loud the participant is."""
        if self._has(session):
            self._speakers.hear(session.sid, level, time.monotonic())

    def deliver(self, session: Session, data: bytes, *, reliable: bool) -> None:
        """Pass data on to the others, or to those it is meant for; the hub says who it is from."""
        if not self._has(session):
            return
        try:
            packet = models.DataPacket.FromString(data)
        except DecodeError:
            self._counters.refuse(Refusal.DATA)
            return
        if packet.WhichOneof("value") in {None, "speaker"}:
            self._counters.refuse(Refusal.DATA)
            return
        packet.participant_identity, packet.participant_sid = session.identity, session.sid
        meant = set(packet.destination_identities)
        if packet.HasField("user"):
            packet.user.participant_identity, packet.user.participant_sid = session.identity, session.sid
            meant |= set(packet.user.destination_identities)
        stamped = packet.SerializeToString()
        for other in self.sessions.values():
            if other is not session and (not meant or other.identity in meant):
                other.subscriber.send_data(stamped, reliable=reliable)

    async def run(self) -> None:
        """Tell everybody who speaks, at most twice a second."""
        while self.sessions:
            await asyncio.sleep(TICK_S)
            speakers = [
                models.SpeakerInfo(sid=change.sid, level=change.level, active=change.active)
                for change in self._speakers.changes(time.monotonic())
            ]
            if speakers:
                for session in self.sessions.values():
                    session.send(rtc.SignalResponse(speakers_changed=rtc.SpeakersChanged(speakers=speakers)))

    def close(self) -> None:
        """Send everybody away: the hub stops. If it only starts again, they are back by themselves."""
        for session in list(self.sessions.values()):
            session.end(_Reason.SERVER_SHUTDOWN, again=True)

    def _has(self, session: Session) -> bool:
        """Whether it is in the room still: somebody who came again is another session."""
        return self.sessions.get(session.identity) is session

    def _welcome(self, session: Session, others: list[Session]) -> rtc.JoinResponse:
        return rtc.JoinResponse(
            room=models.Room(
                sid=self.sid,
                name=self.name,
                max_participants=self._places,
                num_participants=len(self.sessions),
                creation_time=self._created // 1_000_000_000,
                creation_time_ms=self._created // 1_000_000,
                enabled_codecs=[models.Codec(mime=mime) for mime in _CODECS],
            ),
            participant=session.info(),
            other_participants=[other.info() for other in others],
            server_version=_VERSION,
            server_info=models.ServerInfo(
                edition=models.ServerInfo.Edition.Standard, version=_VERSION, protocol=_PROTOCOL
            ),
            subscriber_primary=True,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
            enabled_publish_codecs=[models.Codec(mime=mime) for mime in _CODECS],
        )

    def _offer(self, session: Session) -> None:
        if session.grant.can_subscribe:
            others = [other for other in self.sessions.values() if other is not session]
            session.subscriber.offer_tracks((other.sid, track) for other in others for track in other.publisher.shown)

    def _tell_gone(self, session: Session) -> None:
        self._speakers.remove(session.sid)
        self._tell(self.sessions.values(), session.info(gone=True))
        for other in self.sessions.values():
            self._offer(other)

    def _tell(self, sessions: Iterable[Session], info: models.ParticipantInfo) -> None:
        update = rtc.SignalResponse(update=rtc.ParticipantUpdate(participants=[info]))
        for session in sessions:
            session.send(update)
