"""The panel's end, at any moment: quiet, and with success."""

from panel_rooms import IDLE, NOW, Clock, ScriptedRoom

from display.panel.app import PanelApp


class EndedAtOnce(PanelApp):
    """A panel that is told to end while it is still starting."""

    async def on_mount(self):
        self.exit()
        await super().on_mount()


async def test_a_panel_that_is_ended_while_it_starts_ends_quietly():
    room = ScriptedRoom(IDLE)
    app = EndedAtOnce(room, room, now=lambda: NOW, clock=Clock())
    await app.run_async(headless=True, size=(100, 30))
    assert app.return_code == 0
