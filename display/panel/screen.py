"""The panel's one screen: turns the room's state into words and keys; its own is only which meeting is chosen."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.events import Resize
from textual.screen import Screen
from textual.widgets import Static

from appliance.state.buttons import Button, actions, camera_button, mic_button, out_of_reach, target, volume_buttons
from appliance.state.problems import Problem
from appliance.state.room import MeetingKey, Phase, RoomState
from appliance.state.sound import SoundHint
from appliance.state.views import agenda_rows, calendar_line, detail_line, reason_text
from display.panel import palette
from display.panel.agenda import Agenda, MeetingLine
from display.panel.band import Band, KeySheet, ProblemSheet, attention
from display.panel.header import CONNECTING, NOT_UNDERSTOOD, Header, dotted, status_words
from display.panel.keys import TouchKey
from display.panel.people import People
from display.panel.sheet import RESTARTING, STARTING, Sheet, Shown, fit
from display.panel.sheets import MoreSheet
from display.panel.sound import LevelMeter, VolumeBar
from display.panel.words import Words

AWAY_S = 5.0
"""After so long without a room it is no longer thought to be starting."""
_ITS_START = "Its control program is starting."
_NOBODY, _REMEDY = "No room answers here", "Start it: salon up, or systemctl start salon.target"
_KEYS = Problem(
    "Keys",
    "m  mute or unmute        c  camera\n"
    "j  join                  l  leave or cancel\n"
    "+ −  volume              ↑ ↓  choose a meeting\n"
    "p  what does not work    d  devices, camera\n"
    "Tab, Enter  any key here",
)
_ENDS = "\nCtrl-C  end this panel"
_FOOTER = "m mute   c camera   j join   l leave   + − volume   ? all keys   Ctrl-C ends"


class Place(Container, can_focus=True):
    """Where the first Tab goes: Enter does nothing there, and so never ends a call by mistake."""


class RoomScreen(Screen[None]):
    """Shows one room."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "press('mic')", show=False),
        Binding("c", "press('camera')", show=False),
        Binding("j", "press('first')", show=False),
        Binding("l", "leave", show=False),
        Binding("minus", "press('quieter')", show=False),
        Binding("plus,equals_sign", "press('louder')", show=False),
        Binding("down", "choose(1)", show=False),
        Binding("up", "choose(-1)", show=False),
        Binding("p", "problems", show=False),
        Binding("d", "more", show=False),
        Binding("question_mark", "keys", show=False),
    ]

    def __init__(self, *, clock: Callable[[], float], far: str = "", typed_at: bool = False) -> None:
        super().__init__()
        self._clock = clock
        self._typed_at = typed_at
        self._away_since: float | None = None
        self._far = far
        self._shown = Shown(None, datetime.min.replace(tzinfo=UTC), connected=False)
        self._chosen: MeetingKey | None = None

    def compose(self) -> ComposeResult:
        fit(self, self.app.size)
        yield Header()
        yield Band()
        with Container(id="body"):
            with Place(id="list"):
                yield Agenda(clock=self._clock)
                yield People(clock=self._clock)
            with Vertical(id="side"):
                with Container(id="actions"):
                    yield TouchKey(key_id="first", clock=self._clock)
                    yield TouchKey(key_id="second", clock=self._clock)
                with Horizontal(id="levels"):
                    yield LevelMeter(clock=self._clock)
                    yield VolumeBar(bar_id="small-volume")
                yield Words(widget_id="hint", grows=True)
        with Horizontal(id="controls"):
            yield TouchKey(key_id="mic", clock=self._clock)
            yield TouchKey(key_id="camera", clock=self._clock)
            yield TouchKey(key_id="quieter", clock=self._clock, pause_s=0.08)
            yield VolumeBar(bar_id="volume")
            yield TouchKey(key_id="louder", clock=self._clock, pause_s=0.08)
        self.set_class(self._typed_at, "-typed")
        if self._typed_at:
            yield Static(_FOOTER, id="footer", markup=False)

    def show(self, shown: Shown) -> None:
        """Show the newest of the room."""
        self._shown = shown
        state, now, connected = shown.state, shown.now, shown.connected
        if connected:
            self._away_since = None
        elif self._away_since is None:
            self._away_since = self._clock()
        if not self.is_up:
            return
        self.query_one(Header).show_time(now, calendar_line(state, now) if state and connected else "")
        self.set_class(state is None or not connected, "-away")
        if state is None:
            self._show_nothing_known()
        else:
            self._show_state(state, now)

    @property
    def is_up(self) -> bool:
        """Whether it can be drawn on: ticks and levels may come before it is all up, and while it is taken down."""
        return self.is_mounted and self.app.is_running and self.app.return_code is None

    def hear(self, rms: float) -> None:
        """Take the microphone's newest level."""
        if self.is_up:
            self.query_one(LevelMeter).hear(rms)

    def on_mount(self) -> None:
        self._show_again()

    def on_resize(self, event: Resize) -> None:
        fit(self, event.size)
        self.call_after_refresh(self._show_again)

    def on_meeting_line_chosen(self, event: MeetingLine.Chosen) -> None:
        self._chosen = event.key
        self._show_again()

    def on_header_touched(self) -> None:
        self.action_more()

    def on_band_opened(self) -> None:
        self.action_problems()

    def action_press(self, key: str) -> None:
        self.query_one(f"#{key}", TouchKey).press()

    def action_leave(self) -> None:
        state = self._shown.state
        if state is None or state.call.phase is not Phase.IDLE:
            self.action_press("first")
        elif state.countdown is not None:
            self.action_press("second")

    def action_choose(self, step: int) -> None:
        if self._shown.state is None or not (rows := agenda_rows(self._shown.state, self._shown.now)):
            return
        keys = [row.key for row in rows]
        meant = target(self._shown.state, self._shown.now, self._chosen)
        place = keys.index(meant.key) + step if meant else 0
        self._chosen = keys[min(max(0, place), len(keys) - 1)]
        self._show_again()

    def action_problems(self) -> None:
        if self.query_one(Band).items:
            self._open(ProblemSheet(self._shown, clock=self._clock, far=self._far))

    def action_more(self) -> None:
        if self._shown.state is not None:
            self._open(MoreSheet(self._shown, clock=self._clock, far=self._far))

    def action_keys(self) -> None:
        keys = replace(_KEYS, help=_KEYS.help + _ENDS) if self._typed_at else _KEYS
        self._open(KeySheet(keys, self._shown, clock=self._clock, far=self._far))

    def _open(self, sheet: Sheet) -> None:
        """Lay a sheet over the room, and never one over another: a finger bounces."""
        if self.is_active:
            self.app.push_screen(sheet)

    def _long_away(self) -> bool:
        return self._away_since is not None and self._clock() - self._away_since >= AWAY_S

    def _show_again(self) -> None:
        self.show(self._shown)

    def _show_nothing_known(self) -> None:
        header = self.query_one(Header)
        header.show_room("Salon", far=self._far)
        words, remedy = (_NOBODY, _REMEDY) if self._long_away() else (CONNECTING, _ITS_START)
        if self._shown.trouble:
            words, remedy = NOT_UNDERSTOOD, self._shown.trouble
        header.show_status(dotted(words), remedy)
        for key, label in (("mic", "Mute"), ("camera", "Stop camera"), ("quieter", "Quieter"), ("louder", "Louder")):
            self._key(key).show(Button(label, enabled=False, why=STARTING))
        self._key("first").show(Button("Join", enabled=False, why=STARTING))
        self._key("second").display = False
        self.query_one(Agenda).show((), chosen=None, empty="")
        self.query_one(People).display = False

    def _show_state(self, state: RoomState, now: datetime) -> None:
        in_call = state.call.phase is not Phase.IDLE
        if in_call:
            self._chosen = None
        self.set_class(in_call, "-call")
        self._show_header(state, now)
        self._show_band()
        self._show_list(state, now)
        self._show_keys(state, now)
        hinted = SoundHint.MUTED_SPEECH in state.senses.hearing.hints
        self.query_one("#meter", LevelMeter).show(muted=state.senses.mic_muted, talking=hinted)

    def _show_header(self, state: RoomState, now: datetime) -> None:
        header = self.query_one(Header)
        header.show_room(reason_text(state.name) or "Salon", simulated=state.simulated, far=self._far)
        shown = self._shown
        status = status_words(state, now, connected=shown.connected, trouble=shown.trouble, width=header.room_for)
        remedy = shown.trouble or (_REMEDY if self._long_away() else "")
        header.show_status(status, detail_line(state, now) if self._shown.connected else remedy)

    def _show_band(self) -> None:
        items = attention(self._shown)
        self.query_one(Band).show(items)
        self.set_class(bool(items), "-band")

    def _show_list(self, state: RoomState, now: datetime) -> None:
        talking = self._in_call(state)
        agenda, crowd = self.query_one(Agenda), self.query_one(People)
        agenda.display, crowd.display = not talking, talking
        if talking:
            crowd.show(state)
            return
        meant = target(state, now, self._chosen)
        empty = "Nothing is booked." if state.agenda.fetched_at else ""
        agenda.show(agenda_rows(state, now), chosen=meant.key if meant else None, empty=empty)

    def _show_keys(self, state: RoomState, now: datetime) -> None:
        main = [self._reachable(button) for button in actions(state, now, self._chosen)]
        self._key("first").show(main[0])
        self._key("second").display = len(main) > 1
        self.query_one("#actions").set_class(len(main) > 1, "-two")
        if len(main) > 1:
            self._key("second").show(main[1])
        quieter, louder = volume_buttons(state)
        keys = {"mic": mic_button(state), "camera": camera_button(state), "quieter": quieter, "louder": louder}
        for key, button in keys.items():
            self._key(key).show(self._reachable(button))
        for volume in self.query(VolumeBar):
            volume.show(state.controls.volume)
        hint = _hint(state, now, main) if self._shown.connected else ""
        self.query_one("#hint", Words).say(Content.styled(hint, palette.SOFT))

    def _reachable(self, button: Button) -> Button:
        return button if self._shown.connected else out_of_reach(button, RESTARTING)

    def _key(self, key: str) -> TouchKey:
        return self.query_one(f"#{key}", TouchKey)

    @staticmethod
    def _in_call(state: RoomState) -> bool:
        return state.call.phase in {Phase.LIVE, Phase.RECONNECTING, Phase.LEAVING}


def _hint(state: RoomState, now: datetime, main: Sequence[Button]) -> str:
    """Return what else helps: why a key is off, what comes after this call, how guests get in."""
    if why := next((button.why for button in main if button.why), ""):
        return why
    if state.call.phase is Phase.IDLE:
        return "" if state.countdown else reason_text(state.how_to_join)
    following = next((row for row in agenda_rows(state, now) if not row.on_now), None)
    coming = f"Next at {following.start}: {following.title}" if following and not following.day else ""
    return "\n\n".join(filter(None, (coming, reason_text(state.how_to_join))))
