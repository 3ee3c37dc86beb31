"""One stay in a LiveKit room, from the server's welcome to its goodbye: the conversation over the signalling."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping

from livekit.protocol import models, rtc

from appliance.errors import SalonError
from appliance.media.rtc.media import MediaIn
from appliance.media.rtc.peer import Peer
from appliance.meetings.livekit_publish import Publisher
from appliance.meetings.livekit_roster import Roster, Track
from appliance.meetings.livekit_signal import Signal
from appliance.meetings.provider import (
    Bound,
    Closed,
    Ended,
    Event,
    Joined,
    JoinFailed,
    Opened,
    RosterChanged,
    Slot,
    SpeakersChanged,
    Unbound,
)
from appliance.state.layout import Layout, Source
from appliance.state.room import Limits

logger = logging.getLogger(__name__)
MEDIA_S = 3.0
"""Without any packet for this long although somebody sends, the connection counts as dead."""
_LOOK_S = 0.5
_GRACE_S = 2.0
"""How long a new picture is received without being in the layout, which takes a moment to follow the roster."""
_DEFAULT_PING_S, _DEFAULT_SILENCE_S = 5.0, 15.0
_SHORTEST_PING_S = 1.0
_OURS = rtc.SignalTarget.PUBLISHER
_FINAL: Mapping[int, str] = {
    models.DisconnectReason.DUPLICATE_IDENTITY: "another device has joined the meeting as this room",
    models.DisconnectReason.PARTICIPANT_REMOVED: "somebody removed the room from the meeting",
    models.DisconnectReason.ROOM_DELETED: "the meeting was ended",
    models.DisconnectReason.ROOM_CLOSED: "the meeting was ended",
}
_SOURCES = {Slot.CAMERA: Source.CAMERA, Slot.SCREEN: Source.SCREEN}


class Stay:
    """Holds what the server said, answers it, and tells the room in the room's words."""

    def __init__(
        self,
        signal: Signal,
        subscriber: Peer,
        publisher: Peer,
        *,
        tell: Callable[[Event], None],
        muted: Mapping[Slot, bool],
    ) -> None:
        self._signal, self._subscriber, self._publisher_peer = signal, subscriber, publisher
        self._tell, self._muted = tell, muted
        self._publisher = Publisher(publisher, self._post, muted, closed=lambda slot: tell(Closed(slot)))
        self._outbox: asyncio.Queue[rtc.SignalRequest] = asyncio.Queue(1000)
        self._over: asyncio.Future[Ended] = asyncio.get_running_loop().create_future()
        self._roster = Roster("")
        self._layout, self._limits = Layout(), Limits()
        self._asked: dict[str, tuple[int, int, int] | None] = {}
        """What the server was told of each video track: width, height and pictures a second; None for hidden."""
        self._seen_at: dict[str, float] = {}
        self._unclaimed: dict[str, MediaIn] = {}
        """Streams of tracks the server has not introduced yet."""
        self._received: dict[str, MediaIn] = {}
        self._bound: dict[str, Track] = {}
        """Whose each received stream is, as the room was told."""
        self._heard_at = time.monotonic()
        self._ping_s, self._silence_s = _DEFAULT_PING_S, _DEFAULT_SILENCE_S
        subscriber.on_media = self._stream_came
        subscriber.on_state = publisher.on_state = self._peer_changed

    async def enter(self) -> None:
        """Wait for the server's welcome."""
        while (response := await self._signal.receive()) is not None:
            match response.WhichOneof("message"):
                case "join":
                    return self._welcome(response.join)
                case "leave":
                    raise JoinFailed(_reason(response.leave.reason) or "the meeting server sent the room away")
        raise JoinFailed("the meeting server hung up before letting the room in")

    async def run(self) -> Ended:
        """Stay until something ends it."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._receive(), name="livekit: receive"),
                group.create_task(self._send(), name="livekit: send"),
                group.create_task(self._keep_alive(), name="livekit: keep alive"),
                group.create_task(self._publish(), name="livekit: publish"),
                group.create_task(self._watch_media(), name="livekit: watch media"),
            ]
            ended = await self._over
            for task in tasks:
                task.cancel()
        return ended

    def set_layout(self, layout: Layout, limits: Limits) -> None:
        """Ask for what the layout shows, as far as the machine can bear it."""
        self._layout, self._limits = layout, limits
        self._ask_for_pictures()

    def tell_muted(self) -> None:
        """Tell the others what of ours is muted."""
        self._publisher.tell_muted()

    def share(self, *, sharing: bool) -> None:
        """Publish the room's shared screen, or take it away."""
        self._publisher.share(sharing=sharing)

    def _welcome(self, join: rtc.JoinResponse) -> None:
        self._roster = Roster(join.participant.sid)
        self._roster.update(join.other_participants)
        self._ping_s = max(float(join.ping_interval or _DEFAULT_PING_S), _SHORTEST_PING_S)
        self._silence_s = float(join.ping_timeout or _DEFAULT_SILENCE_S)
        self._publisher.allowed = join.participant.permission.can_publish or not join.participant.HasField("permission")
        self._publisher.choose_codec(join.enabled_publish_codecs)
        self._tell(Joined())
        self._tell(RosterChanged(self._roster.participants()))

    async def _receive(self) -> None:
        try:
            while (response := await self._signal.receive()) is not None:
                self._heard_at = time.monotonic()
                await self._handle(response)
            self._end("the meeting server hung up")
        except SalonError as err:
            self._end(str(err))

    async def _handle(self, response: rtc.SignalResponse) -> None:
        match response.WhichOneof("message"):
            case "offer":
                answer = await self._subscriber.accept_offer(response.offer.sdp)
                self._post(rtc.SignalRequest(answer=_description("answer", answer, response.offer.id)))
            case "answer":
                await self._publisher_peer.accept_answer(response.answer.sdp)
                for slot, out in self._publisher.answered():
                    self._tell(Opened(slot, out))
            case "trickle":
                await self._add_candidate(response.trickle)
            case "update":
                self._people_changed(response.update.participants)
            case "speakers_changed":
                self._tell(SpeakersChanged(self._roster.speaking(response.speakers_changed.speakers)))
            case "track_published":
                self._publisher.published(response.track_published)
            case "subscribed_quality_update":
                self._publisher.layers_wanted(response.subscribed_quality_update)
            case "leave":
                self._sent_away(response.leave)

    async def _add_candidate(self, trickle: rtc.TrickleRequest) -> None:
        peer = self._publisher_peer if trickle.target == _OURS else self._subscriber
        try:
            # an empty one only says that there are no more
            if trickle.candidateInit:
                await peer.add_candidate(trickle.candidateInit)
        except SalonError as err:
            logger.debug("one of the server's addresses was of no use: %s", err)

    def _people_changed(self, people: Iterable[models.ParticipantInfo]) -> None:
        self._roster.update(people)
        self._tell(RosterChanged(self._roster.participants()))
        for sid in list(self._unclaimed):
            self._claim(sid)
        self._forget_pictures()
        self._ask_for_pictures()

    def _sent_away(self, leave: rtc.LeaveRequest) -> None:
        final = leave.action == rtc.LeaveRequest.DISCONNECT and leave.reason in _FINAL
        self._end(_reason(leave.reason) or "the meeting server closed the connection", retryable=not final)

    def _stream_came(self, media: MediaIn) -> None:
        sid = _track_sid(media)
        self._unclaimed[sid] = media
        media.on_end = lambda: self._stream_went(sid, media)
        self._claim(sid)

    def _claim(self, sid: str) -> None:
        """Hand a stream to the room once it is known whose it is."""
        track = self._roster.track(sid)
        if track is None:
            return
        media = self._unclaimed.pop(sid)
        self._received[sid] = media
        self._bound[sid] = track
        self._tell(Bound(track.person, track.slot, media))

    def _stream_went(self, sid: str, media: MediaIn) -> None:
        if self._unclaimed.get(sid) is media:
            del self._unclaimed[sid]
        if self._received.get(sid) is media:
            del self._received[sid]
            track = self._bound.pop(sid)
            self._asked.pop(sid, None)
            self._tell(Unbound(track.person, track.slot, media))

    def _ask_for_pictures(self) -> None:
        """Tell the server the size of each picture on the TV, and which are not on it; only what changed."""
        limits = self._limits
        wanted = {(tile.person, tile.source): (*limits.size(tile), limits.fps) for tile in self._layout.tiles}
        now = time.monotonic()
        for track in self._roster.videos():
            want = wanted.get((track.person, _SOURCES[track.slot]))
            seen_at = self._seen_at.setdefault(track.sid, now)
            if self._asked.get(track.sid, ()) == want or (want is None and now - seen_at < _GRACE_S):
                continue
            self._asked[track.sid] = want
            width, height, fps = want or (0, 0, 0)
            setting = rtc.UpdateTrackSettings(
                track_sids=[track.sid], disabled=want is None, width=width, height=height, fps=fps
            )
            self._post(rtc.SignalRequest(track_setting=setting))

    def _forget_pictures(self) -> None:
        """Forget those that are gone: a camera that goes off and on is a new track each time."""
        there = {track.sid for track in self._roster.videos()}
        for known in (self._asked, self._seen_at):
            for sid in known.keys() - there:
                del known[sid]

    async def _publish(self) -> None:
        try:
            await self._publisher.run()
        except SalonError as err:
            self._end(str(err))

    async def _keep_alive(self) -> None:
        """Ping, as servers expect of a client, and notice a server that has gone without a word."""
        while True:
            ping = rtc.Ping(timestamp=time.time_ns() // 1_000_000)
            self._post(rtc.SignalRequest(ping_req=ping))
            await asyncio.sleep(self._ping_s)
            if time.monotonic() - self._heard_at > self._silence_s:
                self._end("the meeting server does not answer any more")

    async def _watch_media(self) -> None:
        """Notice a connection that has died: its own consent check takes half a minute."""
        packets, since = 0, time.monotonic()
        while True:
            await asyncio.sleep(_LOOK_S)
            self._ask_for_pictures()
            count = sum(media.stats().packets for media in self._received.values())
            if count != packets or not packets or not self._somebody_sends():
                packets, since = count, time.monotonic()
            elif time.monotonic() - since > MEDIA_S:
                self._end("picture and sound stopped coming")

    def _somebody_sends(self) -> bool:
        hidden = {sid for sid, want in self._asked.items() if want is None}
        return bool(self._roster.sending & self._received.keys() - hidden)

    def _peer_changed(self, state: str) -> None:
        if state == "failed":
            self._end("the connection for picture and sound broke")

    async def _send(self) -> None:
        try:
            while True:
                await self._signal.send(await self._outbox.get())
        except ConnectionError:
            self._end("the connection to the meeting server broke")

    def _post(self, request: rtc.SignalRequest) -> None:
        try:
            self._outbox.put_nowait(request)
        except asyncio.QueueFull:
            self._end("the meeting server does not take what the room says")

    def _end(self, reason: str, *, retryable: bool = True) -> None:
        if not self._over.done():
            self._over.set_result(Ended(reason, retryable))


def _track_sid(media: MediaIn) -> str:
    """Return the track's sid from the msid, which reads `PA_…|TR_…` and then `TR_…`."""
    return media.track_id if media.track_id.startswith("TR_") else media.stream_id.rpartition("|")[2]


def _description(kind: str, sdp: str, number: int) -> rtc.SessionDescription:
    return rtc.SessionDescription(type=kind, sdp=sdp, id=number)


def _reason(reason: int) -> str:
    return _FINAL.get(reason, "")
