"""Meetings on a LiveKit server or on Salon's hub, which speaks the same signalling: two connections, protocol 16."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from appliance.media.rtc.addresses import addresses_towards
from appliance.media.rtc.peer import Peer
from appliance.meetings.livekit_link import GuestLink, RoomLink, Server, Ticket, mint, read_link
from appliance.meetings.livekit_signal import LiveKitHttp, Signal
from appliance.meetings.livekit_stay import Stay
from appliance.meetings.provider import Ended, Event, JoinFailed, JoinSpec, Slot
from appliance.state.layout import Layout
from appliance.state.room import Limits

JOIN_S = 15.0


class LiveKit:
    """The provider: knows which links are LiveKit's."""

    name = "LiveKit"

    def __init__(
        self,
        *,
        identity: str,
        servers: Mapping[str, Server] | None = None,
        ca_file: str = "",
        hub_certificate: Path | None = None,
    ) -> None:
        """`identity` names this room to servers whose keys it has; `servers` are by the host in their links."""
        self._identity = identity
        self._servers = servers or {}
        self._http = LiveKitHttp(ca_file=ca_file, hub_certificate=hub_certificate)

    def prepare(self) -> None:
        """Read the certificates; blocks. A broken one is said when a meeting is joined."""
        with contextlib.suppress(JoinFailed):
            self._http.trust()

    def accepts(self, url: str) -> bool:
        return read_link(url, self._servers) is not None

    def session(self, spec: JoinSpec) -> "LiveKitSession":
        return LiveKitSession(spec, http=self._http, ticket=self._ticket)

    async def _ticket(self, spec: JoinSpec) -> Ticket:
        match read_link(spec.url, self._servers):
            case GuestLink() as link:
                return await self._http.exchange(link, spec.name)
            case RoomLink() as link:
                return mint(link, identity=self._identity, name=spec.name)
            case Ticket() as ticket:
                return ticket
            case None:
                raise JoinFailed("this is no LiveKit link", retryable=False)


class LiveKitSession:
    """One stay. Nothing of it is left when `run` returns."""

    def __init__(
        self, spec: JoinSpec, *, http: LiveKitHttp, ticket: Callable[[JoinSpec], Coroutine[None, None, Ticket]]
    ) -> None:
        self._spec, self._http, self._ticket = spec, http, ticket
        self._layout, self._limits = Layout(), Limits()
        self._muted = {Slot.MICROPHONE: True, Slot.CAMERA: True}
        self._sharing = False
        self._stay: Stay | None = None

    async def run(self, tell: Callable[[Event], None]) -> Ended:
        async with asyncio.timeout(JOIN_S) as limit:
            try:
                ticket = await self._ticket(self._spec)
                async with self._connections(ticket) as (signal, subscriber, publisher):
                    stay = Stay(signal, subscriber, publisher, tell=tell, muted=self._muted)
                    await stay.enter()
                    limit.reschedule(None)
                    stay.set_layout(self._layout, self._limits)
                    stay.share(sharing=self._sharing)
                    self._stay = stay
                    return await stay.run()
            except TimeoutError as err:
                raise JoinFailed("the meeting server took too long to let the room in") from err
            finally:
                self._stay = None

    def set_layout(self, layout: Layout, limits: Limits) -> None:
        self._layout, self._limits = layout, limits
        if self._stay is not None:
            self._stay.set_layout(layout, limits)

    def set_muted(self, slot: Slot, *, muted: bool) -> None:
        self._muted[slot] = muted
        if self._stay is not None:
            self._stay.tell_muted()

    def set_sharing(self, *, sharing: bool) -> None:
        self._sharing = sharing
        if self._stay is not None:
            self._stay.share(sharing=sharing)

    @contextlib.asynccontextmanager
    async def _connections(self, ticket: Ticket) -> AsyncIterator[tuple[Signal, Peer, Peer]]:
        host = urlsplit(ticket.url).hostname or ""

        def addresses() -> tuple[str, ...]:
            return addresses_towards(host)

        # the signalling says goodbye first, so nobody sees the room freeze while the rest closes
        async with (
            Peer(name="meeting, incoming", addresses=addresses, patient=True) as subscriber,
            Peer(name="meeting, outgoing", addresses=addresses) as publisher,
            self._http.connected(ticket) as signal,
        ):
            yield signal, subscriber, publisher
