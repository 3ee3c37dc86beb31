"""What people in the room should read: one line of it in a band, all of it on a sheet."""

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widget import Widget

from appliance.state.buttons import Button
from appliance.state.problems import Problem, problems
from appliance.state.views import reason_text
from display.panel import palette
from display.panel.keys import TouchKey
from display.panel.sheet import Sheet, Shown, heading
from display.panel.words import Words

_NOTHING = Problem("All is well again", "Nothing needs attention any more.")
_INDENT = 2


class Band(Widget):
    """The first problem with its remedy; there is no band while all is well."""

    class Opened(Message):
        """Somebody wants to read all of it."""

    def __init__(self) -> None:
        super().__init__(id="band")
        self.items: tuple[Problem, ...] = ()
        self.display = False

    def show(self, items: tuple[Problem, ...]) -> None:
        """Show the first of these; the others are a touch away."""
        if items != self.items:
            self.items = items
            self.display = bool(items)
            self.refresh(layout=True)

    def on_click(self, event: Click) -> None:
        event.stop()
        self.post_message(self.Opened())

    def render(self) -> Content:
        if not self.items:
            return Content()
        first, others = self.items[0], len(self.items) - 1
        parts = [("! ", f"bold {palette.AMBER}"), (first.what, f"bold {palette.BRIGHT}")]
        if others:
            parts.append((f"  +{others} more", palette.AMBER))
        head = Content.assemble(*parts)
        return Content("\n").join([head, *(line.pad_left(_INDENT) for line in self._help(first.help))])

    def _help(self, words: str) -> list[Content]:
        """Break the remedy into the lines there are, the last one cut where it does not end there."""
        width, most = max(1, self.content_size.width - _INDENT), 1 if self.screen.has_class("-compact") else 2
        lines = Content.styled(words, palette.SOFT).wrap(width) if words else []
        if len(lines) <= most:
            return lines
        return [*lines[: most - 1], Content(" ").join(lines[most - 1 :]).truncate(width, ellipsis=True)]


class Reading(Sheet):
    """Things to read, one at a time, in full."""

    _place = 0

    def body(self) -> ComposeResult:
        yield Words(widget_id="sheet-text", grows=True)
        yield TouchKey(key_id="sheet-next", clock=self.clock)

    def on_touch_key_pressed(self, event: TouchKey.Pressed) -> None:
        if event.key.id == "sheet-next":
            event.stop()
            self._place += 1
            self.fill_all()

    def fill_all(self) -> None:
        super().fill_all()
        if self.is_mounted and self.is_active:
            self._say(self.items())

    def items(self) -> Sequence[Problem]:
        """Return what there is to read now."""
        return ()

    def _say(self, items: Sequence[Problem]) -> None:
        place = self._place % max(1, len(items))
        item = items[place] if items else _NOTHING
        following = self.query_one("#sheet-next", TouchKey)
        following.display = len(items) > 1
        following.show(Button("Next", enabled=True, detail=f"{place + 1} of {len(items)}"))
        what = Content.styled(item.what, f"bold {palette.BRIGHT}")
        text = Content("\n\n").join([what, Content.styled(item.help, palette.SOFT)])
        self.query_one("#sheet-text", Words).say(text)


class ProblemSheet(Reading):
    """What does not work now; what was put right meanwhile goes."""

    def headline(self) -> Content:
        return heading("What needs attention", palette.AMBER)

    def items(self) -> Sequence[Problem]:
        return attention(self.shown)


class KeySheet(Reading):
    """What the keys of a keyboard do."""

    def __init__(self, keys: Problem, shown: Shown, *, clock: Callable[[], float], far: str = "") -> None:
        super().__init__(shown, clock=clock, far=far)
        self._keys = keys

    def items(self) -> Sequence[Problem]:
        return (self._keys,)


def attention(shown: Shown) -> tuple[Problem, ...]:
    """Return what people in the room should read: the newest notice, then what does not work."""
    if shown.state is None:
        return ()
    notice = reason_text(shown.state.notice)
    items = (Problem(notice, ""),) if notice else ()
    return (*items, *problems(shown.state, shown.now)) if shown.connected else items
