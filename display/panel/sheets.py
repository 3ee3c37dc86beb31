"""What lies behind the header: the list of devices, and the camera's keys. They follow the room while they are open."""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Grid, Horizontal
from textual.content import Content
from textual.screen import ModalScreen

from appliance.state.buttons import Button, out_of_reach
from appliance.state.camera import PRESETS
from appliance.state.device_views import (
    DeviceRow,
    aim_buttons,
    aim_words,
    check_buttons,
    device_rows,
    framing_button,
    preset_buttons,
    relay_buttons,
    sound_line,
)
from appliance.state.devices import Severity
from appliance.state.room import RoomState
from display.panel import palette
from display.panel.keys import TouchKey
from display.panel.paging import page
from display.panel.words import Words

_CLOSES_S = 120.0
"""Nobody may be there to close it."""
_RESTARTING = "The room's control program is restarting; this key works again in a moment."
_CLOSE = Button("Close", enabled=True)
_RELAYS = 6
"""Keys for lights and blinds; a room with more of them has `salon switch`."""


class RoomSheet(ModalScreen[None]):
    """A sheet that shows the room of now."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", show=False)]

    def __init__(self, state: RoomState, *, connected: bool, clock: Callable[[], float]) -> None:
        super().__init__()
        self.state, self.connected, self.clock = state, connected, clock

    def on_mount(self) -> None:
        self.set_timer(_CLOSES_S, self.dismiss)
        self.set_class(self.app.size.width < 70 or self.app.size.height < 22, "-compact")
        self.fill()

    def show(self, state: RoomState, *, connected: bool) -> None:
        """Show the newest state."""
        self.state, self.connected = state, connected
        if self.is_mounted:
            self.fill()

    def fill(self) -> None:
        """Say all anew; only what changed is drawn."""

    def key(self, key_id: str, button: Button) -> None:
        """Let a key be this button, out of reach while nobody hears it."""
        shown = button if self.connected or button.command is None else out_of_reach(button, _RESTARTING)
        self.query_one(f"#{key_id}", TouchKey).show(shown)


class MoreSheet(RoomSheet):
    """The way to everything that is not needed in each meeting."""

    def compose(self) -> ComposeResult:
        with Container(classes="sheet"):
            yield Words(widget_id="sheet-title")
            with Grid(id="more-keys"):
                for name in ("devices", "camera-keys", "close"):
                    yield TouchKey(key_id=f"more-{name}", clock=self.clock)
                for number in range(_RELAYS):
                    yield TouchKey(key_id=f"relay-{number}", clock=self.clock)

    def fill(self) -> None:
        self.query_one("#sheet-title", Words).say(Content.styled("This room", f"bold {palette.BRIGHT}"))
        faults = sum(row.severity is not Severity.FINE for row in device_rows(self.state))
        detail = f"{faults} need attention" if faults > 1 else "1 needs attention" if faults else "all well"
        self.key("more-devices", Button("Devices", enabled=True, detail=detail))
        self.key("more-camera-keys", Button("Camera", enabled=True, detail="Turn, zoom, presets"))
        self.key("more-close", _CLOSE)
        relays = relay_buttons(self.state)[:_RELAYS]
        for number in range(_RELAYS):
            self.query_one(f"#relay-{number}").display = number < len(relays)
        for number, button in enumerate(relays):
            self.key(f"relay-{number}", button)
        rows = 1 + (len(relays) + 2) // 3
        grid = self.query_one("#more-keys")
        grid.set_class(rows > 1, "-relays")
        grid.set_class(rows > 2, "-many")

    def on_touch_key_pressed(self, event: TouchKey.Pressed) -> None:
        if (event.key.id or "").startswith("relay-"):
            return
        event.stop()
        sheets = {"more-devices": DeviceSheet, "more-camera-keys": CameraSheet}
        chosen = sheets.get(event.key.id or "")
        if chosen is None:
            self.dismiss()
        else:
            self.app.switch_screen(chosen(self.state, connected=self.connected, clock=self.clock))


class DeviceSheet(RoomSheet):
    """All devices, how each does, and what would help."""

    _page = 0

    def compose(self) -> ComposeResult:
        with Container(classes="sheet"):
            yield Words(widget_id="sheet-title")
            yield Words(widget_id="device-list")
            yield Words(widget_id="sound-line")
            with Horizontal(classes="sheet-keys"):
                for name in ("check-devices", "check-sound", "next-devices", "close-devices"):
                    yield TouchKey(key_id=name, clock=self.clock)

    def on_resize(self) -> None:
        self.fill()

    def fill(self) -> None:
        compact = self.has_class("-compact")
        rows = device_rows(self.state)
        room = max(2, self.query_one("#device-list").size.height)
        each = 2
        shown = page(len(rows), self._page, fits=room // each, fits_paged=room // each)
        self.query_one("#sheet-title", Words).say(_headline(rows))
        width = self.query_one("#device-list").size.width
        lines = [_device(row, width) for row in rows[shown.start : shown.start + shown.count]]
        self.query_one("#device-list", Words).say(Content("\n").join(lines))
        self.query_one("#sound-line", Words).say(Content.styled(sound_line(self.state), palette.SOFT))
        devices, sound = check_buttons(self.state)
        self.key(
            "check-devices",
            Button("Check", devices.enabled, devices.why, command=devices.command) if compact else devices,
        )
        self.key("check-sound", Button("Sound", sound.enabled, sound.why, command=sound.command) if compact else sound)
        self.query_one("#next-devices").display = shown.paged
        self.key("next-devices", shown.more)
        self.key("close-devices", _CLOSE)

    def on_touch_key_pressed(self, event: TouchKey.Pressed) -> None:
        if event.key.id == "close-devices":
            event.stop()
            self.dismiss()
        elif event.key.id == "next-devices":
            event.stop()
            self._page += 1
            self.fill()


class CameraSheet(RoomSheet):
    """Turns and zooms the camera, and keeps where it looks."""

    _keeping = False

    def compose(self) -> ComposeResult:
        with Container(classes="sheet"):
            yield Words(widget_id="sheet-title")
            with Grid(id="aim-keys"):
                for name in ("left", "up", "right", "near", "framing", "down", "keep", "wide"):
                    yield TouchKey(key_id=f"aim-{name}", clock=self.clock, pause_s=0.08)
            with Container(id="camera-foot"):
                with Horizontal(id="preset-keys"):
                    for number in range(1, PRESETS + 1):
                        yield TouchKey(key_id=f"preset-{number}", clock=self.clock)
                yield TouchKey(key_id="close-camera", clock=self.clock)

    def fill(self) -> None:
        self.query_one("#sheet-title", Words).say(Content.styled(aim_words(self.state.aim), palette.SOFT))
        for name, button in aim_buttons().items():
            self.key(f"aim-{name}", button)
        framing = framing_button(self.state)
        short = "Unframe" if self.state.aim.framing else "Frame"
        self.key("aim-framing", replace(framing, label=short) if self.has_class("-compact") else framing)
        keep = (
            Button("Cancel", True, detail="Choose a place")
            if self._keeping
            else Button("Keep", True, detail="as preset")
        )
        self.key("aim-keep", keep)
        for number, button in enumerate(preset_buttons(self.state, keeping=self._keeping), 1):
            self.key(f"preset-{number}", button)
        self.key("close-camera", _CLOSE)

    def on_touch_key_pressed(self, event: TouchKey.Pressed) -> None:
        pressed = event.key.id or ""
        if pressed == "close-camera":
            event.stop()
            self.dismiss()
        elif pressed == "aim-keep":
            event.stop()
            self._keeping = not self._keeping
            self.fill()
        elif pressed.startswith("preset-") and self._keeping:
            self._keeping = False


def _headline(rows: tuple[DeviceRow, ...]) -> Content:
    worst = [row for row in rows if row.severity is not Severity.FINE]
    if not worst:
        return Content.styled("All devices are well", f"bold {palette.GREEN}")
    words = f"{len(worst)} devices need attention" if len(worst) > 1 else "One device needs attention"
    return Content.styled(words, f"bold {palette.AMBER}")


def _device(row: DeviceRow, width: int) -> Content:
    mark, colour = (
        _MARKS[row.severity] if row.severity is not Severity.FINE else ("●" if row.in_use else "○", palette.GREEN)
    )
    colour = colour if row.named else palette.FAINT
    title = Content.styled(row.title, f"bold {palette.BRIGHT}").truncate(
        max(1, width - len(row.words) - 4), ellipsis=True, pad=True
    )
    first = Content.assemble((f"{mark} ", colour), title, "  ", (row.words, colour))
    return Content("\n").join([first, Content.styled(f"  {row.remedy}", palette.SOFT).truncate(width, ellipsis=True)])


_MARKS = {Severity.IMPORTANT: ("!", palette.RED), Severity.WARNING: ("!", palette.AMBER)}
