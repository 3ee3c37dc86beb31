"""`python -m display.interface ZONE`: draws a room, read as JSON, without anybody's picture; writes a PNG."""

import io
import json
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from appliance.state.room import RoomState
from appliance.state.wire import from_json
from appliance.state.wishes import DisplayWish
from display.canvas import Canvas
from display.colour import to_image
from display.compose import ComposeLoop, Surroundings
from display.frames import Ring
from display.screens.registry import presenter_for
from display.screens.screen import Screen

SIZE = (1280, 720)


class _Nobody:
    """Where no pictures come from."""

    @property
    def ring(self) -> Ring | None:
        return None


def draw(room: RoomState, now: datetime, faults: Path = Path("/nowhere")) -> bytes:
    """Return the room's TV as a PNG, with grey tiles."""
    around = Surroundings(_Nobody(), lambda: True, faults, lambda _report: None, threading.Event())
    screen = Screen("null:", presenter_for, monotonic=time.monotonic)
    loop = ComposeLoop(around, canvas=Canvas(*SIZE), screen=screen, boot=room.boot, now=lambda: now)
    loop.show(DisplayWish(room.boot, 0, room))
    loop.step()
    out = io.BytesIO()
    to_image(loop.picture()).save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> None:
    """Read, draw, write."""
    room = from_json(RoomState, json.load(sys.stdin))
    sys.stdout.buffer.write(draw(room, datetime.now(ZoneInfo(sys.argv[1]))))


if __name__ == "__main__":
    main()
