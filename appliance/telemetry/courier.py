"""Carries records from the spool to the console, and forgets what the console says it has."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

from appliance.state.room import ServiceHealth
from appliance.telemetry.protocol.codec import BadPayload
from appliance.telemetry.protocol.payloads import Stamp
from appliance.telemetry.protocol.records import decode_ack, encode_batch
from appliance.telemetry.protocol.topics import Topics
from appliance.telemetry.reporter import Outgoing
from appliance.telemetry.sending import Sending, SendPace, Span
from appliance.telemetry.spool import Spool
from appliance.telemetry.spool_file import Place

logger = logging.getLogger(__name__)

_ACKS_WAITING = 64
CONSOLE = "console"
"""The service that is unwell while the console is silent."""
_ANSWERED = "console"
_SILENT = (
    "The console has not answered for more than {minutes:.0f} minutes; the room keeps its records until it does."
    " Look whether the console runs, and whether the broker lets this room write to up/batch."
)


class Courier:
    """Sends while there is a connection; knows across connections what was acknowledged."""

    def __init__(
        self,
        spool: Spool,
        *,
        on_health: Callable[[ServiceHealth], None],
        pinned: bool = False,
        pace: SendPace,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spool = spool
        self._on_health = on_health
        self._pace = pace
        self._clock = clock
        self._sending = Sending(pace, known=pinned)
        self._acks: deque[bytes] = deque(maxlen=_ACKS_WAITING)
        self._news = asyncio.Event()
        self._silent = False
        self._recovered = 0
        self._since = spool.newest_place
        spool.on_note = self._news.set

    @property
    def waiting(self) -> int:
        """Records that the console has not acknowledged."""
        return self._spool.waiting

    async def age_s(self) -> int | None:
        """Return for how long the oldest of them has waited."""
        return await self._spool.age_s()

    def connecting(self) -> None:
        """Take what is noted from now on as news: a job that waits at the broker is done before anything is sent."""
        self._since = self._spool.newest_place

    def again(self) -> None:
        """Send once more, now, what nobody has acknowledged."""
        self._sending.again()
        self._news.set()

    async def run(self, send: Callable[[Outgoing], bool], topics: Topics, stamp: Callable[[], Stamp]) -> None:
        """Send for as long as the connection lasts."""
        if await self._spool.kept(_ANSWERED):
            self._sending.known = True
        self._begin(self._since)
        while True:
            self._news.clear()
            if self._recovered != self._spool.recovered:
                self._begin(self._spool.newest_place)
            while self._acks:
                await self._take_ack(self._acks.popleft())
            self._look_for_console()
            step = self._sending.next(self._clock(), self._spool.newest_place, self._spool.newest_urgent)
            if isinstance(step, Span):
                await self._send(step, send, topics, stamp)
            else:
                await self._wait(step)

    def hear_ack(self, payload: bytes) -> None:
        """Take in what the console has for good; what was never sent cannot be acknowledged."""
        self._acks.append(payload)
        self._news.set()

    async def _take_ack(self, payload: bytes) -> None:
        try:
            ack = decode_ack(payload)
        except BadPayload as err:
            logger.debug("an acknowledgement cannot be read: %s", err)
            return
        first = not self._sending.known
        for head in self._sending.acked(self._clock(), ack):
            await self._spool.forget(head.of, head.first, head.last)
        if first and self._sending.known:
            self._spool.keep(_ANSWERED, "answered")

    def _begin(self, newest: Place) -> None:
        """Go through all that waits up to a place, from the oldest record on; what is newer is news."""
        self._recovered = self._spool.recovered
        self._sending.connected(self._clock(), newest)

    async def _send(
        self, span: Span, send: Callable[[Outgoing], bool], topics: Topics, stamp: Callable[[], Stamp]
    ) -> None:
        newest = self._spool.newest_place
        batch = await self._spool.batch(span.after, span.until)
        now = self._clock()
        if batch is None:
            self._sending.nothing(now, span, newest)
        elif send(Outgoing(topics.batch, encode_batch(stamp(), batch.head, batch.rows))):
            self._sending.sent(now, span, batch.head)
        else:
            await self._wait(1.0)

    async def _wait(self, seconds: float) -> None:
        try:
            # looks up now and then, for a console that falls silent
            async with asyncio.timeout(min(seconds, 30.0)):
                await self._news.wait()
        except TimeoutError:
            return

    def _look_for_console(self) -> None:
        silent = self._sending.silent(self._clock())
        if silent == self._silent:
            return
        self._silent = silent
        detail = _SILENT.format(minutes=self._pace.silent_s / 60) if silent else "The console answers."
        if silent:
            logger.warning("%s", detail)
        self._on_health(ServiceHealth(CONSOLE, ok=not silent, detail=detail))
