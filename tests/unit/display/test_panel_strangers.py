"""Strangers' words and crowds: nothing on the panel runs, breaks or piles up."""

from dataclasses import replace

import pytest
from panel_rooms import IDLE, NOW, ScriptedRoom, live, meeting, panel, text_of

from appliance.state.devices import Device, DeviceKind, DeviceUse, Fault
from appliance.state.room import Agenda, Call, Countdown, MeetingKey, Phase, ServiceHealth

HOSTILE = [
    "[@click=app.leave]x[/]",
    "[@click=app.quit]quit[/]",
    "[/foo]",
    "[",
    "[bold",
    "\\[",
    "{style}",
    "$primary",
    "a\x1b[2J\x07\r\n\tb",
    "\u202egnp.exe",
    "مرحبا بالعالم",
    "👩‍👩‍👧‍👦" * 50,
    "e" + "\u0301" * 500,
    "林" * 300,
    "x" * 10_000,
    "",
    "\u200b",
]


def everywhere(words):
    camera = DeviceUse(DeviceKind.CAMERA, name=words, healthy=False, error=words)
    row = Device(words, words, words, words, fault=Fault.FAILING, remedy=words)
    return replace(
        IDLE,
        name=words,
        notice=words,
        how_to_join=words,
        agenda=Agenda((meeting("a", title=words, organizer=words, why=words),), NOW, error=words),
        services=(ServiceHealth(words, ok=False, detail=words),),
        senses=replace(IDLE.senses, devices=(camera,)),
        devices=(row,),
        face=replace(IDLE.face, lit=False, error=words),
        call=Call(reason=words),
    )


def states(words, phases):
    idle = everywhere(words)
    talking = live(words, words).call
    yield replace(idle, countdown=Countdown(MeetingKey("a"), words, NOW, NOW))
    for phase in phases:
        yield replace(idle, call=replace(talking, phase=phase, title=words, reason=words))


@pytest.mark.parametrize(
    ("size", "phases"),
    [((40, 15), (Phase.IDLE, Phase.LIVE)), ((80, 24), tuple(Phase)), ((100, 30), (Phase.IDLE, Phase.LIVE))],
)
async def test_strangers_words_are_shown_as_words_everywhere(size, phases):
    room = ScriptedRoom()
    app = panel(room)
    async with app.run_test(size=size, notifications=True) as pilot:
        for words in HOSTILE:
            for state in states(words, phases):
                room.put(state)
                await pilot.pause()
        room.put(live("[@click=app.leave]x[/]", "[/foo]", "\x1b[31mred"))
        await pilot.pause()
        shown = text_of(app)
        assert "[@click=app.leave]x[/]" in shown
        assert "[/foo]" in shown
        assert "[31mred" in shown
        assert "\x1b" not in shown
        assert room.sent == []


async def test_a_touch_on_a_name_with_an_action_does_nothing():
    room = ScriptedRoom(live("[@click=app.quit]x[/]"))
    app = panel(room)
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.click("#names", offset=(14, 0))
        await pilot.pause()
        assert app._exit is False
        assert room.sent == []


async def test_hostile_words_on_the_sheet_stay_words():
    async with panel(ScriptedRoom(everywhere("[@click=app.quit]x[/]"))).run_test() as pilot:
        await pilot.pause()
        await pilot.press("p")
        await pilot.pause()
        assert "[@click=app.quit]x[/]" in text_of(pilot.app)


async def test_of_a_thousand_changes_the_newest_is_shown_and_nothing_piles_up():
    room = ScriptedRoom(live())
    app = panel(room)
    shown = []
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        show = app.room.show
        app.room.show = lambda *args, **kw: (shown.append(1), show(*args, **kw))
        for count in range(1000):
            room.put(live(*(f"Person {n}" for n in range(count % 40))))
        room.put(live("The last one"))
        await pilot.pause()
        assert "The last one" in text_of(app)
        assert "with 1 person" in text_of(app)
        assert len(shown) < 20


async def test_a_thousand_people_who_come_and_go_are_followed():
    crowd = [f"Person {n}" for n in range(1000)]
    room = ScriptedRoom(live(*crowd))
    async with panel(room).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "with 1000 people" in text_of(pilot.app)
        for gone in range(1, 50):
            room.put(live(*crowd[gone:], speakers=["500"]))
            await pilot.pause()
            assert f"with {1000 - gone} people" in text_of(pilot.app)
        assert f"● {crowd[549]}" in text_of(pilot.app)


@pytest.mark.parametrize(("size", "lines"), [((40, 15), 2), ((80, 24), 3)])
async def test_a_remedy_that_is_too_long_for_the_band_is_seen_to_go_on(size, lines):
    camera = Device("camera-1", "camera", fault=Fault.FAILING, remedy="Plug it into another port. " * 9)
    async with panel(ScriptedRoom(replace(IDLE, devices=(camera,)))).run_test(size=size) as pilot:
        await pilot.pause()
        band = pilot.app.screen.query_one("#band")
        shown = text_of(pilot.app).splitlines()[band.region.y : band.region.bottom]
        assert len(shown) == lines
        assert shown[-1].endswith("…")
        assert all(line.lstrip().startswith(("!", "Plug", "another", "port", "into", "it")) for line in shown)


@pytest.mark.parametrize("state", [None, IDLE])
async def test_a_room_of_another_version_is_told_with_the_remedy(state):
    room = ScriptedRoom(state)
    async with panel(room).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        room.trouble = "It is of another version. End this panel and start it again."
        room.connect(False)
        await pilot.pause()
        shown = text_of(pilot.app)
        assert "This panel does not understand the room" in shown
        assert "End this panel and start it again." in shown
        assert not any(key.button.enabled for key in pilot.app.screen.query("#controls TouchKey"))
