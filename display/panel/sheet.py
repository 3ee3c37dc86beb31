"""A page that lies over the room's own for a while. What nobody may lose sight of stays on it, and at hand.

That is the microphone and the camera, where their keys are on the room's own page, and a meeting that the room is about
to join.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.events import Resize
from textual.geometry import Size
from textual.screen import Screen
from textual.timer import Timer

from appliance.state.buttons import Button, camera_button, leave_button, mic_button, out_of_reach
from appliance.state.room import Phase, RoomState
from display.panel import palette
from display.panel.header import badges, clock_words, status_words
from display.panel.keys import TouchKey
from display.panel.words import Words

STARTING = "The room's control program is starting; a moment."
RESTARTING = "The room's control program is restarting; this key works again in a moment."
_CLOSES_S = 120.0
"""Nobody may be there to close it."""
_CLOSE = Button("Close", enabled=True)
_MIC, _CAMERA = Button("Mute", enabled=False, why=STARTING), Button("Stop camera", enabled=False, why=STARTING)


@dataclass(frozen=True, slots=True)
class Shown:
    """What the panel shows."""

    state: RoomState | None
    """None before the first; without a connection the last one known."""
    now: datetime
    connected: bool
    trouble: str = ""
    """Why a room that answers cannot be shown, and what would help."""


def fit(page: Screen[None], size: Size) -> None:
    """Choose one of the three sizes that `style` knows."""
    page.set_class(size.width < 70 or size.height < 22, "-compact")
    page.set_class(size.width >= 96 and size.height >= 28, "-wide")


class Sheet(Screen[None]):
    """Shows the room of now, and goes by itself when nobody touches it."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", show=False),
        Binding("m", "press('mic')", show=False),
        Binding("c", "press('camera')", show=False),
        Binding("l", "press('sheet-cancel')", show=False),
    ]

    def __init__(self, shown: Shown, *, clock: Callable[[], float], far: str = "") -> None:
        super().__init__()
        self.shown, self.clock, self.far = shown, clock, far

    def compose(self) -> ComposeResult:
        fit(self, self.app.size)
        with Horizontal(id="sheet-top"):
            yield Words(widget_id="sheet-title")
            yield Words(widget_id="sheet-clock", grows=True)
        yield Words(widget_id="sheet-status")
        with Container(id="sheet-body"):
            yield from self.body()
        with Horizontal(id="sheet-foot"):
            yield TouchKey(key_id="mic", clock=self.clock)
            yield TouchKey(key_id="camera", clock=self.clock)
            with Horizontal(id="sheet-right"):
                yield TouchKey(key_id="sheet-cancel", clock=self.clock)
                yield TouchKey(key_id="sheet-close", clock=self.clock)

    def body(self) -> ComposeResult:
        """Yield what this sheet is for."""
        yield from ()

    def on_mount(self) -> None:
        self.query_one("#sheet-cancel").display = False
        self._untouched = self._wait_for_touches()
        self.fill_all()

    def on_resize(self, event: Resize) -> None:
        fit(self, event.size)
        self.call_after_refresh(self.fill_all)

    def on_touch_key_pressed(self, event: TouchKey.Pressed) -> None:
        self._untouched.stop()
        self._untouched = self._wait_for_touches()
        if event.key.id == "sheet-close":
            event.stop()
            self.close()

    def show(self, shown: Shown) -> None:
        """Show the newest of it."""
        self.shown = shown
        self.fill_all()

    def fill_all(self) -> None:
        """Say all anew, unless the sheet is not up yet or is on its way out; only what changed is drawn."""
        if not self.is_mounted or not self.is_active:
            return
        self._fill_frame()
        self.fill()

    def fill(self) -> None:
        """Say anew what this sheet is for."""

    def headline(self) -> Content:
        """Return what the sheet is about."""
        return Content()

    def key(self, key_id: str, button: Button) -> None:
        """Let a key be this button, out of reach while nobody hears it."""
        shown = button if self.shown.connected or button.command is None else out_of_reach(button, RESTARTING)
        self.query_one(f"#{key_id}", TouchKey).show(shown)

    def close(self) -> None:
        """Go, once: closed twice, or by its timer and a finger at the same time, it must not take the room along."""
        if self.is_active:
            self.app.pop_screen()

    def become(self, sheet: "Sheet") -> None:
        """Let another sheet take this one's place, if it still has it."""
        if self.is_active:
            self.app.switch_screen(sheet)

    def action_close(self) -> None:
        self.close()

    def action_press(self, key: str) -> None:
        if (found := self.query_one(f"#{key}", TouchKey)).display:
            found.press()

    def _wait_for_touches(self) -> Timer:
        return self.set_timer(_CLOSES_S, self.close, name="sheet:close")

    def _fill_frame(self) -> None:
        state, now, connected = self.shown.state, self.shown.now, self.shown.connected
        simulated = state is not None and state.simulated
        title = Content.assemble(self.headline(), *badges(simulated=simulated, far=self.far, short=False))
        self.query_one("#sheet-title", Words).say(title)
        self.query_one("#sheet-clock", Words).say(clock_words(now))
        status = self.query_one("#sheet-status", Words)
        status.say(
            status_words(state, now, connected=connected, trouble=self.shown.trouble, width=status.content_size.width)
        )
        self.key("mic", mic_button(state) if state else _MIC)
        self.key("camera", camera_button(state) if state else _CAMERA)
        self._offer_cancel(_cancel(state) if state else None)
        self.key("sheet-close", _CLOSE)

    def _offer_cancel(self, button: Button | None) -> None:
        key = self.query_one("#sheet-cancel", TouchKey)
        if button is not None:
            if not key.display:
                key.settle()
            self.key("sheet-cancel", button)
        key.display = button is not None


def heading(words: str, colour: str = palette.BRIGHT) -> Content:
    """Return a title as sheets set it."""
    return Content.styled(words, f"bold {colour}")


def _cancel(state: RoomState) -> Button | None:
    """Stop a join that is on its way; a call is left on the room's own page, where Leave is not beside Close."""
    idle = state.call.phase is Phase.IDLE
    coming = state.countdown is not None if idle else state.call.phase in {Phase.JOINING, Phase.LOBBY}
    return leave_button(state) if coming else None
