import asyncio
from dataclasses import replace

import pytest
from builders import NOON, room

from appliance.director import Director, Floor, next_layout
from appliance.state.layout import PersonId, Source, View
from appliance.state.room import Call, Controls, Limits, MeetingKey, Participant, Phase
from appliance.state.store import RoomStore


def people(count, sharing=()):
    return tuple(Participant(PersonId(f"p{n}"), f"P {n}", screen_on=n in sharing) for n in range(count))


def in_call(count, *, sharing=(), speakers=(), view=View.GALLERY):
    call = Call(Phase.LIVE, MeetingKey("k"), "Weekly", NOON, people(count, sharing), tuple(map(PersonId, speakers)))
    return room(call=call, controls=Controls(view=view))


def placed(state, floor=None):
    """The room with its next layout."""
    layout = next_layout(state, floor or Floor())
    return state if layout is None else replace(state, layout=layout)


def shown(state):
    return [f"{tile.person}{'/screen' if tile.source is Source.SCREEN else ''}" for tile in state.layout.tiles]


def heard(*speakers, at=100.0):
    floor = Floor()
    floor.hear([PersonId(person) for person in speakers], at)
    return floor


def test_everybody_has_a_tile_of_the_same_size():
    state = placed(in_call(9))
    assert shown(state) == [f"p{n}" for n in range(9)]
    assert {(tile.w, tile.h) for tile in state.layout.tiles} == {(640, 360)}
    assert next_layout(state, Floor()) is None


def test_a_shared_screen_takes_the_stage_by_itself_and_leaves_it():
    state = placed(in_call(9, sharing={4}))
    assert shown(state) == ["p4/screen", "p0", "p1", "p2", "p3", "p4"]
    assert state.layout.tiles[0].w == 1600
    alone = placed(replace(state, call=in_call(9).call))
    assert len(alone.layout.tiles) == 9


def test_the_first_shared_screen_stays_large_when_another_comes():
    state = placed(in_call(3, sharing={2}))
    state = placed(replace(state, call=in_call(3, sharing={0, 2}).call))
    assert shown(state) == ["p2/screen", "p0/screen", "p0", "p1", "p2"]


def test_who_speaks_comes_into_the_strip_and_the_others_keep_their_order():
    state = placed(in_call(9, sharing={0}))
    state = placed(state, heard("p8"))
    assert shown(state) == ["p0/screen", "p0", "p1", "p2", "p3", "p8"]
    assert shown(placed(state)) == shown(state)


def test_who_speaks_is_large_when_that_is_wished():
    state = placed(in_call(4, view=View.SPEAKER), heard("p2"))
    assert shown(state) == ["p2", "p0", "p1", "p3"]
    assert [tile.w for tile in state.layout.tiles] == [1600, 320, 320, 320]


def test_two_people_with_the_speaker_large_and_one_alone():
    assert shown(placed(in_call(2, view=View.SPEAKER), heard("p1"))) == ["p1", "p0"]
    assert placed(in_call(1, view=View.SPEAKER)).layout.tiles[0].w == 1920


def test_a_cough_does_not_take_the_floor():
    floor = heard("p0", at=0.0)
    floor.hear([PersonId("p1")], 1.0)
    assert floor.main == "p0"
    floor.hear([PersonId("p1")], 2.5)
    assert floor.main == "p1"
    floor.hear([], 60.0)
    assert floor.main == "p1"
    assert not floor.recent


def test_no_more_people_are_placed_than_the_machine_can_bear():
    def limited(state, tiles):
        return placed(replace(state, senses=replace(state.senses, limits=Limits(tiles=tiles))), heard("p7"))

    assert shown(limited(in_call(9), 4)) == ["p0", "p1", "p2", "p7"]
    assert shown(limited(in_call(9, sharing={0}), 4)) == ["p0/screen", "p0", "p1", "p7"]
    assert shown(limited(in_call(9, sharing={0}), 1)) == ["p0/screen"]
    assert shown(limited(in_call(9, view=View.SPEAKER), 1)) == ["p7"]


def test_a_fiftieth_person_who_speaks_is_shown():
    state = placed(in_call(50))
    assert "p49" not in shown(state)
    state = placed(state, heard("p49"))
    assert len(shown(state)) == 49
    assert shown(state)[-1] == "p49"


@pytest.fixture
def store():
    return RoomStore(in_call(2, view=View.SPEAKER, speakers=("p1",)), now=lambda: NOON)


async def test_the_director_follows_the_room(store):
    task = asyncio.create_task(Director(store).run())
    async with asyncio.timeout(5):
        async for state in store.watch():
            if state.layout.tiles:
                break
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert shown(store.state) == ["p1", "p0"]
