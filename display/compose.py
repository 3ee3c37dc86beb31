"""The compose loop: one thread that chooses the scene, draws what changed and presents it, forever."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from appliance.link.faults import Fault, read_faults
from appliance.state.room import Boot, MeetingKey, Phase
from appliance.state.wishes import Applied, DisplayReport, DisplayWish
from display.canvas import Canvas
from display.frames import FrameSource, PictureBook
from display.scenes.choose import View, choose_scene
from display.scenes.scene import Scene
from display.screens.screen import Screen
from display.stage import Stage

_FRAME_S: Final = 1 / 60
_WATCH_S: Final = 0.25
"""How often a gallery without new pictures is looked at: somebody's may have stopped."""
_DAEMON_LOST_S: Final = 2.0
_FPS_OVER_S: Final = 2.0
_SLOW_S: Final = 0.1
_SLOW_STEPS: Final = 3
_SLOW_OVER_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the loop looks at and whom it tells."""

    frames: FrameSource
    connected: Callable[[], bool]
    """Whether the daemon is there."""
    faults: Path
    report: Callable[[DisplayReport], None]
    """Called in the compose thread, whenever the report changed."""
    news: threading.Event
    """Set by whoever has something new to show, such as a picture in the ring."""


class ComposeLoop:
    """`run` is the thread; `show`, `stop` and `picture` may be called from any other."""

    def __init__(
        self,
        around: Surroundings,
        *,
        canvas: Canvas,
        screen: Screen,
        boot: Boot,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        choose: Callable[[View, datetime], Scene] = choose_scene,
    ) -> None:
        self._choose = choose
        self._around = around
        self._canvas = canvas
        self._screen = screen
        self._stage = Stage(canvas, PictureBook(around.frames))
        self._now = now
        self._monotonic = monotonic
        self._drawing = threading.Lock()
        self._stopping = threading.Event()
        self._wish: DisplayWish | None = None
        self._heard_at = monotonic()
        self._chosen: tuple[View, datetime, Scene] | None = None
        self._faults_read_at = float("-inf")
        self._faults: tuple[Fault, ...] = ()
        self._report = DisplayReport(boot, screen=screen.uri, width=canvas.width, height=canvas.height)
        self._reported: DisplayReport | None = None
        self._call: MeetingKey | None = None
        self._frame_rate = FrameRate(monotonic)
        self._backlog = Backlog(monotonic)

    def show(self, wish: DisplayWish) -> None:
        """Take a new wish."""
        self._wish = wish
        self._around.news.set()

    def stop(self) -> None:
        """End `run` soon."""
        self._stopping.set()
        self._around.news.set()

    def picture(self) -> Canvas:
        """Return a copy of what is shown."""
        with self._drawing:
            return self._canvas.copy()

    def run(self) -> None:
        """Compose until stopped; at most 60 times a second, at least once."""
        try:
            due = self._monotonic()
            while not self._stopping.wait(max(0.0, due - self._monotonic())):
                begun = self._monotonic()
                # a frame that came late does not delay the next one, or jitter would cost frames
                due = max(due, self._monotonic() - _FRAME_S) + _FRAME_S
                self._around.news.clear()
                calm_s = self.step()
                self._backlog.count(self._monotonic() - begun)
                self._around.news.wait(calm_s)
        finally:
            self._screen.close()

    def step(self) -> float:
        """Bring the TV up to date and return for how many seconds it will stay so without news."""
        wish, now = self._wish, self._now()
        scene = self._scene(wish, now)
        rev = self._canvas.rev
        with self._drawing:
            drawn = self._stage.draw(scene, time.monotonic_ns())
        self._screen.present(self._canvas)
        self._frame_rate.count(moved=bool(scene.tiles) and self._canvas.rev != rev)
        self._tell(wish, drawn.stale, first=drawn.remote)
        to_next_second = 1.0 - self._now().microsecond / 1e6
        return min(_WATCH_S, to_next_second) if scene.tiles else to_next_second

    def _scene(self, wish: DisplayWish | None, now: datetime) -> Scene:
        """Choose again only when something is known anew or the clock's second has changed."""
        second = now.replace(microsecond=0)
        view = View(wish.room if wish else None, self._read_faults(), self._daemon_lost(wish))
        if self._chosen is None or self._chosen[1] != second or not _same(self._chosen[0], view):
            self._chosen = (view, second, self._choose(view, now))
        return self._chosen[2]

    def _read_faults(self) -> tuple[Fault, ...]:
        if self._monotonic() - self._faults_read_at >= 1.0:
            self._faults_read_at = self._monotonic()
            self._faults = read_faults(self._around.faults)
        return self._faults

    def _daemon_lost(self, wish: DisplayWish | None) -> bool:
        if self._around.connected():
            self._heard_at = self._monotonic()
        return wish is not None and self._monotonic() - self._heard_at > _DAEMON_LOST_S

    def _tell(self, wish: DisplayWish | None, stale: tuple[str, ...], *, first: bool) -> None:
        self._report = replace(
            self._report,
            applied=Applied(wish.boot, wish.rev) if wish else None,
            screen=self._screen.showing,
            lit=self._screen.lit,
            fps=self._frame_rate.value,
            behind=self._backlog.behind,
            stale=stale,
            first_remote_frame_at=self._first_frame(wish, first=first),
            error=self._screen.error,
        )
        if self._report != self._reported:
            self._reported = self._report
            self._around.report(self._report)

    def _first_frame(self, wish: DisplayWish | None, *, first: bool) -> datetime | None:
        call = wish.room.call if wish else None
        if call is None or call.phase is Phase.IDLE:
            self._call = None
            return None
        known = self._report.first_remote_frame_at if self._call == call.key else None
        self._call = call.key
        return known or (self._now().astimezone(UTC) if first else None)


class FrameRate:
    """How many different pictures a second were shown, over the last two seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._since = monotonic()
        self._count = 0
        self.value = 0.0

    def count(self, *, moved: bool) -> None:
        """Note one step."""
        self._count += moved
        elapsed = self._monotonic() - self._since
        if elapsed >= _FPS_OVER_S:
            self.value = float(round(self._count / elapsed))
            self._since, self._count = self._monotonic(), 0


class Backlog:
    """Whether drawing takes so long, again and again, that pictures come faster than they are shown."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._slow: deque[float] = deque(maxlen=_SLOW_STEPS)

    def count(self, seconds: float) -> None:
        """Note how long one step took."""
        if seconds > _SLOW_S:
            self._slow.append(self._monotonic())

    @property
    def behind(self) -> bool:
        """Whether the last seconds had several slow steps: a single one may be a new scene being drawn."""
        return len(self._slow) == _SLOW_STEPS and self._monotonic() - self._slow[0] < _SLOW_OVER_S


def _same(one: View, other: View) -> bool:
    # comparing two whole rooms would cost more than it saves; a new wish is a new object
    return one.room is other.room and (one.faults, one.daemon_lost) == (other.faults, other.daemon_lost)
