"""The room itself, under Python 3.13 on Debian 13 with a real camera driver, in a meeting with somebody outside."""

# limit: 600

import tempfile
import time
from pathlib import Path

import network
import running_room
import vivid
from check import ask, figure, step, within
from PIL import Image

from appliance.state.devices import Device, Fault, Severity
from appliance.state.room import Phase, RoomState

START_S, JOIN_S, SEE_S = 200.0, 250.0, 90.0
FIRST, SECOND = (f"v4l2:{vivid.node(number)}?size=320x180&fps=5" for number in (0, 1))
GREEN = (0, 200, 0)
"""What the participant outside shows."""


def sees(shows: str) -> None:
    seen = ask("sees", shows=shows, within_s=SEE_S)
    figure(f"outside, {shows} is seen after", seen["after_s"], "s")


def cameras(state: RoomState) -> list[Device]:
    return [device for device in state.devices if device.kind == "camera" and device.expected]


def faults(state: RoomState) -> list[tuple[Fault, Severity]]:
    return [(device.fault, device.severity) for device in cameras(state)]


def is_green(picture: Path) -> bool:
    with Image.open(picture) as shown:
        red, green, blue = shown.convert("RGB").getpixel((shown.width // 2, shown.height // 2))
    return green > 120 > max(red, blue)


def paint() -> None:
    vivid.plain(vivid.RED, vivid.node(0))
    vivid.plain(vivid.BLUE, vivid.node(1))


with tempfile.TemporaryDirectory(prefix="room-") as name, vivid.loaded(2):
    folder = Path(name)
    tv = folder / "tv.png"
    network.up()
    paint()
    meeting = ask("meeting")
    started = time.monotonic()
    with running_room.running(folder, **meeting, cameras=[FIRST, SECOND], screen=f"png:{tv}") as room:
        with step("the room starts"):
            room.until(START_S, "its programs", lambda state: state.senses.connected and state.face.lit)
        with step("it joins its meeting by itself"):
            room.book(meeting["link"])
            room.until(JOIN_S, "the call", lambda state: state.call.phase is Phase.LIVE)
            figure("in the call after", time.monotonic() - started, "s")
        joined = len(room.states)
        with step("its camera's picture arrives outside"):
            sees("red")
        with step("the picture from outside is on the TV"):
            within(SEE_S, "green on the TV", lambda: tv.exists() and is_green(tv))
        with step("the camera stalls: the room takes its second one"):
            vivid.control(vivid.node(0), percentage_of_dropped_buffers=100)
            sees("blue")
            failing = [(Fault.FAILING, Severity.WARNING), (Fault.NONE, Severity.FINE)]
            room.until(SEE_S, "the fault to be told", lambda state: faults(state) == failing)
        with step("both are pulled: others see the slate"):
            vivid.pull()
            sees("slate")
            missing = [(Fault.MISSING, Severity.IMPORTANT)] * 2
            room.until(SEE_S, "the faults to be told", lambda state: faults(state) == missing)
        with step("they are plugged in again: others see the first one again"):
            vivid.plug()
            paint()
            sees("red")
            room.until(SEE_S, "no fault any more", lambda state: faults(state)[0] == (Fault.NONE, Severity.FINE))
        lost = {state.call.phase for state in room.states[joined:]} - {Phase.LIVE}
        assert not lost, f"the call was {lost} meanwhile"
