"""What lies behind the panel's header: the list of devices, the camera's keys, lights and blinds."""

from dataclasses import replace

from textual.app import ComposeResult
from textual.containers import Container, Grid, Horizontal
from textual.content import Content

from appliance.state.buttons import Button
from appliance.state.camera import PRESETS, CameraAim
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
from display.panel.device_list import DeviceList
from display.panel.keys import TouchKey
from display.panel.sheet import Sheet, heading
from display.panel.words import Words

_RELAYS = 6
"""Keys for lights and blinds; a room with more of them has `salon switch`."""
_ACROSS = 3
_CHOOSE = "Choose a number: it keeps where the camera looks now."


class MoreSheet(Sheet):
    """The way to everything that is not needed in each meeting."""

    def body(self) -> ComposeResult:
        with Container(id="more-keys"):
            with Horizontal(classes="more-row"):
                yield TouchKey(key_id="more-devices", clock=self.clock)
                yield TouchKey(key_id="more-camera-keys", clock=self.clock)
            for start in range(0, _RELAYS, _ACROSS):
                with Horizontal(classes="more-row", id=f"relays-{start}"):
                    for number in range(start, start + _ACROSS):
                        yield TouchKey(key_id=f"relay-{number}", clock=self.clock)

    def headline(self) -> Content:
        return heading("This room")

    def fill(self) -> None:
        state = self.shown.state
        faults = _faults(device_rows(state)) if state else 0
        detail = f"{faults} need attention" if faults > 1 else "1 needs attention" if faults else "all well"
        self.key("more-devices", Button("Devices", enabled=True, detail=detail))
        self.key("more-camera-keys", Button("Camera", enabled=True, detail="Turn, zoom, presets"))
        self._fill_relays(relay_buttons(state)[:_RELAYS] if state else ())

    def _fill_relays(self, buttons: tuple[Button, ...]) -> None:
        for number, button in enumerate(buttons):
            self.key(f"relay-{number}", button)
        for number in range(_RELAYS):
            self.query_one(f"#relay-{number}").display = number < len(buttons)
        for start in range(0, _RELAYS, _ACROSS):
            self.query_one(f"#relays-{start}").display = start < len(buttons)
        self.set_class(len(buttons) > _ACROSS, "-many")

    def on_touch_key_pressed(self, event: TouchKey.Pressed) -> None:
        sheets = {"more-devices": DeviceSheet, "more-camera-keys": CameraSheet}
        if (chosen := sheets.get(event.key.id or "")) is not None:
            event.stop()
            self.become(chosen(self.shown, clock=self.clock, far=self.far))


class DeviceSheet(Sheet):
    """All devices, how each does, and what would help."""

    def body(self) -> ComposeResult:
        yield DeviceList()
        yield Words(widget_id="sound-line")
        with Horizontal(id="device-keys"):
            for name in ("check-devices", "check-sound", "next-devices"):
                yield TouchKey(key_id=name, clock=self.clock)

    def headline(self) -> Content:
        rows = device_rows(self.shown.state) if self.shown.state else ()
        faults = _faults(rows)
        if not rows:
            return heading("Devices")
        if not faults:
            return heading("All devices are well", palette.GREEN)
        words = f"{faults} devices need attention" if faults > 1 else "One device needs attention"
        return heading(words, palette.AMBER)

    def fill(self) -> None:
        state = self.shown.state
        if state is None:
            return
        self.query_one(DeviceList).show(device_rows(state), self.shown.now)
        sound = sound_line(state)
        line = self.query_one("#sound-line", Words)
        line.display = bool(sound)
        line.say(Content.styled(sound, palette.SOFT))
        self._fill_keys(state)
        self.call_after_refresh(self._fill_pages)

    def _fill_keys(self, state: RoomState) -> None:
        devices, sound = check_buttons(state)
        if self.has_class("-compact"):
            devices, sound = replace(devices, label="Check"), replace(sound, label="Sound")
        self.key("check-devices", devices)
        self.key("check-sound", sound)

    def _fill_pages(self) -> None:
        """Offer the next page; how many there are is known once the list has its size."""
        if self.is_active:
            shown = self.query_one(DeviceList).page
            self.query_one("#next-devices").display = shown.paged
            self.key("next-devices", shown.more)

    def on_touch_key_pressed(self, event: TouchKey.Pressed) -> None:
        if event.key.id == "next-devices":
            event.stop()
            self.query_one(DeviceList).turn()
            self._fill_pages()


class CameraSheet(Sheet):
    """Turns and zooms the camera, and keeps where it looks."""

    _keeping = False

    def body(self) -> ComposeResult:
        with Grid(id="aim-keys"):
            for name in ("left", "up", "right", "near", "framing", "down", "keep", "wide"):
                yield TouchKey(key_id=f"aim-{name}", clock=self.clock, pause_s=0.08)
        with Horizontal(id="preset-keys"):
            for number in range(1, PRESETS + 1):
                yield TouchKey(key_id=f"preset-{number}", clock=self.clock)

    def headline(self) -> Content:
        aim = self.shown.state.aim if self.shown.state else CameraAim()
        words = _CHOOSE if self._keeping else aim_words(aim)
        return Content.assemble(heading("Camera"), "  ", (words, palette.SOFT))

    def fill(self) -> None:
        state = self.shown.state
        if state is None:
            return
        for name, button in aim_buttons().items():
            self.key(f"aim-{name}", button)
        framing = framing_button(state)
        short = "Unframe" if state.aim.framing else "Frame"
        self.key("aim-framing", replace(framing, label=short) if self.has_class("-compact") else framing)
        keep = (
            Button("Cancel", True, detail="keep nothing") if self._keeping else Button("Keep", True, detail="as preset")
        )
        self.key("aim-keep", keep)
        for number, button in enumerate(preset_buttons(state, keeping=self._keeping), 1):
            self.key(f"preset-{number}", button)

    def on_touch_key_pressed(self, event: TouchKey.Pressed) -> None:
        pressed = event.key.id or ""
        if pressed == "aim-keep":
            event.stop()
            self._keep(not self._keeping)
        elif pressed.startswith("preset-") and self._keeping:
            self._keep(False)

    def _keep(self, keeping: bool) -> None:
        self._keeping = keeping
        self.fill_all()


def _faults(rows: tuple[DeviceRow, ...]) -> int:
    return sum(row.severity is not Severity.FINE for row in rows)
