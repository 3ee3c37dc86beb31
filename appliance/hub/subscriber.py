"""What one participant receives from the hub: a peer connection that the hub offers, one offer at a time."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from livekit.protocol import rtc

from appliance.hub.downlink import Downlink, Flow
from appliance.hub.layers import enough
from appliance.hub.tracks import Forward, Track
from appliance.media.rtc.peer import Peer

logger = logging.getLogger(__name__)

_ANSWER_S = 15.0
_ROOM = 1.25
"""Streams have no even rate."""


class NoAnswer(Exception):
    """The subscriber did not answer an offer in time."""


class Subscriber:
    """The receiving side of one participant."""

    def __init__(
        self,
        *,
        name: str,
        addresses: Callable[[], Sequence[str]],
        send: Callable[[rtc.SignalResponse], None],
        on_state: Callable[[str], None],
        everything: bool,
    ) -> None:
        self._name = name
        self._send = send
        self._peer = Peer(name=f"{name} subscriber", addresses=addresses, on_state=on_state)
        self._reliable = self._peer.add_channel("_reliable")
        self._lossy = self._peer.add_channel("_lossy", ordered=False, max_retransmits=0)
        self._available: dict[str, tuple[str, Track]] = {}
        """Track sid to the sid of who publishes it, and the track."""
        self._choices: dict[str, bool] = {}
        self._everything = everything
        self._unwatched: set[str] = set()
        self._heights: dict[str, int | None] = {}
        """How many pixels of a video the participant has room for."""
        self._forwards: dict[str, Forward] = {}
        self._owners: dict[str, str] = {}
        self._dirty = asyncio.Event()
        # the very first offer carries the data channels alone, so that the connection stands early
        self._dirty.set()
        self._offer_id = 0
        self._answer: asyncio.Future[str] | None = None
        self._downlink = Downlink()

    def offer_tracks(self, tracks: Iterable[tuple[str, Track]]) -> None:
        """Say what there is to receive: (participant sid, track) of everybody else."""
        self._available = {track.sid: (owner, track) for owner, track in tracks}
        self._unwatched &= self._available.keys()
        for wishes in (self._choices, self._heights):
            for sid in wishes.keys() - self._available.keys():
                del wishes[sid]
        self._dirty.set()

    def choose(self, sids: Iterable[str], *, wanted: bool) -> None:
        """Subscribe or unsubscribe by the participant's own choice."""
        self._choices.update(dict.fromkeys(self._available.keys() & set(sids), wanted))
        self._dirty.set()

    def watch(self, sids: Iterable[str], *, watched: bool, height: int | None = None) -> None:
        """Pause or resume tracks that the participant does not look at; learn how large it shows them."""
        for sid in self._available.keys() & set(sids):
            (self._unwatched.discard if watched else self._unwatched.add)(sid)
            self._heights[sid] = height
            if sid in self._forwards:
                self._forwards[sid].hold("unwatched", held=not watched)

    def answered(self, sdp: str, offer_id: int) -> None:
        """Take the answer to the offer of this number (0 from clients that do not count)."""
        waiting = self._answer
        if waiting is not None and not waiting.done() and offer_id in {0, self._offer_id}:
            waiting.set_result(sdp)

    async def add_candidate(self, candidate: str) -> None:
        """Take a trickled candidate."""
        await self._peer.add_candidate(candidate)

    def send_data(self, data: bytes, *, reliable: bool) -> bool:
        """Send a data packet."""
        return (self._reliable if reliable else self._lossy).send(data)

    async def run(self) -> None:
        """Offer what changed, one offer at a time; raises `NoAnswer` or what the answer was refused for."""
        offered: dict[str, str | None] | None = None
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            wanted = self._wanted()
            codecs = {sid: track.codec for sid, (_, track) in wanted.items()}
            # a name or a mute is nothing to negotiate
            if codecs == offered:
                continue
            offered = codecs
            begun = self._apply(wanted)
            await self._negotiate()
            # before the connection stands the picture would be lost and the next asked for a second too late
            if self._peer.state == "connected":
                for forward in begun:
                    forward.track.request_keyframe()

    async def close(self) -> None:
        """End everything."""
        for sid in list(self._forwards):
            self._unhook(sid)
        await self._peer.close()

    def adapt(self, now: float) -> None:
        """Choose the layer of each video; hold back those the network does not bear, and tell the participant which."""
        flows = self._flows(now)
        going = [forward for forward in self._forwards.values() if forward.went_on()]
        chosen = self._downlink.choose(
            flows,
            capacity=self._peer.capacity,
            loss=max((forward.out.stats().fraction_lost for forward in going), default=0.0),
            sounds=sum(forward.track.kind == "audio" for forward in going),
            now=now,
        )
        changed = []
        for flow in flows:
            forward, step = self._forwards[flow.sid], chosen[flow.sid]
            if forward.hold("network", held=step is None):
                changed.append(forward)
            if step is not None:
                forward.take_layer(step.name)
        if changed:
            self._send(rtc.SignalResponse(stream_state_update=self._stream_states(changed)))

    def _wanted(self) -> dict[str, tuple[str, Track]]:
        return {sid: entry for sid, entry in self._available.items() if self._choices.get(sid, self._everything)}

    def _apply(self, wanted: Mapping[str, tuple[str, Track]]) -> list[Forward]:
        """Add and remove what the next offer shall say; return what is new."""
        for sid, forward in list(self._forwards.items()):
            entry = wanted.get(sid)
            if entry is None or entry[1].codec != forward.out.codec:
                self._unhook(sid)
                self._peer.remove_out(forward.out)
        return [self._begin(owner, track) for sid, (owner, track) in wanted.items() if sid not in self._forwards]

    def _begin(self, owner: str, track: Track) -> Forward:
        out = self._peer.add_out(track.kind, track.codec or "", stream_id=f"{owner}|{track.sid}", track_id=track.sid)
        forward = Forward(track, out)
        forward.hold("unwatched", held=track.sid in self._unwatched)
        self._forwards[track.sid] = forward
        self._owners[track.sid] = owner
        track.add(forward)
        return forward

    def _unhook(self, sid: str) -> None:
        forward = self._forwards.pop(sid)
        del self._owners[sid]
        forward.track.remove(forward)

    async def _negotiate(self) -> None:
        self._offer_id += 1
        self._answer = asyncio.get_running_loop().create_future()
        sdp = await self._peer.offer()
        self._send(rtc.SignalResponse(offer=rtc.SessionDescription(type="offer", sdp=sdp, id=self._offer_id)))
        try:
            async with asyncio.timeout(_ANSWER_S):
                answer = await self._answer
        except TimeoutError as err:
            raise NoAnswer(f"{self._name} did not answer an offer") from err
        await self._peer.accept_answer(answer)

    def _flows(self, now: float) -> list[Flow]:
        """Return what there is to choose from of each video; nothing beyond the best of it is to be tried."""
        flows = []
        for forward in self._forwards.values():
            track = forward.track
            if track.kind == "video":
                steps = enough(track.steps(now), self._heights.get(track.sid)) if forward.watched else ()
                forward.out.limit(int(steps[-1].bitrate * _ROOM) if steps else 0)
                if steps:
                    flows.append(Flow(track.sid, steps, track.is_screen))
        return flows

    def _stream_states(self, forwards: Iterable[Forward]) -> rtc.StreamStateUpdate:
        return rtc.StreamStateUpdate(
            stream_states=[
                rtc.StreamStateInfo(
                    participant_sid=self._owners[forward.track.sid],
                    track_sid=forward.track.sid,
                    state=rtc.StreamState.PAUSED if "network" in forward.held else rtc.StreamState.ACTIVE,
                )
                for forward in forwards
            ]
        )
