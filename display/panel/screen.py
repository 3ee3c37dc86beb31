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
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Static

from appliance.state.buttons import Button, actions, camera_button, mic_button, out_of_reach, target, volume_buttons
from appliance.state.problems import Problem, problems
from appliance.state.room import MeetingKey, Phase, RoomState
from appliance.state.sound import SoundHint
from appliance.state.views import agenda_rows, calendar_line, detail_line, reason_text, status_line
from display.panel import palette
from display.panel.agenda import Agenda, MeetingLine
from display.panel.band import Band, Sheet
from display.panel.header import Header, dot
from display.panel.keys import TouchKey
from display.panel.people import People
from display.panel.sheets import MoreSheet
from display.panel.sound import LevelMeter, VolumeBar
from display.panel.words import Words

AWAY_S = 5.0
"""After so long without a room it is no longer thought to be starting."""
_CONNECTING, _ITS_START = "Connecting to the room", "Its control program is starting."
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
_STARTING = "The room's control program is starting; a moment."
_CALL_GOES_ON = "The room's control program is restarting; the call goes on"
_COMES_BACK = "The room's control program is restarting"
_TRY_LATER = "The room's control program is restarting; this key works again in a moment."


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
        self._state: RoomState | None = None
        self._now = datetime.min.replace(tzinfo=UTC)
        self._chosen: MeetingKey | None = None
        self._connected = False

    def compose(self) -> ComposeResult:
        self._fit(self.app.size)
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

    def show(self, state: RoomState | None, now: datetime, *, connected: bool) -> None:
        """Show the newest state, None before the first; without a connection it is the last one known."""
        self._state, self._now, self._connected = state, now, connected
        if connected:
            self._away_since = None
        elif self._away_since is None:
            self._away_since = self._clock()
        # a tick may still come while the panel is being taken down, or was before it was all up
        if not self.is_mounted or not self.app.is_running or self.app.return_code is not None:
            return
        self.query_one(Header).show_time(now, calendar_line(state, now) if state and connected else "")
        self.set_class(state is None or not connected, "-away")
        if state is None:
            self._show_nothing_known()
        else:
            self._show_state(state, now)

    def on_mount(self) -> None:
        self._show_again()

    def on_resize(self, event: Resize) -> None:
        self._fit(event.size)
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
        state = self._state
        if state is None or state.call.phase is not Phase.IDLE:
            self.action_press("first")
        elif state.countdown is not None:
            self.action_press("second")

    def action_choose(self, step: int) -> None:
        if self._state is None or not (rows := agenda_rows(self._state, self._now)):
            return
        keys = [row.key for row in rows]
        meant = target(self._state, self._now, self._chosen)
        place = keys.index(meant.key) + step if meant else 0
        self._chosen = keys[min(max(0, place), len(keys) - 1)]
        self._show_again()

    def action_problems(self) -> None:
        if items := self.query_one(Band).items:
            self.app.push_screen(Sheet(items, clock=self._clock))

    def action_more(self) -> None:
        if self._state is not None:
            self.app.push_screen(MoreSheet(self._state, connected=self._connected, clock=self._clock))

    def action_keys(self) -> None:
        keys = replace(_KEYS, help=_KEYS.help + _ENDS) if self._typed_at else _KEYS
        self.app.push_screen(Sheet((keys,), clock=self._clock))

    def _long_away(self) -> bool:
        return self._away_since is not None and self._clock() - self._away_since >= AWAY_S

    def _fit(self, size: Size) -> None:
        self.set_class(size.width < 70 or size.height < 22, "-compact")
        self.set_class(size.width >= 96 and size.height >= 28, "-wide")

    def _show_again(self) -> None:
        self.show(self._state, self._now, connected=self._connected)

    def _show_nothing_known(self) -> None:
        header = self.query_one(Header)
        header.show_room("Salon", far=self._far)
        header.show_status(*((_NOBODY, _REMEDY) if self._long_away() else (_CONNECTING, _ITS_START)))
        for key, label in (("mic", "Mute"), ("camera", "Stop camera"), ("quieter", "Quieter"), ("louder", "Louder")):
            self._key(key).show(Button(label, enabled=False, why=_STARTING))
        self._key("first").show(Button("Join", enabled=False, why=_STARTING))
        self._key("second").display = False
        self.query_one(Agenda).show((), chosen=None, empty="")
        self.query_one(People).display = False

    def _show_state(self, state: RoomState, now: datetime) -> None:
        in_call = state.call.phase is not Phase.IDLE
        if in_call:
            self._chosen = None
        self.set_class(in_call, "-call")
        self._show_header(state, now)
        self._show_band(state, now)
        self._show_list(state, now)
        self._show_keys(state, now)
        hinted = SoundHint.MUTED_SPEECH in state.senses.hearing.hints
        self.query_one("#meter", LevelMeter).show(muted=state.senses.mic_muted, talking=hinted)

    def _show_header(self, state: RoomState, now: datetime) -> None:
        header = self.query_one(Header)
        header.show_room(reason_text(state.name) or "Salon", simulated=state.simulated, far=self._far)
        if self._connected:
            status = status_line(state, now, max(0, header.room_for - 2))
            header.show_status(status, detail_line(state, now), dot(state, now))
        else:
            header.show_status(
                _CALL_GOES_ON if self._in_call(state) else _COMES_BACK, _REMEDY if self._long_away() else ""
            )

    def _show_band(self, state: RoomState, now: datetime) -> None:
        notice = reason_text(state.notice)
        items: tuple[Problem, ...] = (Problem(notice, ""),) if notice else ()
        items = items + problems(state, now) if self._connected else ()
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
        hint = _hint(state, now, main) if self._connected else ""
        self.query_one("#hint", Words).say(Content.styled(hint, palette.SOFT))

    def _reachable(self, button: Button) -> Button:
        return button if self._connected else out_of_reach(button, _TRY_LATER)

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
