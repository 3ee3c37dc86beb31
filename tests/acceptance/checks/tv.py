"""The TV: switched over HDMI-CEC, and pulled out and plugged in again."""

import asyncio
import time

from acceptance.check import Failed, Figure, Figures, check, demand
from acceptance.person import Person
from acceptance.room import Room
from hardware.ports import DeviceMissing
from hardware.tv.cec import Cec
from hardware.tv.connector import Connector, choose, connectors
from hardware.tv.power import Power
from hardware.tv.pursuit import Pursuit, look, next_method, tried
from hardware.tv.television import TvSet, Ways

_ASK_S = 1.0


@check(
    "tv-cec",
    "The TV goes off and on by HDMI-CEC",
    do="Plug the TV into the board's first HDMI socket, switch it on, and switch CEC on in its menu "
    "(Anynet+, Simplink, Bravia Sync).",
    passes="off and on within a minute each, by a method that is named, and a person sees it",
    uses=("machine",),
)
def cec(room: Room, person: Person) -> Figures:
    connector = _connector(room)
    tv = TvSet(Cec(root=room.machine.root, program=room.cec_ctl), None)
    figures: dict[str, Figure] = {"tv": connector.edid.name or connector.name}
    for want in (Power.OFF, Power.ON):
        pursuit, took_s = asyncio.run(_brought(tv, connector, want, room.spans.tv))
        figures |= {f"{want}_by": str(pursuit.worked), f"{want}_s": round(took_s, 1)}
        demand(pursuit.done, f"no method brought the TV {want}", figures)
        figures[f"{want}_said_by"] = "TV" if pursuit.confirmed else "person"
        seen = person.yes(f"Is the TV {want}?")
        demand(seen, f"the TV {'says' if pursuit.confirmed else 'heard'} {want}, a person sees otherwise", figures)
    return figures


@check(
    "tv-replugged",
    "A TV that is pulled out is noticed, and has its picture again when it is plugged in",
    do="Leave the TV on and plugged in.",
    passes="its absence and its return are seen, and a person sees the picture again",
    uses=("machine",),
)
def replugged(room: Room, person: Person) -> Figures:
    name = _connector(room).name

    def connected() -> bool:
        return any(one.connected for one in connectors(room.machine.root) if one.name == name)

    person.tell("Now pull the TV's HDMI plug.")
    room.until(lambda: not connected(), "the TV's absence")
    person.tell("Now plug it in again.")
    room.until(connected, "the TV's return")
    figures: dict[str, Figure] = {"connector": name, "modes": len(_connector(room).modes)}
    demand(person.yes("Does the TV show a picture again?"), "the TV is back, its picture is not", figures)
    return figures


def _connector(room: Room) -> Connector:
    connector = choose(connectors(room.machine.root))
    if connector is None or not connector.connected:
        raise DeviceMissing("no TV is plugged into this machine: check the HDMI cable, and that the TV is on")
    return connector


async def _brought(tv: TvSet, connector: Connector, want: Power, within_s: float) -> tuple[Pursuit, float]:
    """Try one method after another, as the room does, until the TV is as wanted or it takes too long."""
    ways = await tv.ways(connector)
    if ways.none:
        raise Failed(ways.trouble or "there is no CEC adapter (/dev/cec0) on the way to the TV")
    began = time.monotonic()
    pursuit = Pursuit(want, ways.methods(want))
    while not pursuit.done and time.monotonic() - began < within_s:
        pursuit = await _step(tv, ways, connector, pursuit)
        if not pursuit.done:
            await asyncio.sleep(_ASK_S)
    return pursuit, time.monotonic() - began


async def _step(tv: TvSet, ways: Ways, connector: Connector, pursuit: Pursuit) -> Pursuit:
    pursuit = look(pursuit, await tv.power(ways), time.monotonic())
    method = next_method(pursuit, time.monotonic())
    if method is None:
        return pursuit
    heard = await tv.use(method, pursuit.want, connector, ways)
    return look(tried(pursuit, method, time.monotonic(), heard=heard), await tv.power(ways), time.monotonic())
