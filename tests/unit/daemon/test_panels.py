"""A touch panel that was there and does not come back is missed; one that never was is not."""

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from builders import NOON, room

from appliance.panels import Panels
from appliance.seats import CommandSeat
from appliance.state.commands import Ack, Origin
from appliance.state.events import PanelGone
from appliance.state.reducer import reduce
from appliance.state.room import Face, Senses
from appliance.state.store import RoomStore
from appliance.telemetry.issues import issues_of


class Peer:
    """A panel, or somebody else, that connects and goes when the test says so."""

    def __init__(self):
        self.seated = asyncio.Event()
        self.goes = asyncio.Event()

    async def messages(self):
        self.seated.set()
        await self.goes.wait()
        for message in ():
            yield message

    def offer(self, kind, body, message_id=0):
        pass


@asynccontextmanager
async def watched(patience_s):
    """Watch over panels; yield them, and what is told."""
    told = asyncio.Queue()
    panels = Panels(on_gone=told.put_nowait, now=lambda: NOON, patience_s=patience_s)
    task = asyncio.create_task(panels.run())
    try:
        async with asyncio.timeout(20):
            yield panels, told
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_panel_that_stays_away_is_missed_until_one_is_back():
    async with watched(patience_s=0.01) as (panels, told):
        with panels.seated():
            assert await told.get() is None
        assert await told.get() == NOON
        with panels.seated():
            assert await told.get() is None


async def test_nobody_misses_a_panel_while_another_is_there_or_it_is_back_in_time():
    async with watched(patience_s=600) as (panels, told):
        with panels.seated():
            assert await told.get() is None
            with panels.seated():
                pass
        # it is back before anybody looked
        with panels.seated():
            await asyncio.sleep(0)
            assert told.empty()


async def test_only_a_panel_in_the_room_counts_as_the_rooms():
    async def dispatch(command, origin):
        return Ack()

    for origin, counts in ((Origin.CLI, False), (Origin.TOUCH, True)):
        async with watched(patience_s=0) as (panels, told):
            store = RoomStore(room(), now=lambda: NOON)
            seat = CommandSeat(store, lambda _, origin=origin: origin, dispatch, touch=panels.seated)
            peer = Peer()
            async with asyncio.TaskGroup() as group:
                group.create_task(seat.serve(peer))
                await peer.seated.wait()
                if counts:
                    assert await told.get() is None
                peer.goes.set()
            if counts:
                assert await told.get() == NOON
            assert told.empty()


def test_a_lost_panel_is_an_issue_with_a_remedy_since_it_went():
    well = replace(room(), now=NOON, senses=Senses(connected=True), face=Face(connected=True, lit=True))
    assert issues_of(well) == ()
    (issue,) = issues_of(reduce(well, PanelGone(NOON), NOON))
    assert (issue.id, issue.severity, issue.since) == ("panel.lost", "warning", int(NOON.timestamp() * 1000))
    assert "salon-panel" in issue.remedy
    assert issues_of(reduce(reduce(well, PanelGone(NOON), NOON), PanelGone(None), NOON)) == ()
