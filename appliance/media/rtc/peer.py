"""One WebRTC connection under our rules: encoded frames in and out, signalling as strings, states as words."""

import asyncio
import contextlib
import json
import logging
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Self

from aiortc import RTCDataChannel, RTCRtpSender, RTCRtpTransceiver, RTCSessionDescription
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError
from aiortc.sdp import MediaDescription, SessionDescription

from appliance.errors import SalonError
from appliance.media.rtc.addresses import ice_addresses, is_mdns, is_udp, only_loopback
from appliance.media.rtc.channels import Channel
from appliance.media.rtc.feedback import Feedback
from appliance.media.rtc.frames import Capacity
from appliance.media.rtc.media import MediaIn, MediaOut
from appliance.media.rtc.native import library as native
from appliance.media.rtc.outgoing import OutTrack
from appliance.media.rtc.private import Connection, SenderPort
from appliance.media.rtc.sdp import BadDescription, Shaped, finish_local, msid, shape_remote
from appliance.media.rtc.sender import FrameQueue

logger = logging.getLogger(__name__)

_MAX_CANDIDATES = 64
_CLOSE_S = 3.0
_NEGOTIATE_S = 10.0
# what aiortc's parsers and state machine raise at descriptions that make no sense
_REFUSALS = (
    ValueError,
    AssertionError,
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
    InternalError,
    InvalidAccessError,
    InvalidStateError,
    OperationError,
)


class PeerClosed(SalonError):
    """The connection is closed already."""


class NoAddress(SalonError):
    """This machine has no address that media could use."""


@dataclass(slots=True)
class _Line:
    """A sending m-line; it outlives what is shown on it."""

    codec: str
    transceiver: RTCRtpTransceiver
    port: SenderPort
    queue: FrameQueue
    layers: tuple[str, ...] = ()
    """Simulcast layers that are offered; once answered, those that were taken. The last is the m-line's own sender."""
    queues: dict[str, FrameQueue] = field(default_factory=dict)
    out: MediaOut | None = None

    @property
    def mid(self) -> str:
        return self.transceiver.mid or ""

    def take(self, accepted: Sequence[str]) -> None:
        """Go on with the layers that the other side takes; with one of them, or none, it is no simulcast."""
        if not self.layers or self.transceiver.currentDirection is not None:
            return
        self.port.extensions.name_layer(self.layers[-1] if self.layers[-1] in accepted else "")
        if not set(self.layers) <= set(accepted):
            self.layers = ()
            self.queues.clear()
            self.port.layers.clear()


class Peer:
    """One peer connection. Use it as a context manager, or `close` it. One negotiation at a time: calls queue up."""

    def __init__(
        self,
        *,
        name: str,
        addresses: Callable[[], Sequence[str]] | None = None,
        on_state: Callable[[str], None] | None = None,
        on_media: Callable[[MediaIn], None] | None = None,
        on_channel: Callable[[Channel], None] | None = None,
        patient: bool = False,
    ) -> None:
        """`patient`: of many people's pictures, several may be handed on at once, each up to 24 ms later."""
        self.name = name
        self.on_state = on_state
        self.on_media = on_media
        self.on_channel = on_channel
        self._addresses = addresses if addresses is not None else lambda: ice_addresses("0.0.0.0")  # noqa: S104 - as wildcard
        self._feedback = Feedback(self._send_rtcp)
        library = native.load()
        self._connection = Connection(
            addresses=self._addresses,
            receivers=self._feedback.new_stream if library is None else self._feedback.new_native_stream,
            on_connected=self._on_connected,
            on_number=self._feedback.note_number,
            library=library,
            ssrc=self._feedback.ssrc,
            patient=patient,
        )
        self._connection.on("connectionstatechange", self._state_changed)
        self._connection.on("datachannel", self._channel_opened)
        self._incoming: dict[str, MediaIn] = {}
        self._lines: list[_Line] = []
        self._waiting_candidates: list[str] = []
        self._candidates: set[str] = set()
        self._described = False
        self._lock = asyncio.Lock()
        self._connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._broken = False
        self._mdns: asyncio.Queue[str] = asyncio.Queue(_MAX_CANDIDATES)
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def state(self) -> str:
        """new, connecting, connected, failed or closed."""
        broken = "failed" if self._broken else ""
        return "closed" if self._closed else broken or self._connection.connectionState

    @property
    def capacity(self) -> Capacity | None:
        """What the network carries of what is sent, None while nothing is known of it."""
        return self._connection.sending.capacity

    def add_out(self, kind: str, codec: str, *, stream_id: str, track_id: str, layers: Sequence[str] = ()) -> MediaOut:
        """Add a stream to send; it begins after the next offer is answered. Reuses an m-line that fell silent.

        `layers` are the names of its simulcast layers, the best last.
        """
        line = None if layers else self._idle_line(kind, codec)
        line = line or self._new_line(kind, codec, tuple(layers))
        line.port.name(stream_id, track_id)
        line.port.speaks = True
        line.transceiver.direction = "sendonly"
        out = MediaOut(kind, codec, port=line.port, line=line.transceiver, queue=line.queue, layers=line.queues)
        out.stream_id, out.track_id = stream_id, track_id
        line.out = out
        out.source_changed()
        return out

    def remove_out(self, out: MediaOut) -> None:
        """Stop a stream; the next offer says so to the other side."""
        out.closed = True
        for line in self._lines:
            if line.out is out:
                line.out = None
                line.port.speaks, line.port.on_bitrate = False, None
                line.transceiver.direction = "inactive"

    def add_channel(self, label: str, *, ordered: bool = True, max_retransmits: int | None = None) -> Channel:
        """Open a data channel; in a connection that is not offered yet, the next offer carries it."""
        return Channel(self._connection.createDataChannel(label, ordered=ordered, maxRetransmits=max_retransmits))

    async def offer(self) -> str:
        """Return an offer of all that was added and removed."""
        async with self._negotiating():
            await self._connection.setLocalDescription(await self._connection.createOffer())
            offered = {line.mid: line.layers for line in self._lines if line.layers and line.out is not None}
            return finish_local(self._local(), offered=offered)

    async def accept_answer(self, sdp: str) -> None:
        """Take the answer to our offer."""
        async with self._negotiating():
            shaped = shape_remote(sdp)
            for line in self._lines:
                line.take(shaped.accepted.get(line.mid, ()))
            await self._apply(shaped, "answer")

    async def accept_offer(self, sdp: str) -> str:
        """Take an offer and return the answer; `on_media` is called for every new stream before it returns."""
        async with self._negotiating():
            shaped = shape_remote(sdp)
            await self._apply(shaped, "offer")
            await self._connection.setLocalDescription(await self._connection.createAnswer())
            return finish_local(self._local(), shaped)

    async def add_candidate(self, candidate_init: str) -> None:
        """Take a trickled candidate, as the JSON of an RTCIceCandidateInit; may come before the description."""
        try:
            init = json.loads(candidate_init)
            candidate = init["candidate"] or "" if isinstance(init, dict) else None
        except (ValueError, KeyError, RecursionError) as err:
            raise BadDescription("a network candidate is not readable") from err
        if not isinstance(candidate, str):
            raise BadDescription("a network candidate is not readable")
        if candidate:
            await self._add_candidates([candidate])

    async def close(self) -> None:
        """End everything; safe to call again. What takes longer than the caller can wait goes on by itself."""
        if self._closed:
            return
        self._closed = True
        for media in self._incoming.values():
            media.end()
        # never cancelled: what aiortc had not come to yet would go on for ever
        self._ending = asyncio.create_task(self._end(), name=f"{self.name} ending")
        self._ending.add_done_callback(self._report)
        _, unfinished = await asyncio.wait([self._ending], timeout=_CLOSE_S)
        if unfinished:
            logger.warning("%s did not close within %.0f s", self.name, _CLOSE_S)
        self._tell("closed")

    async def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._connection.close()

    def _report(self, task: asyncio.Task[None]) -> None:
        """Say what ended one of our own tasks; a connection without its helpers is deaf, so it counts as failed."""
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        logger.error("%s failed", task.get_name(), exc_info=error)
        if not self._closed:
            self._broken = True
            self._tell("failed")

    @contextlib.asynccontextmanager
    async def _negotiating(self) -> AsyncIterator[None]:
        """Let one negotiation run at a time, within a limit, and speak our words when it is refused."""
        async with self._lock:
            if self._closed:
                raise PeerClosed(f"{self.name} is closed")
            if self._task is None:
                self._task = asyncio.create_task(self._run(), name=f"{self.name} feedback")
                self._task.add_done_callback(self._report)
            try:
                async with asyncio.timeout(_NEGOTIATE_S):
                    yield
            except SalonError:
                raise
            except TimeoutError as err:
                raise BadDescription(f"{self.name}: the negotiation took longer than {_NEGOTIATE_S:.0f} s") from err
            except _REFUSALS as err:
                reason = f"{type(err).__name__}: {err}"[:200]
                raise BadDescription(f"{self.name}: the session description was refused ({reason})") from err

    async def _apply(self, shaped: Shaped, kind: str) -> None:
        description = _parse(shaped.text)
        await self._connection.setRemoteDescription(RTCSessionDescription(sdp=shaped.text, type=kind))
        self._connection.announce(description)
        for media in description.media:
            if media.kind != "application":
                self._update_incoming(media, silent=media.rtp.muxId in shaped.rejected)
        self._described = True
        waiting, self._waiting_candidates = self._waiting_candidates, []
        await self._add_candidates([*shaped.candidates, *waiting])

    def _update_incoming(self, media: MediaDescription, *, silent: bool) -> None:
        mid = media.rtp.muxId
        port = self._connection.port(mid)
        sends = media.direction in {"sendonly", "sendrecv"} and not silent
        stream_id, track_id = msid(media)
        old = self._incoming.get(mid)
        if old is not None and sends and (old.stream_id, old.track_id) == (stream_id, track_id):
            return
        if old is not None:
            del self._incoming[mid]
            old.end()
        if sends and port is not None:
            new = MediaIn(media.kind, mid=mid, stream_id=stream_id, track_id=track_id, stream=port.stream)
            self._incoming[mid] = new
            if self.on_media is not None:
                self.on_media(new)

    def _local(self) -> str:
        text: str = self._connection.localDescription.sdp
        if "\na=candidate:" not in text:
            raise NoAddress(f"{self.name}: none of this machine's addresses can be used for media")
        return text

    async def _add_candidates(self, candidates: Sequence[str]) -> None:
        # every renegotiation repeats them all
        for candidate in dict.fromkeys(filter(is_udp, candidates)):
            if candidate in self._candidates or len(self._candidates) >= _MAX_CANDIDATES:
                continue
            if not self._described:
                self._waiting_candidates = [*self._waiting_candidates, candidate][:_MAX_CANDIDATES]
                continue
            self._candidates.add(candidate)
            if is_mdns(candidate):
                self._mdns.put_nowait(candidate)
            else:
                await self._add_candidate(candidate)

    async def _add_candidate(self, candidate: str) -> None:
        try:
            await self._connection.add_remote(candidate)
        except (ValueError, AssertionError, IndexError, OSError) as err:
            logger.debug("%s: a network candidate was refused: %s", self.name, err)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._feedback.run(), name=f"{self.name} feedback clock")
            group.create_task(self._connection.sending.run(), name=f"{self.name} pacer")
            group.create_task(self._finish_connecting(), name=f"{self.name} late streams")
            group.create_task(self._connection.handle_rtcp(), name=f"{self.name} RTCP")
            group.create_task(self._resolve_names(), name=f"{self.name} mDNS names")

    async def _finish_connecting(self) -> None:
        await self._connected.wait()
        await self._connection.connect_step()

    async def _resolve_names(self) -> None:
        """Look up the names that browsers hide addresses behind; takes a while, so never in a negotiation."""
        while True:
            candidate = await self._mdns.get()
            # such a name can only be another machine's, or one that reaches us anyhow
            if not only_loopback(self._addresses()):
                await self._add_candidate(candidate)

    async def _send_rtcp(self, data: bytes) -> None:
        await self._connection.send_rtcp(data)

    def _new_line(self, kind: str, codec: str, layers: tuple[str, ...] = ()) -> _Line:
        def starved() -> None:
            if line.out is not None and line.out.on_keyframe_request is not None:
                line.out.on_keyframe_request()

        def asked(layer: str) -> None:
            if line.out is not None:
                line.out.keyframe_requested(layer)

        queue = FrameQueue(kind, codec, on_starved=starved)
        transceiver, port = self._connection.add_sender(OutTrack(kind, queue))
        capabilities = RTCRtpSender.getCapabilities(kind).codecs
        transceiver.setCodecPreferences([c for c in capabilities if c.name.lower() in {codec.lower(), "rtx"}])
        line = _Line(codec, transceiver, port, queue, layers)
        port.on_keyframe_request = partial(asked, layers[-1] if layers else "")
        for rid in layers[:-1]:
            line.queues[rid] = FrameQueue(kind, codec, on_starved=starved)
            port.add_layer(rid, OutTrack(kind, line.queues[rid])).on_keyframe_request = partial(asked, rid)
        self._lines.append(line)
        return line

    def _idle_line(self, kind: str, codec: str) -> _Line | None:
        for line in self._lines:
            transceiver = line.transceiver
            silent = line.out is None and not line.layers and transceiver.currentDirection == "inactive"
            if silent and transceiver.kind == kind and line.codec == codec:
                return line
        return None

    def _on_connected(self) -> None:
        if self._connection.native is not None:
            self._feedback.begin_natively(self._connection.native)
        self._connected.set()

    def _state_changed(self) -> None:
        if not self._closed:
            self._tell(self.state)

    def _channel_opened(self, channel: RTCDataChannel) -> None:
        if self.on_channel is not None:
            self.on_channel(Channel(channel))

    def _tell(self, state: str) -> None:
        logger.debug("%s is %s", self.name, state)
        if self.on_state is not None:
            self.on_state(state)


def _parse(text: str) -> SessionDescription:
    try:
        return SessionDescription.parse(text)
    except (*_REFUSALS, StopIteration) as err:
        # StopIteration would come out of a coroutine as a RuntimeError
        raise BadDescription(f"the session description makes no sense ({type(err).__name__})") from err
