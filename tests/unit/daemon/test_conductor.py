"""A room's day in virtual time: the real store, dispatcher and conductor; media is played by the test."""

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOON, OPEN, URL, meeting, minutes, people, report, room, wish

from appliance.conductor import Conductor
from appliance.desired import Desired
from appliance.dispatch import Context, Dispatcher
from appliance.lifecycle.rules import Decision, Timing
from appliance.state.commands import CancelJoin, Leave, Origin, SetCameraOff, SetMicMuted
from appliance.state.events import AgendaChanged, CallWanted, MediaReported, NoticeGiven
from appliance.state.room import Agenda, Entry, Phase, Wanted
from appliance.state.store import RoomStore


class Day:
    """A room whose clock the test moves."""

    def __init__(self, *meetings, start):
        self.now = start
        self.store = RoomStore(room(*meetings), now=lambda: self.now)
        self.desired = Desired()
        self.saved = []
        self.dispatcher = Dispatcher(context=self._context, save=self.saved.append, adopt=self._adopt)
        self.conductor = Conductor(
            self.store,
            Timing(60, 10, 10),
            desired=lambda: self.desired,
            dispatch=self.dispatcher.dispatch,
            change=self.dispatcher.change,
            now=lambda: self.now,
        )

    def _context(self):
        links = {m.key: URL for m in self.store.state.agenda.meetings}
        return Context(self.store.state, self.desired, links, Entry(False, False), self.now)

    def _adopt(self, desired):
        self.desired = desired
        call = desired.call
        self.store.apply(CallWanted(Wanted(call.key, call.title, call.ends_at) if call else None))

    async def at(self, moment):
        """Let the clock show `moment` and the rules run."""
        self.now = moment
        await self.conductor._step()
        await self.conductor._step()
        return self.store.state

    def media(self, phase=Phase.LIVE, **call):
        self.store.apply(MediaReported(report(phase, **call)))


SOON = NOON - timedelta(seconds=60)


async def test_the_room_counts_down_joins_and_leaves_by_itself():
    day = Day(meeting(), start=NOON - minutes(10))
    assert (await day.at(NOON - minutes(5))).countdown is None
    assert (await day.at(SOON)).countdown.joins_at == NOON
    assert (await day.at(NOON - timedelta(milliseconds=1))).wanted is None
    assert (await day.at(NOON)).call.phase is Phase.JOINING
    day.media(participants=people("ada"))
    assert (await day.at(NOON + minutes(45))).wanted is not None
    day.media()
    assert (await day.at(NOON + minutes(46))).wanted is not None
    state = await day.at(NOON + minutes(46) + timedelta(seconds=10))
    assert state.wanted is None
    assert "nobody else" in state.notice


async def test_what_was_joined_is_on_disk_before_it_is_done():
    day = Day(meeting(), start=SOON)
    await day.at(SOON)
    await day.at(NOON)
    assert day.saved[-1].call.key == "weekly"
    assert day.saved[-1] == day.desired


@pytest.mark.parametrize("command", [CancelJoin(), Leave()])
async def test_a_cancelled_countdown_does_not_come_back(command):
    day = Day(meeting(), start=SOON)
    await day.at(SOON)
    await day.dispatcher.dispatch(command, Origin.TOUCH)
    for second in (0, 30, 600):
        state = await day.at(NOON + timedelta(seconds=second))
        assert (state.countdown, state.wanted) == (None, None)


async def test_what_was_opened_in_the_idle_room_closes_again():
    day = Day(start=NOON)
    for command in (SetMicMuted(False), SetCameraOff(False)):
        await day.dispatcher.dispatch(command, Origin.TOUCH)
    await day.at(NOON + minutes(9))
    assert day.desired.controls == OPEN
    await day.at(NOON + minutes(10))
    assert day.desired == day.saved[-1]
    assert replace(day.desired, mark=Desired().mark) == Desired()


async def test_a_call_left_by_hand_is_not_joined_again():
    day = Day(meeting(), start=SOON)
    await day.at(SOON)
    await day.at(NOON)
    day.media()
    await day.dispatcher.dispatch(Leave(), Origin.TOUCH)
    day.media(Phase.IDLE, key=None)
    state = await day.at(NOON + minutes(1))
    assert (state.countdown, state.wanted, day.desired.decided["weekly"]) == (None, None, Decision.LEFT)


async def test_a_call_the_server_ends_is_over_and_says_why():
    day = Day(meeting(), start=SOON)
    await day.at(SOON)
    await day.at(NOON)
    day.media()
    day.media(Phase.IDLE, reason="The host ended the meeting.")
    state = await day.at(NOON + minutes(1))
    assert (state.wanted, state.notice) == (None, "The host ended the meeting.")
    assert day.desired.decided["weekly"] is Decision.ENDED


async def test_a_running_meeting_is_not_cut_off_by_the_next():
    day = Day(meeting(), meeting("next", NOON + minutes(30)), start=SOON)
    await day.at(SOON)
    await day.at(NOON)
    day.media(participants=people("ada"))
    state = await day.at(NOON + minutes(31))
    assert (state.wanted.key, state.countdown) == ("weekly", None)
    day.media()
    await day.at(NOON + minutes(32))
    state = await day.at(NOON + minutes(33))
    assert state.countdown.key == "next"


async def test_a_meeting_extended_while_it_is_on_is_left_at_its_new_end():
    day = Day(meeting(), start=SOON)
    await day.at(SOON)
    await day.at(NOON)
    day.media()
    day.store.apply(AgendaChanged(Agenda((meeting(length=60),), NOON)))
    await day.at(NOON + minutes(29))
    assert day.saved[-1].call.ends_at == NOON + minutes(60)
    assert (await day.at(NOON + minutes(59))).wanted is not None
    assert (await day.at(NOON + minutes(61))).wanted is None


async def test_a_meeting_shortened_while_it_is_on_is_left_at_its_new_end():
    day = Day(meeting(), start=SOON)
    await day.at(SOON)
    await day.at(NOON)
    day.media()
    day.store.apply(AgendaChanged(Agenda((meeting(length=20),), NOON)))
    assert (await day.at(NOON + minutes(19))).wanted is not None
    assert (await day.at(NOON + minutes(21))).wanted is None


async def test_a_booking_that_changes_as_its_call_ends_does_not_begin_it_again():
    day = Day(meeting(), start=SOON)
    await day.at(SOON)
    await day.at(NOON)
    day.media(Phase.IDLE, reason="The host ended the meeting.")
    day.store.apply(AgendaChanged(Agenda((meeting(length=60),), NOON)))
    state = await day.at(NOON + minutes(1))
    assert (state.wanted, state.call.phase) == (None, Phase.IDLE)


async def test_a_daemon_that_starts_again_stays_in_a_meeting_that_runs_late():
    late = NOON + minutes(45)
    day = Day(meeting(), start=late)
    day.desired = replace(Desired(), call=replace(wish(), ends_at=NOON + minutes(30)))
    day._adopt(day.desired)
    assert (await day.at(late)).wanted is not None
    day.media(participants=people("ada"))
    assert (await day.at(late + minutes(5))).call.phase is Phase.LIVE


async def test_the_loop_wakes_at_the_start_and_when_the_agenda_changes():
    day = Day(start=NOON)
    running = asyncio.create_task(day.conductor.run())
    try:
        async with asyncio.timeout(5):
            day.store.apply(AgendaChanged(Agenda((meeting(start=NOON + timedelta(seconds=30)),), NOON)))
            async for state in day.store.watch():
                if state.countdown is not None:
                    break
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_a_notice_goes_when_there_was_time_to_read_it():
    day = Day(start=NOON)
    day.store.apply(NoticeGiven("The meeting was full."))
    await day.at(NOON)
    assert (await day.at(NOON + timedelta(seconds=59))).notice
    gone = await day.at(NOON + timedelta(seconds=60))
    assert (gone.notice, gone.call.reason) == ("", "")
