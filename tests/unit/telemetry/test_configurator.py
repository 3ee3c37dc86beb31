"""The configuration of a room in the hands of time: meetings that end, programs that do not come back, kill -9."""

import asyncio
from dataclasses import replace

import pytest

from appliance.errors import StartAgain
from appliance.overlay import Overlay, OverlayFile, Revision
from appliance.settings import Own
from appliance.state.room import Call
from appliance.telemetry.configuration import NOT_WELL
from appliance.telemetry.configurator import Configurator, Patience, count_start, overlay_file
from appliance.telemetry.protocol.orders import Desired

DESIRED = Desired(7, {"room": {"name": "Blue"}})
QUICK = Patience(well_s=0.02, at_most_s=0.1)
NEVER = Patience(well_s=60, at_most_s=300)


class Room:
    """A room that lives on in its file, each life a daemon."""

    def __init__(self, tmp_path, state):
        self.own = Own({"paths": {"state": str(tmp_path)}})
        self.file = overlay_file(tmp_path)
        self.state = state
        self.news = asyncio.Event()

    def set(self, state):
        self.state = state
        self.news.set()

    async def states(self):
        while True:
            self.news.clear()
            yield self.state
            await self.news.wait()

    def daemon(self, file=None):
        count_start(self.own)
        doc = self.file.load().in_force.doc
        return Configurator(file or self.file, self.own, self.own.over(doc), patience=QUICK)

    async def life(self, *orders, file=None, for_s=None):
        """Run a daemon until it begins anew; returns what it says then, or none when it went on."""
        configurator = self.daemon(file)
        running = asyncio.create_task(configurator.run(self.states()))
        await asyncio.sleep(0)
        for order in orders:
            await configurator.configure(order)
        done, _ = await asyncio.wait([running], timeout=for_s)
        running.cancel()
        result = await asyncio.gather(running, return_exceptions=True)
        if not done:
            return None
        assert isinstance(result[0], BaseExceptionGroup)
        assert result[0].subgroup(StartAgain) is not None
        return configurator.reported()


@pytest.fixture
def idle(room):
    return replace(room, call=Call(), wanted=None)


@pytest.fixture
def a_room(tmp_path, idle):
    return Room(tmp_path, idle)


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_an_idle_room_applies_at_once_and_is_good_when_it_stays_well(a_room):
    said = await a_room.life(DESIRED)
    assert (said.rev, said.seen) == (7, 7)
    assert a_room.file.load().trial == Revision(7, DESIRED.doc)
    second = asyncio.create_task(a_room.life(for_s=5))
    await until(lambda: a_room.file.load().trial is None)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    assert a_room.file.load().good == Revision(7, DESIRED.doc)


async def test_in_a_meeting_it_waits_until_that_is_over(a_room, room, idle):
    a_room.set(room)
    running = asyncio.create_task(a_room.life(DESIRED))
    await until(lambda: a_room.file.load().waiting is not None)
    assert not running.done()
    a_room.set(idle)
    assert (await running).rev == 7


async def test_what_waits_is_not_forgotten_by_a_restart(a_room, room, idle):
    a_room.set(room)
    await a_room.life(DESIRED, for_s=0.1)
    assert a_room.file.load().waiting == Revision(7, DESIRED.doc)
    a_room.set(idle)
    assert (await a_room.life()).rev == 7


async def test_a_room_that_is_not_well_with_it_goes_back_to_the_last_good_one(a_room, idle):
    await a_room.life(Desired(5, {"room": {"name": "Good"}}))
    a_room.file.save(replace(a_room.file.load(), good=Revision(5, {"room": {"name": "Good"}}), trial=None))
    await a_room.life(DESIRED)
    a_room.set(replace(idle, senses=replace(idle.senses, connected=False)))
    said = await a_room.life()
    assert (said.rev, said.seen, said.waits) == (5, 7, NOT_WELL)
    assert said.doc["room"]["name"] == "Blue"  # in force until it has begun anew
    assert a_room.daemon().reported().doc["room"]["name"] == "Good"


async def test_a_daemon_that_keeps_dying_with_it_goes_back_too(a_room):
    await a_room.life(DESIRED)
    names = [a_room.daemon().reported().doc["room"]["name"] for _ in range(5)]  # each killed at once
    assert names == ["Blue"] * 3 + ["Meeting room"] * 2


async def test_a_document_with_one_wrong_key_is_refused_whole_and_each_mistake_is_told(a_room):
    assert await a_room.life(Desired(8, {"room": {"name": "Blue", "nome": 1}, "tv": {"switch": 2}}), for_s=0.1) is None
    said = a_room.daemon().reported()
    assert (said.rev, said.seen) == (0, 8)
    assert {trouble.key for trouble in said.troubles} == {"room.nome", "tv.switch"}
    assert said.doc["room"]["name"] == "Meeting room"


async def test_what_changes_nothing_restarts_nothing(a_room):
    assert await a_room.life(Desired(9, {"joining": {"enter_muted": False}}), for_s=0.1) is None
    assert a_room.daemon().reported().rev == 9


class Killed(BaseException):
    """As kill -9 would: nothing after it is done."""


class DyingFile(OverlayFile):
    """Dies at its nth write, before or after the file is there."""

    __slots__ = ("after", "writes")

    def __init__(self, path, writes, *, after):
        super().__init__(path)
        object.__setattr__(self, "writes", writes)
        object.__setattr__(self, "after", after)

    def save(self, overlay):
        object.__setattr__(self, "writes", self.writes - 1)
        if self.writes == 0 and not self.after:
            raise Killed
        super().save(overlay)
        if self.writes == 0:
            raise Killed


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("writes", [1, 2])
async def test_killed_at_any_write_the_room_ends_up_with_what_is_wanted(a_room, writes, after):
    dying = DyingFile(a_room.file.path, writes, after=after)
    first = asyncio.create_task(a_room.life(DESIRED, file=dying))
    (killed,) = await asyncio.gather(first, return_exceptions=True)
    assert killed is not None
    for _ in range(3):  # the console says it again at each connection
        await a_room.life(DESIRED, for_s=0.3)
    assert a_room.file.load() == Overlay(good=Revision(7, DESIRED.doc), needs=("media", "display"), seen=7)


async def test_a_disk_that_refuses_changes_nothing_and_says_so(a_room):
    class Full(OverlayFile):
        def save(self, overlay):
            raise OSError(28, "No space left on device")

    configurator = Configurator(Full(a_room.file.path), a_room.own, a_room.own.settings())
    await configurator.configure(DESIRED)
    said = configurator.reported()
    assert (said.rev, said.seen) == (0, 0)
    assert "No space left" in said.waits


@pytest.mark.parametrize("place", ["good", "trial"])
async def test_what_a_new_release_finds_wrong_is_reported_as_given_up(a_room, place):
    a_room.file.save(Overlay(**{place: Revision(4, {"sound": {"gone": 1}})}, seen=4))
    said = Configurator(a_room.file, a_room.own, a_room.own.settings()).reported()
    assert (said.rev, said.seen) == (0, 4)
    assert "does not fit" in said.waits
