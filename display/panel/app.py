"""The panel as a Textual application: feeds the screen from the link, sends what is pressed, shows what is refused."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.timer import Timer

from appliance.state.commands import AckStatus, Command
from appliance.state.room import RoomState
from appliance.state.views import reason_text, words_change_in
from display.panel import style
from display.panel.keys import TouchKey
from display.panel.link import LevelSource, RoomLink
from display.panel.screen import AWAY_S, RoomScreen
from display.panel.sheet import Sheet, Shown
from display.panel.terminal import Terminal

_TOAST_S = 6.0
_ANSWER_S = 10.0


def local_now() -> datetime:
    """Return the time on the wall, with this machine's zone."""
    return datetime.now().astimezone()


class RoomChanged(Message):
    """A newer state is there; one that still waits is dropped, so a burst of changes never piles up."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, RoomChanged)


class PanelApp(App[None]):
    """The hands of one room. In a kiosk no key ends it."""

    TITLE = "Salon"
    # the screen's own would be scoped, and its size classes could not be named
    CSS = style.CSS
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", show=False, priority=True),
        Binding("ctrl+c", "quit", show=False, priority=True),
    ]

    def __init__(
        self,
        link: RoomLink,
        levels: LevelSource,
        *,
        kiosk: bool = False,
        far: str = "",
        typed_at: bool = False,
        now: Callable[[], datetime] = local_now,
        clock: Callable[[], float] = time.monotonic,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(driver_class=Terminal)
        self.animation_level = "none"
        self.changes = 0
        """How often the picture may have changed; whoever takes pictures compares."""
        self._link = link
        self._levels = levels
        self._kiosk = kiosk
        self._now = now
        self._on_ready = on_ready
        self.room = RoomScreen(clock=clock, far=far, typed_at=typed_at)
        """The one screen."""
        self._state: RoomState | None = None
        self._told_ready = False
        self._ticker: Timer | None = None

    async def on_mount(self) -> None:
        await self.push_screen(self.room)
        self._show()
        self.run_worker(self._watch_states(), name="panel:states")
        self.run_worker(self._watch_connection(), name="panel:connection")
        self.run_worker(self._watch_levels(), name="panel:levels")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Let a kiosk's keyboard not end the panel."""
        if self._kiosk and action in {"quit", "help_quit"}:
            return False
        return super().check_action(action, parameters)

    def on_room_changed(self) -> None:
        self._show()
        if self._state is not None and not self._told_ready:
            self._told_ready = True
            self.call_after_refresh(self._on_ready)

    def on_touch_key_pressed(self, event: TouchKey.Pressed) -> None:
        button = event.button
        if button.enabled and button.command is not None:
            self.run_worker(self._send(event.key, button.command), name=f"panel:{event.key.id}")
        elif button.why:
            self._tell(button.why)

    async def _send(self, key: TouchKey, command: Command) -> None:
        key.add_class("-sent")
        try:
            async with asyncio.timeout(_ANSWER_S):
                ack = await self._link.send(command)
        except (OSError, TimeoutError):
            self._tell("The room did not answer. Try again in a moment.")
        else:
            if ack.status is not AckStatus.OK:
                self._tell(ack.reason or "The room refused that and did not say why.")
        finally:
            key.remove_class("-sent")

    async def _watch_states(self) -> None:
        async for state in self._link.states():
            self._state = state
            self.post_message(RoomChanged())

    async def _watch_connection(self) -> None:
        async for _ in self._link.connection_changes.values():
            self.post_message(RoomChanged())

    async def _watch_levels(self) -> None:
        async for meters in self._levels.meters():
            self.room.hear(meters.microphone)
            self.changes += 1

    def _show(self) -> None:
        now = self._now()
        self.changes += 1
        shown = Shown(self._state, now, self._link.connected, self._link.trouble)
        self.room.show(shown)
        if self.screen_stack and isinstance(self.screen, Sheet):
            self.screen.show(shown)
        self._tick_later(now)

    def _tick_later(self, now: datetime) -> None:
        if self._ticker is not None:
            self._ticker.stop()
        wait = 60.0 if self._state is None else words_change_in(self._state, now)
        wait = wait if self._link.connected else min(wait, AWAY_S)
        # a hair late, so that the words have really changed
        self._ticker = self.set_timer(wait + 0.01, self._show, name="panel:tick")

    def _tell(self, reason: str) -> None:
        self.clear_notifications()
        self.notify(reason_text(reason), severity="warning", timeout=_TOAST_S, markup=False)
