"""What goes over a link: one JSON object a line, `{"kind", "body", "id"?}`, after a `hello` from each side.

Roles and what they may say:

* media, display: `report` up, `wish` down
* panel, control: `command` (with an id) up, `ack` (same id) and `state` down
* watch: `streams` once and `state` down, nothing up
"""

import asyncio
import json
import os
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from appliance.errors import SalonError
from appliance.state.room import Boot

PROTO = 1
OLDEST_PROTO = 1
"""The oldest protocol this release still speaks; both sides use the smaller of theirs."""
MAX_LINE = 8 * 1024 * 1024
"""More than the fullest agenda and roster of the longest names, which strangers write, can make."""


class LinkError(SalonError):
    """The other side of a link said something that does not belong there."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The first line of each side."""

    proto: int
    release: str
    boot: Boot
    role: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One line."""

    kind: str
    body: Any
    id: int = 0


def new_boot() -> Boot:
    """Name this program's life."""
    return Boot(os.urandom(8).hex())


async def own_hello(boot: Boot, role: str) -> Hello:
    """Say who we are. The release is in a file of the installed package, so a thread reads it."""
    return Hello(PROTO, await asyncio.to_thread(version, "salon"), boot, role)


def encode(message: Message) -> bytes:
    """Make the line, with its newline."""
    line: dict[str, Any] = {"kind": message.kind, "body": message.body}
    if message.id:
        line["id"] = message.id
    return json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def decode(line: bytes) -> Message:
    """Read a line, or raise `LinkError`."""
    try:
        data = json.loads(line)
        message = Message(data["kind"], data.get("body"), data.get("id", 0))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        raise LinkError(f"not a message: {type(err).__name__}") from err
    if not isinstance(message.kind, str) or type(message.id) is not int:
        raise LinkError("not a message: kind is a word and id a whole number")
    return message


async def read_line(reader: asyncio.StreamReader) -> bytes:
    """Read the next line, empty when the other side is gone; `LinkError` for one that is too long."""
    try:
        return await reader.readline()
    except ValueError as err:
        raise LinkError(f"a line longer than {MAX_LINE} bytes") from err
    except ConnectionError:
        return b""


def check_proto(hello: Hello) -> None:
    """Refuse a peer from a future or past we cannot talk to."""
    if hello.proto < OLDEST_PROTO:
        raise LinkError(
            f"the other program is of release {hello.release}, too old for this one; restart it after the update"
        )
