"""Which of our stream's channels holds which of an array's: whatever the session manager has linked, looked up.

It links a stream to a microphone by the places of their channels. ALSA's plugin calls eight of them FL FR RL RR FC LFE
SL SR, so the third microphone of an array whose maker says FL FR FC LFE RL RR comes as the fifth channel. Channels
without places (AUX0, AUX1 ..., or none) go in the order the session manager happened to learn of them in, which on a
busy machine is not always the device's (`modules/module-si-standard-link.c` in WirePlumber; seen with 0.4.13).
"""

import logging
import os
import time
from typing import Any

from hardware.audio.pipewire_dump import dump, number, of_type, properties
from hardware.ports import DeviceError

logger = logging.getLogger(__name__)
_TRIES, _PAUSE_S = 10, 0.1
"""Links are made one after the other, and sound may come by the first."""


def channel_order(source: str, channels: int) -> tuple[int, ...]:
    """Return for each channel of the microphone `source`, in its order, the channel of our newest stream that has it.

    Asks PipeWire, for up to a second or two. Where it does not tell, the order is taken to be the same.
    """
    for _ in range(_TRIES):
        try:
            order = linked(dump(), source, channels, os.getpid())
        except DeviceError as err:
            logger.warning("the order of the channels of %s is not known: %s", source, err)
            break
        if order is not None:
            return order
        time.sleep(_PAUSE_S)
    else:
        logger.warning("PipeWire has not linked all %d channels of %s; their order is not known", channels, source)
    return tuple(range(channels))


def linked(objects: list[Any], source: str, channels: int, pid: int) -> tuple[int, ...] | None:
    """Return that order as a dump tells it, of a process's newest stream from there; None unless all are linked."""
    streams = _streams(objects, pid)
    sources = {_id(one) for one in of_type(objects, "Node") if properties(one).get("node.name") == source}
    place = {_id(one): number(properties(one).get("port.id")) for one in of_type(objects, "Port")}
    orders: dict[str, dict[int | None, int | None]] = {}
    for one in of_type(objects, "Link"):
        link = {key: str(value) for key, value in properties(one).items()}
        stream = link.get("link.input.node", "")
        if link.get("link.output.node") in sources and stream in streams:
            order = orders.setdefault(stream, {})
            order[place.get(link.get("link.output.port", ""))] = place.get(link.get("link.input.port", ""))
    newest = orders[max(orders, key=streams.__getitem__)] if orders else {}
    known = tuple(at for channel in range(channels) if (at := newest.get(channel)) is not None)
    return known if sorted(known) == list(range(channels)) else None


def _streams(objects: list[Any], pid: int) -> dict[str, int]:
    """Return a process's streams that listen, and how late each came."""
    clients = {
        _id(one) for one in of_type(objects, "Client") if str(properties(one).get("application.process.id")) == str(pid)
    }
    return {
        _id(one): number(said.get("object.serial"))
        for one in of_type(objects, "Node")
        if (said := properties(one)).get("media.class") == "Stream/Input/Audio"
        and str(said.get("client.id")) in clients
    }


def _id(one: dict[str, Any]) -> str:
    return str(one.get("id"))
