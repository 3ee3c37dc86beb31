"""One participant's life in a room: signalling over its WebSocket, a publisher and a subscriber."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from aiohttp import WSMsgType, web
from google.protobuf.message import DecodeError
from livekit.protocol import models, rtc

from appliance.errors import SalonError
from appliance.hub.counters import Counters, Refusal
from appliance.hub.keys import Grant, plain_name
from appliance.hub.limits import Bucket
from appliance.hub.outbox import Outbox
from appliance.hub.publisher import Publisher, cids
from appliance.hub.subscriber import NoAnswer, Subscriber
from appliance.hub.tracks import Track, new_sid

logger = logging.getLogger(__name__)

PING_INTERVAL_S = 5
PING_TIMEOUT_S = 15
TICK_S = 0.5
_MAX_BAD = 20
_MAX_METADATA = 4096
_MAX_CID = 256
_Reason = models.DisconnectReason
_Action = rtc.LeaveRequest.Action


class RoomView(Protocol):
    """What a session needs of its room."""

    def changed(self, session: "Session") -> None:
        """Tell everybody about this participant's tracks or name."""

    def heard(self, session: "Session", level: int) -> None:
        """Note how loud the participant is."""

    def deliver(self, session: "Session", data: bytes, *, reliable: bool) -> None:
        """Pass data on to the others."""


class Session:
    """A participant."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        grant: Grant,
        *,
        room: RoomView,
        addresses: Callable[[], Sequence[str]],
        counters: Counters,
        everything: bool = True,
    ) -> None:
        self.sid = new_sid("PA")
        self.grant = grant
        self.name = grant.name
        self.metadata = ""
        self.attributes: dict[str, str] = {}
        self._socket = socket
        self._room = room
        self._counters = counters
        self._joined = time.time_ns()
        self._version = 0
        self._outbox = Outbox()
        self._ending = False
        self._bad = 0
        self._messages = Bucket(200, 50)
        self._data = Bucket(400, 200)
        self.publisher = Publisher(
            name=self.sid,
            addresses=addresses,
            on_change=lambda: room.changed(self),
            on_level=lambda level: room.heard(self, level),
            on_data=self._data_arrived,
            on_state=self._state_changed,
            on_wanted=lambda update: self.send(rtc.SignalResponse(subscribed_quality_update=update)),
        )
        self.subscriber = Subscriber(
            name=self.sid, addresses=addresses, send=self.send, on_state=self._state_changed, everything=everything
        )

    @property
    def identity(self) -> str:
        """Who it is; one person is once in a room."""
        return self.grant.identity

    def info(self, *, gone: bool = False) -> models.ParticipantInfo:
        """Describe the participant to others."""
        self._version += 1
        state = models.ParticipantInfo.State
        return models.ParticipantInfo(
            sid=self.sid,
            identity=self.identity,
            name=self.name,
            metadata=self.metadata,
            attributes=self.attributes,
            state=state.DISCONNECTED if gone else state.ACTIVE,
            tracks=[] if gone else [track.info for track in self.publisher.shown],
            joined_at=self._joined // 1_000_000_000,
            joined_at_ms=self._joined // 1_000_000,
            is_publisher=bool(self.publisher.tracks),
            version=self._version,
            permission=models.ParticipantPermission(
                can_subscribe=self.grant.can_subscribe,
                can_publish=self.grant.can_publish,
                can_publish_data=self.grant.can_send_data,
                can_update_metadata=True,
            ),
        )

    def send(self, response: rtc.SignalResponse) -> None:
        """Send a signal soon; a participant that does not keep up is let go."""
        if not self._ending and not self._outbox.put(response.SerializeToString()):
            logger.warning("%s does not read its signals and is let go", self.sid)
            self._finish()

    def end(self, reason: "models.DisconnectReason", *, again: bool = False) -> None:
        """Send the participant away, or ask it to join again."""
        action = _Action.RECONNECT if again else _Action.DISCONNECT
        self.send(rtc.SignalResponse(leave=rtc.LeaveRequest(reason=reason, action=action, can_reconnect=again)))
        self._finish()

    async def run(self) -> None:
        """Serve the participant until it leaves or is sent away."""
        try:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(self._write(), name=f"{self.sid} signals out")
                negotiator = group.create_task(self._negotiate(), name=f"{self.sid} subscriber")
                clock = group.create_task(self._keep_time(), name=f"{self.sid} clock")
                await self._read()
                negotiator.cancel()
                clock.cancel()
                self._finish()
                await writer
        finally:
            await self.publisher.close()
            await self.subscriber.close()

    def _finish(self) -> None:
        """Let the last signals go out, then close the socket."""
        if not self._ending:
            self._ending = True
            self._outbox.end()

    async def _write(self) -> None:
        try:
            async for signal in self._outbox:
                async with asyncio.timeout(PING_TIMEOUT_S):
                    await self._socket.send_bytes(signal)
        except (ConnectionError, TimeoutError):
            logger.info("%s takes no more signals", self.sid)
        await self._socket.close()

    async def _negotiate(self) -> None:
        try:
            await self.subscriber.run()
        except (NoAnswer, SalonError) as err:
            self._counters.refuse(Refusal.DESCRIPTION)
            logger.info("%s could not be offered the others' streams: %s", self.sid, err)
            self.end(_Reason.STATE_MISMATCH, again=True)

    async def _keep_time(self) -> None:
        """Follow what the network bears and what others need; a mistake here ends this session and no other."""
        while True:
            await asyncio.sleep(TICK_S)
            self.subscriber.adapt(time.monotonic())
            self.publisher.look_at_needs()

    async def _read(self) -> None:
        while True:
            try:
                async with asyncio.timeout(PING_TIMEOUT_S):
                    message = await self._socket.receive()
            except TimeoutError:
                logger.info("%s was not heard of for %d s", self.sid, PING_TIMEOUT_S)
                return
            if message.type in {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}:
                return
            if not await self._take(message.data if message.type is WSMsgType.BINARY else None):
                return

    async def _take(self, data: bytes | None) -> bool:
        """Handle one signal; False when the participant is to be gone."""
        try:
            if data is None or not self._messages.take():
                raise ValueError("not a signal, or too many")  # noqa: TRY301 - counted below with the others
            request = rtc.SignalRequest.FromString(data)
            return await self._handle(request)
        except (DecodeError, ValueError, SalonError) as err:
            self._counters.refuse(Refusal.DESCRIPTION if isinstance(err, SalonError) else Refusal.MESSAGE)
            self._bad += 1
            logger.info("a signal of %s was refused: %s", self.sid, err)
            if self._bad >= _MAX_BAD:
                self.end(_Reason.STATE_MISMATCH)
                return False
            return True

    async def _handle(self, request: rtc.SignalRequest) -> bool:  # noqa: C901 - one line for each kind of signal
        match request.WhichOneof("message"):
            case "offer":
                await self._offered(request.offer)
            case "answer":
                self.subscriber.answered(request.answer.sdp, request.answer.id)
            case "trickle":
                await self._trickled(request.trickle)
            case "add_track":
                self._announced(request.add_track)
            case "mute":
                self._muted(request.mute)
            case "subscription":
                self.subscriber.choose(_sids(request.subscription), wanted=request.subscription.subscribe)
            case "track_setting":
                setting = request.track_setting
                # width and height are those of the place it is shown in; 0 is no limit
                height = setting.height or None
                self.subscriber.watch(setting.track_sids[:100], watched=not setting.disabled, height=height)
            case "update_metadata":
                self._renamed(request.update_metadata)
            case "ping":
                self.send(rtc.SignalResponse(pong=request.ping))
            case "ping_req":
                stamp = request.ping_req.timestamp
                pong = rtc.Pong(last_ping_timestamp=stamp, timestamp=time.time_ns() // 1_000_000)
                self.send(rtc.SignalResponse(pong_resp=pong))
            case "leave":
                return False
        return True

    async def _offered(self, offer: rtc.SessionDescription) -> None:
        if not self.grant.can_publish and not self.grant.can_send_data:
            raise ValueError("may not publish")
        answer = await self.publisher.answer(offer.sdp)
        self.send(rtc.SignalResponse(answer=rtc.SessionDescription(type="answer", sdp=answer, id=offer.id)))

    async def _trickled(self, trickle: rtc.TrickleRequest) -> None:
        if trickle.target == rtc.SignalTarget.SUBSCRIBER:
            await self.subscriber.add_candidate(trickle.candidateInit)
        else:
            await self.publisher.add_candidate(trickle.candidateInit)

    def _announced(self, request: rtc.AddTrackRequest) -> None:
        if any(len(cid) > _MAX_CID for cid in cids(request)):
            raise ValueError("a track's id is too long")
        track: Track | None = self.publisher.announce(request) if self.grant.can_publish else None
        if track is None:
            answer = rtc.RequestResponse.Reason
            reason = answer.LIMIT_EXCEEDED if self.grant.can_publish else answer.NOT_ALLOWED
            self._counters.refuse(Refusal.MESSAGE)
            # its cid tells which; the rest may be of any length
            refused = rtc.AddTrackRequest(cid=request.cid)
            self.send(rtc.SignalResponse(request_response=rtc.RequestResponse(reason=reason, add_track=refused)))
            return
        published = rtc.TrackPublishedResponse(cid=request.cid, track=track.info)
        self.send(rtc.SignalResponse(track_published=published))

    def _muted(self, request: rtc.MuteTrackRequest) -> None:
        if not self.publisher.set_muted(request.sid, muted=request.muted):
            raise ValueError("no such track")

    def _renamed(self, request: rtc.UpdateParticipantMetadata) -> None:
        metadata = request.metadata or self.metadata
        merged = {**self.attributes, **request.attributes}
        # an empty value takes an attribute away, as with LiveKit
        attributes = {name: value for name, value in merged.items() if value}
        if len(metadata) + sum(len(name) + len(value) for name, value in attributes.items()) > _MAX_METADATA:
            raise ValueError("too much metadata")
        self.name = plain_name(request.name) or self.name
        self.metadata, self.attributes = metadata, attributes
        self._room.changed(self)
        done = rtc.RequestResponse(request_id=request.request_id, reason=rtc.RequestResponse.Reason.OK)
        self.send(rtc.SignalResponse(request_response=done))

    def _data_arrived(self, data: bytes, reliable: bool) -> None:
        if not self.grant.can_send_data or not self._data.take():
            self._counters.refuse(Refusal.DATA)
            return
        self._room.deliver(self, data, reliable=reliable)

    def _state_changed(self, state: str) -> None:
        if state == "failed":
            logger.info("a media connection of %s failed", self.sid)
            self.end(_Reason.MEDIA_FAILURE, again=True)


def _sids(request: rtc.UpdateSubscription) -> list[str]:
    of_people = [sid for person in request.participant_tracks for sid in person.track_sids]
    return [*request.track_sids, *of_people][:100]
