"""Pictures of the panel as SVG: of a running one, or of a state that is shown just for the picture."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

from textual.pilot import Pilot

from appliance.state.commands import Ack, Command
from appliance.state.latest import Latest
from appliance.state.room import RoomState
from appliance.state.wishes import Meters
from display.panel import palette
from display.panel.app import PanelApp, local_now

_FONTS = "DejaVu Sans Mono, Noto Sans Mono, Menlo, Consolas, monospace"
_TITLE_BAR = 32
_READY_S = 10.0


class StillLink:
    """A room that stays as it is and does nothing it is told."""

    def __init__(self, state: RoomState, *, connected: bool = True) -> None:
        self.connected = connected
        self.trouble = ""
        self.connection_changes: Latest[bool] = Latest()
        self._states: Latest[RoomState] = Latest()
        self._states.put(state)

    def states(self) -> AsyncIterator[RoomState]:
        """Yield the one state."""
        return self._states.values()

    async def send(self, command: Command) -> Ack:
        """Refuse."""
        return Ack.refused(f"This is a picture of a panel; {type(command).__name__} goes nowhere.")


class StillLevels:
    """A microphone that hears one thing."""

    def __init__(self, meters: Meters = Meters()) -> None:  # noqa: B008 - a frozen value
        self._meters: Latest[Meters] = Latest()
        self._meters.put(meters)

    def meters(self) -> AsyncIterator[Meters]:
        """Yield the one level."""
        return self._meters.values()


async def snapshot(
    state: RoomState,
    path: Path,
    size: tuple[int, int] = (100, 30),
    *,
    now: Callable[[], datetime] = local_now,
    meters: Meters = Meters(),  # noqa: B008 - a frozen value
    connected: bool = True,
) -> None:
    """Show a state on a panel without a terminal and write its picture."""
    shown = asyncio.Event()
    app = PanelApp(StillLink(state, connected=connected), StillLevels(meters), now=now, on_ready=shown.set)
    async with app.run_test(size=size) as pilot, asyncio.timeout(_READY_S):
        await shown.wait()
        await _come_to_rest(pilot)
        await write_shot(app, path)


async def _come_to_rest(pilot: Pilot[None]) -> None:
    """Wait until the picture stays the same: lists learn how much room they have only after the first layout."""
    last, picture = "", pilot.app.export_screenshot()
    while picture != last:
        await pilot.pause()
        last, picture = picture, pilot.app.export_screenshot()


async def write_shot(app: PanelApp, path: Path) -> str:
    """Write the picture of a running panel and return it; a reader sees the old one or the new one, never a half."""
    svg = tidy(app.export_screenshot(title=" "))
    await asyncio.to_thread(_write_whole, path, svg)
    return svg


def _write_whole(path: Path, text: str) -> None:
    unfinished = path.with_name(path.name + ".new")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def tidy(svg: str) -> str:
    """Take the window and the web font out of Rich's picture: a panel has no window, a room perhaps no internet."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("font-family: Fira Code, monospace", f"font-family: {_FONTS}")
    return re.sub(r'(<rect fill="#292929".*?</g>)', "", _cropped(svg), count=1, flags=re.DOTALL)


def _cropped(svg: str) -> str:
    """Cut the window's title bar off and lay the panel's night behind the rest."""

    def crop(found: re.Match[str]) -> str:
        width, height = float(found[1]), float(found[2]) - _TITLE_BAR
        return f'viewBox="0 {_TITLE_BAR} {width:g} {height:g}" style="background: {palette.NIGHT}; border-radius: 8px"'

    return re.sub(r'viewBox="0 0 (\S+) (\S+)"', crop, svg, count=1)
