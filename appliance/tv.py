"""The TV set as the daemon sees it: plugged in or lost, switched on for people and off for the night.

Two loops: one looks at the connectors every two seconds, because some changes bring no event; one brings the TV's power
to what `lifecycle.television` wants. Neither is ever waited for: the meeting goes on without a TV.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from appliance.lifecycle.television import REMOTE_COUNTS, Signs, TvHours, TvWish, noted, occupied, seen, tv_wish
from appliance.seldom import Seldom
from appliance.state.room import RoomState
from appliance.state.television import Television, TvPower
from hardware.ports import DeviceError
from hardware.tv import connector as sockets
from hardware.tv.connector import Connector
from hardware.tv.learned import Learned
from hardware.tv.power import Method, Power
from hardware.tv.pursuit import MOST_ROUNDS, Pursuit, look, next_method, tried, vanished
from hardware.tv.television import TvSet, Ways

logger = logging.getLogger(__name__)
BEAT_S = 2.0
"""How often a TV that is being switched is asked."""
REST_S = 30.0
"""How often one that is as it should be is asked: every question is traffic on the CEC line."""
_POWERS = {Power.ON: TvPower.ON, Power.OFF: TvPower.OFF}
_LOST = (
    "display lost: nothing answers at {}. Look whether the TV has power and its HDMI cable is in; "
    "the meeting goes on without it."
)
_UNTOLD = (
    "nobody can tell whether a TV is plugged in at {} ({}). Pull its HDMI cable and plug it in again; "
    "restart the room if that does not help."
)
_DEAF = (
    "the TV does not go {}. Use its remote, and look in its menu whether HDMI-CEC is on "
    "(it may be called Anynet+, Simplink or Bravia Sync)."
)


@dataclass(frozen=True, slots=True)
class TvSettings:
    """[tv], as far as it is about the set."""

    hours: TvHours
    connector: str = ""
    """HDMI-A-1; empty takes the likeliest."""
    switch: bool = True
    """Whether the room switches the TV at all."""
    expected: bool = True
    """Whether the room's picture goes to a TV: then one that was never there is missed too."""


class TvService:
    """Watches the TV and switches it. `run` ends only by being cancelled."""

    def __init__(
        self,
        settings: TvSettings,
        tv_set: TvSet,
        learned: Learned,
        *,
        states: Callable[[], AsyncIterator[RoomState]],
        on_television: Callable[[Television], None],
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
        root: Path = Path("/"),
    ) -> None:
        self._settings = settings
        self._set = tv_set
        self._learned = learned
        self._states = states
        self._tell = on_television
        self._now, self._clock = now, clock
        self._root = root
        self._signs = Signs(since=now())
        self._room: RoomState | None = None
        self._connector: Connector | None = None
        self._was_connected = False
        self._wish: TvWish | None = None
        self._pursuit: Pursuit | None = None
        self._overruled_at: datetime | None = None
        self._power = Power.UNKNOWN
        self._method = Method.NONE
        self._ways = Ways()
        self._asked, self._complaint = "", ""
        """What went wrong when the TV was asked last, and when that was so twice."""
        self._refused = ""
        """What went wrong when something was tried."""
        self._deaf, self._deaf_tv = "", ""
        """What it does not do, and which TV; known until it does, or another comes."""
        self._deaf_to = Power.UNKNOWN
        self._told: Television | None = None
        self._comings = 0
        """How often the TV came while it was on its way to the wish: many drop their hot-plug line when they wake."""
        self._seldom = Seldom(clock)
        self._changed = asyncio.Event()

    def touched(self) -> None:
        """Somebody touched the panel or a button."""
        self._signs = seen(self._signs, self._now())
        self._changed.set()

    def occupied(self, *, there: bool) -> None:
        """Take in what a presence sensor says."""
        self._signs = occupied(self._signs, self._now(), there=there)
        self._changed.set()

    async def run(self) -> None:
        """Watch and switch until cancelled."""
        self._told = None
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow(), name="tv room")
            tasks.create_task(self._watch(), name="tv connectors")
            if self._settings.switch:
                tasks.create_task(self._drive(), name="tv power")

    async def _follow(self) -> None:
        async for room in self._states():
            if self.take(room):
                self._changed.set()

    async def _watch(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(sockets.POLL_S)

    async def _drive(self) -> None:
        while True:
            self._changed.clear()
            await self.step()
            busy = self._pursuit is not None and not self._pursuit.done
            await _either(self._changed, BEAT_S if busy else REST_S)

    def take(self, room: RoomState) -> bool:
        """Take in the room; return whether the TV should be something else now."""
        self._room = room
        self._signs = noted(self._signs, room, self._now())
        return self._wished() != self._wish

    async def look(self) -> None:
        """Look at the connectors once."""
        found = await asyncio.to_thread(sockets.connectors, self._root)
        before = self._connector
        self._connector = sockets.choose(found, self._settings.connector, before.name if before else "")
        if before != self._connector:
            self._plugged(before is not None and before.connected)
            self._changed.set()
        self._publish()

    async def step(self) -> None:
        """Ask the TV once, and try one thing if it is not as it should be."""
        if self._room is None:
            return
        self._follow_wish()
        await self._ask()
        if self._wish is not None:
            await self._pursue(Power.ON if self._wish.on else Power.OFF)
        self._judge()
        self._publish()

    async def _ask(self) -> None:
        """Ask what can be done to the TV, and whether it is on; a question that fails once is no trouble yet."""
        before = self._asked
        self._ways = await self._set.ways(self._connector)
        # a way that cannot be taken is no trouble while another can
        self._asked = self._ways.trouble if self._ways.none else ""
        try:
            self._power = await self._set.power(self._ways)
        except DeviceError as err:
            self._power, self._asked = Power.UNKNOWN, str(err)
        self._complaint = self._asked if before else ""

    def _judge(self) -> None:
        """Note that the TV obeys, or that it does not; while it is being switched it is what it was."""
        pursuit = self._pursuit
        if pursuit is None:
            return
        obeyed = pursuit.done and (pursuit.want is self._deaf_to or pursuit.worked is not Method.NONE)
        if obeyed or not pursuit.methods:
            # one that cannot be switched from here is no trouble, it has a remote
            self._deaf = ""
        elif pursuit.failing:
            self._deaf, self._deaf_to = self._refused or _DEAF.format(pursuit.want), pursuit.want
            self._deaf_tv = self._tv_id()

    def _wished(self) -> TvWish | None:
        return None if self._room is None else tv_wish(self._room, self._signs, self._settings.hours, self._now())

    def _follow_wish(self) -> None:
        """Begin anew for a new occasion, or an hour after somebody overruled a wish that insists."""
        wish, now = self._wished(), self._now()
        overruled = self._overruled_at is not None and now - self._overruled_at >= REMOTE_COUNTS
        if wish == self._wish and not (wish is not None and wish.insists and overruled):
            return
        self._wish, self._overruled_at = wish, None
        self._pursuit, self._refused, self._comings = None, "", 0
        if wish is not None:
            logger.info("the TV should be %s (%s)", "on" if wish.on else "off", wish.occasion.partition(" ")[0])

    async def _pursue(self, want: Power) -> None:
        before = self._pursuit
        if before is None or not before.methods:
            order = await asyncio.to_thread(self._learned.order, self._tv_id(), want, self._ways.methods(want))
            before = replace(before or Pursuit(want, ()), methods=order)
        pursuit = look(before, self._power, self._clock())
        self._note_overruling(pursuit)
        method = next_method(pursuit, self._clock())
        self._pursuit = pursuit if method is None else await self._try(pursuit, method)
        if (pursuit.done, pursuit.confirmed) != (before.done, before.confirmed):
            await self._succeeded(pursuit)

    async def _try(self, pursuit: Pursuit, method: Method) -> Pursuit:
        if self._wished() != self._wish:  # asking took time; nothing goes off because of what was true before
            return pursuit
        try:
            heard = await self._set.use(method, pursuit.want, self._connector, self._ways)
            self._refused = ""
        except DeviceError as err:
            self._refused, heard = str(err), False
        logger.debug("tried %s: %s", method, "heard" if heard else "not heard")
        return tried(pursuit, method, self._clock(), heard=heard)

    async def _succeeded(self, pursuit: Pursuit) -> None:
        switched = pursuit.worked is not Method.NONE
        if switched:
            self._method = pursuit.worked
            sure = "" if pursuit.confirmed else ", as far as it says"
            logger.info("the TV went %s by %s%s", pursuit.want, pursuit.worked, sure)
        if switched and pursuit.confirmed:
            await asyncio.to_thread(self._learned.note, self._tv_id(), pursuit.want, pursuit.worked)
        if self._wish is not None and self._wish.on and (self._wish.shows or switched):
            await self._show()

    async def _show(self) -> None:
        try:
            await self._set.show(self._ways)
        except DeviceError as err:
            logger.info("the TV was not asked to show the room: %s", err)

    def _note_overruling(self, pursuit: Pursuit) -> None:
        settled = pursuit.done and pursuit.confirmed
        against = settled and self._power in _POWERS and self._power is not pursuit.want
        if not against:
            self._overruled_at = None
        elif self._overruled_at is None:
            self._overruled_at = self._now()
            logger.info("somebody switched the TV %s; it is left so", self._power)

    def _tv_id(self) -> str:
        return self._connector.edid.id if self._connector is not None else ""

    def _plugged(self, before: bool) -> None:
        """Take in that the connector has changed: a TV that comes is worth a new try, one that goes may be off."""
        socket = self._connector
        after = socket is not None and socket.connected
        if socket is not None and after and not before:
            self._was_connected = True
            if self._seldom.may():
                name = socket.edid.name or "it does not say its name"
                damaged = f" ({socket.trouble})" if socket.trouble else ""
                logger.info("a TV is connected at %s: %s%s", socket.output, name, damaged)
            if self._pursuit is not None and not self._pursuit.done and self._comings < MOST_ROUNDS:
                self._comings += 1
                self._pursuit = None
        elif before and not after:
            if self._seldom.may():
                logger.warning("nothing is connected at %s any more", socket.output if socket else "the TV's connector")
            if self._pursuit is not None:
                self._pursuit = vanished(self._pursuit)

    def _publish(self) -> None:
        television = self._television()
        if self._told is not None:
            same = television.trouble == self._told.trouble and television.connected == self._told.connected
            television = replace(television, since=self._told.since if same else self._now())
            if television == self._told:
                return
        self._told = television
        self._tell(television)

    def _television(self) -> Television:
        socket, at_rest = self._connector, self._wanted_off()
        if socket is None:
            return Television(trouble=self._lost(), since=self._now())
        power = _POWERS.get(self._power, TvPower.UNKNOWN)
        return Television(
            connector=socket.output,
            name=socket.edid.name,
            connected=socket.connected,
            power=power if socket.connected or not at_rest else TvPower.OFF,
            method=self._how(),
            trouble=self._disobeys() if socket.connected else "" if at_rest else self._lost(),
            since=self._now(),
        )

    def _wanted_off(self) -> bool:
        """Whether the TV is off by our wish: some then look as if they were unplugged."""
        return self._pursuit is not None and self._pursuit.want is Power.OFF and self._pursuit.done

    def _disobeys(self) -> str:
        return self._complaint or (self._deaf if self._deaf_tv == self._tv_id() else "")

    def _lost(self) -> str:
        if self._connector is not None and self._connector.trouble:
            return _UNTOLD.format(self._connector.output, self._connector.trouble)
        where = self._connector.output if self._connector is not None else self._settings.connector
        missed = self._was_connected or bool(self._settings.connector)
        return _LOST.format(where or "any connector") if missed or self._never_came() else ""

    def _never_came(self) -> bool:
        """Whether there should be a TV and none ever was: some look so while they are off at night."""
        wish = self._wished()
        wanted_off = wish is not None and not wish.on
        return self._settings.expected and self._connector is not None and self._room is not None and not wanted_off

    def _how(self) -> str:
        if self._method is not Method.NONE:
            return self._method.value
        asked = self._pursuit is not None and self._ways.none
        return Method.NONE.value if asked else ""


def first_look(wanted: str, root: Path = Path("/"), *, expected: bool) -> Television:
    """Return the TV as it looks to somebody who sees it for the first time and asks it nothing."""
    socket = sockets.choose(sockets.connectors(root), wanted)
    if socket is None:
        return Television(trouble=_LOST.format(wanted) if wanted else "")
    trouble = ""
    if not socket.connected and (socket.trouble or wanted or expected):
        untold = _UNTOLD.format(socket.output, socket.trouble)
        trouble = untold if socket.trouble else _LOST.format(socket.output)
    return Television(socket.output, socket.edid.name, socket.connected, trouble=trouble)


async def _either(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
