"""The daemon's ends of its links: each seat publishes what is wished there and takes in what is reported."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial

from appliance.desired import Desired, adopt, hearing
from appliance.link.distance import why_far
from appliance.link.messages import LinkError
from appliance.link.server import Peer
from appliance.service import utc_now
from appliance.state.commands import Ack, Command, Origin
from appliance.state.events import DisplayLost, DisplayReported, MediaLost, MediaReported
from appliance.state.latest import Latest
from appliance.state.room import Boot
from appliance.state.store import RoomStore
from appliance.state.wire import BadValue, from_json, to_json, untagged
from appliance.state.wishes import DisplayReport, DisplayWish, MediaReport, MediaWish, StreamStats

logger = logging.getLogger(__name__)


class MediaSeat:
    """Where `salon media` sits. It must report before it is told anything: its truth is adopted first."""

    def __init__(self, store: RoomStore, boot: Boot, *, change: Callable[..., Awaitable[None]]) -> None:
        self._store = store
        self._change = change
        self._wishes: Latest[MediaWish] = Latest()
        self._wish = MediaWish(boot, 0)
        self._call_rev = 0
        self._seated: Peer | None = None
        self.streams: tuple[StreamStats, ...] = ()
        """How media's streams did lately."""
        self.reported = asyncio.Event()
        """Set once a media has reported for the first time."""

    def wish(self, wish: MediaWish) -> None:
        """Publish what media should do; `rev` is counted here."""
        same = replace(wish, rev=self._wish.rev)
        if same == self._wish:
            return
        wish = replace(wish, rev=self._wish.rev + 1)
        if wish.call != self._wish.call:
            self._call_rev = wish.rev
        self._wish = wish
        self._wishes.put(wish)

    async def serve(self, peer: Peer) -> None:
        """Talk with one media until it goes; a newer one takes the seat, and is the only one heard."""
        if self._seated is not None:
            logger.warning("another media connected; the one before is not heard any more")
            self._seated.hang_up()
        self._seated = peer
        publisher: asyncio.Task[None] | None = None
        try:
            async for report in self._reports(peer):
                if publisher is None:
                    await self._adopt(report)
                    publisher = asyncio.create_task(self._publish(peer), name="media wishes")
                await self._change(partial(hearing, touch=report.touch, now=utc_now()))
                if self._seated is peer:  # adopting takes its time
                    self._take(report)
        finally:
            if publisher is not None:
                publisher.cancel()
                await asyncio.gather(publisher, return_exceptions=True)
            if self._seated is peer:
                self._seated = None
                self.streams = ()
                self._store.apply(MediaLost())

    async def _reports(self, peer: Peer) -> AsyncIterator[MediaReport]:
        async for message in peer.messages():
            if self._seated is not peer:  # said before it hung up
                return
            if message.kind != "report":
                raise LinkError(f"media said {message.kind!r}; it may only report")
            yield from_json(MediaReport, message.body)

    async def _adopt(self, report: MediaReport) -> None:
        def adopted(desired: Desired) -> Desired:
            after = adopt(desired, report, utc_now())
            return desired if after == desired else after

        await self._change(adopted)
        self.reported.set()

    def _take(self, report: MediaReport) -> None:
        self.streams = report.streams
        applied = report.applied
        current = applied is not None and applied.boot == self._wish.boot and applied.rev >= self._call_rev
        self._store.apply(MediaReported(report, current=current))

    async def _publish(self, peer: Peer) -> None:
        async for wish in self._wishes.values():
            peer.offer("wish", to_json(wish))


class DisplaySeat:
    """Where `salon display` sits: it is told the whole public room, and reports what is on the screen."""

    def __init__(self, store: RoomStore, boot: Boot) -> None:
        self._store = store
        self._boot = boot
        self._seated: Peer | None = None

    async def serve(self, peer: Peer) -> None:
        """Talk with one display until it goes."""
        self._seated = peer
        publisher = asyncio.create_task(self._publish(peer), name="display wishes")
        try:
            async for message in peer.messages():
                if message.kind != "report":
                    raise LinkError(f"display said {message.kind!r}; it may only report")
                self._store.apply(DisplayReported(from_json(DisplayReport, message.body)))
        finally:
            publisher.cancel()
            await asyncio.gather(publisher, return_exceptions=True)
            if self._seated is peer:
                self._seated = None
                self._store.apply(DisplayLost())

    async def _publish(self, peer: Peer) -> None:
        async for state in self._store.watch():
            peer.offer("wish", to_json(DisplayWish(self._boot, state.rev, state)))


class CommandSeat:
    """Where panels and the CLI sit: they see the room, may command, and each command is answered."""

    def __init__(
        self,
        store: RoomStore,
        origin_of: Callable[[Peer], Origin],
        dispatch: Callable[[Command, Origin], Awaitable[Ack]],
        *,
        touch: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """`touch` holds for as long as a panel in the room is connected."""
        self._store = store
        self._origin_of = origin_of
        self._dispatch = dispatch
        self._touch = touch

    async def serve(self, peer: Peer) -> None:
        """Talk with one panel or command until it goes; who it is, is asked once, as it comes."""
        origin = await asyncio.to_thread(self._origin_of, peer)
        with self._touch() if origin is Origin.TOUCH else nullcontext():
            await self._converse(peer, origin)

    async def _converse(self, peer: Peer, origin: Origin) -> None:
        publisher = asyncio.create_task(show_states(self._store, peer), name="states")
        try:
            async for message in peer.messages():
                if message.kind != "command":
                    raise LinkError(f"{message.kind!r} is not a command")
                ack = await self._answer(message.body, origin)
                # before it goes the room as it is now: whoever asked judges by that
                peer.offer("state", to_json(self._store.state))
                peer.offer("ack", to_json(ack), message.id)
        finally:
            publisher.cancel()
            await asyncio.gather(publisher, return_exceptions=True)

    async def _answer(self, body: object, origin: Origin) -> Ack:
        try:
            command: Command = untagged(Command, body)
        except BadValue as err:
            return Ack.refused(f"The room does not understand that: {err}")
        return await self._dispatch(command, origin)


def origin_at_panel(peer: Peer, *, installed: bool) -> Origin:
    """A touch, if the peer on the panel's socket is a panel in the room; from anywhere else no more than the CLI."""
    why = why_far(peer.who.pid, installed=installed)
    if not why:
        return Origin.TOUCH
    logger.info("the panel of pid %s (%s) can neither unmute nor switch the camera on", peer.who.pid, why)
    return Origin.CLI


class WatchSeat:
    """Where watchers sit: they see the room and may say nothing.

    How streams do is told once, as a watcher comes. It changes every other second, and is no part of the state, which
    panel and TV would otherwise draw anew as often.
    """

    def __init__(self, store: RoomStore, streams: Callable[[], tuple[StreamStats, ...]]) -> None:
        self._store, self._streams = store, streams

    async def serve(self, peer: Peer) -> None:
        """Show the room until the watcher goes."""
        peer.offer("streams", to_json(self._streams()))
        publisher = asyncio.create_task(show_states(self._store, peer), name="states")
        try:
            async for message in peer.messages():
                raise LinkError(f"a watcher said {message.kind!r}; it may only read")
        finally:
            publisher.cancel()
            await asyncio.gather(publisher, return_exceptions=True)


async def show_states(store: RoomStore, peer: Peer) -> None:
    """Offer the newest state, for ever."""
    async for state in store.watch():
        peer.offer("state", to_json(state))
