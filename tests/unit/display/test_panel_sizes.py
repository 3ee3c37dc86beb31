"""The panel fits its three sizes, and every key is big enough for a finger."""

import re
from dataclasses import replace

import pytest
from panel_rooms import COUNTING, IDLE, SIZES, ScriptedRoom, live, meeting, panel, text_of
from rich.color import Color, ColorSystem

from appliance.state.devices import Device, Fault
from appliance.state.room import Agenda
from display.panel import style
from display.panel.keys import TouchKey

FLOORS = {(40, 15): (8, 3), (80, 24): (12, 5), (100, 30): (12, 5)}
"""A finger's floor: 31x17 mm on a 7-inch panel, 32x28 mm on a 10-inch one."""


async def resting(pilot):
    for _ in range(3):
        await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
async def test_every_key_is_on_the_screen_apart_from_the_others_and_big_enough(size):
    broken = Device("camera-1", "camera", fault=Fault.MISSING, remedy="It was unplugged. Plug it in again.")
    troubled = replace(COUNTING, devices=(broken,))
    room = ScriptedRoom()
    async with panel(room).run_test(size=size) as pilot:
        for state in (IDLE, COUNTING, troubled, live("Grace"), replace(live(), how_to_join="x" * 500)):
            room.put(state)
            await resting(pilot)
            keys = [key for key in pilot.app.screen.query(TouchKey) if key.region.area]
            assert {key.id for key in keys} >= {"first", "mic", "camera", "quieter", "louder"}
            for key in keys:
                assert key.region.width >= FLOORS[size][0], key
                assert key.region.height >= FLOORS[size][1], key
                assert pilot.app.screen.region.contains_region(key.region), key
                assert not any(key.region.overlaps(other.region) for other in keys if other is not key), key


@pytest.mark.parametrize("size", SIZES)
async def test_the_status_and_the_clock_are_whole_at_every_size(size):
    async with panel(ScriptedRoom(COUNTING)).run_test(size=size) as pilot:
        await resting(pilot)
        assert "Joining Meeting a in 0:42" in text_of(pilot.app)
        assert "14:52" in text_of(pilot.app)
        assert "60 %" in text_of(pilot.app)


async def test_the_panel_follows_a_terminal_that_changes_its_size():
    async with panel(ScriptedRoom(live("Grace"))).run_test(size=(100, 30)) as pilot:
        for width, height in (*SIZES, (120, 40), (20, 5), (80, 24)):
            await pilot.resize_terminal(width, height)
            await resting(pilot)
        assert "Grace" in text_of(pilot.app)
        assert pilot.app.screen.query_one("#first").region.size == (28, 7)


async def pages(pilot, more, words):
    """Turn the pages until every word was seen, at most once around; return what was never seen."""
    missing = set(words)
    for _ in words:
        missing -= {word for word in missing if word in text_of(pilot.app)}
        if not missing:
            break
        pilot.app.room._clock.at += 1
        await pilot.click(more)
        await pilot.pause()
    return missing


@pytest.mark.parametrize("size", SIZES)
async def test_meetings_that_do_not_fit_are_a_touch_away(size):
    titles = [f"Title-{n:02}" for n in range(14)]
    meetings = tuple(meeting(title, 10 + place, title=title) for place, title in enumerate(titles))
    state = replace(IDLE, agenda=Agenda(meetings, IDLE.agenda.fetched_at))
    async with panel(ScriptedRoom(state)).run_test(size=size) as pilot:
        await resting(pilot)
        assert not await pages(pilot, "#more-meetings", titles)


@pytest.mark.parametrize("size", SIZES)
async def test_people_that_do_not_fit_are_a_touch_away(size):
    names = [f"Guest-{n:02}" for n in range(60)]
    async with panel(ScriptedRoom(live(*names, speakers=["37"]))).run_test(size=size) as pilot:
        await resting(pilot)
        assert "● Guest-37" in text_of(pilot.app)
        assert not await pages(pilot, "#more-people", names)


def test_surfaces_stay_apart_in_a_terminal_with_256_colours():
    names = ("night", "tile", "tile-off", "go", "stop", "muted", "pending")
    colours = [re.search(rf"\${name}: (#\w+);", style.CSS)[1] for name in names]
    rough = {Color.parse(colour).downgrade(ColorSystem.EIGHT_BIT).number for colour in colours}
    assert len(rough) == len(names)
